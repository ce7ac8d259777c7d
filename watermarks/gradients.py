"""Gradients of a plane, and means over its blocks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class GradientPower:
    """Products of a plane's gradient with itself (the structure tensor), in levels per pixel, squared.

    Attributes
    ----------
    across, down, mixed : ndarray of float32, shape (H, W)
        Of the horizontal part with itself, the vertical with itself, and one with the other.
    """

    across: NDArray[np.float32]
    down: NDArray[np.float32]
    mixed: NDArray[np.float32]


def gradient(plane: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the gradient across and down by Sobel's filter, levels per pixel, shape (H, W) each."""
    across, down = (cv2.Sobel(plane, -1, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
    return np.asarray(across, np.float32), np.asarray(down, np.float32)


def gradient_power(plane: NDArray[np.float32]) -> GradientPower:
    """Return the products of a plane's gradient."""
    x, y = gradient(plane)
    return GradientPower(x * x, y * y, x * y)


def block_means(plane: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return the means over square blocks, at least one; what is left over at the far ends is dropped."""
    rows, cols = (max(1, length // side) for length in plane.shape)
    whole = plane[: rows * side, : cols * side]
    return np.asarray(cv2.resize(whole, (cols, rows), interpolation=cv2.INTER_AREA), np.float32)
