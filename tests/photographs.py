"""Real photographs for the codec's tests: those that ship inside scikit-image's wheel."""

from __future__ import annotations

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray


def photograph(name: str, width_px: int) -> NDArray[np.uint8]:
    """Return ``astronaut``, ``chelsea`` or ``coffee`` scaled to a width, shape (H, W, 3)."""
    image = np.asarray(getattr(skimage.data, name)(), np.uint8)
    height_px = round(image.shape[0] * width_px / image.shape[1])
    return scaled(image, (width_px, height_px))


def scaled(image: NDArray[np.uint8], size_px: tuple[int, int]) -> NDArray[np.uint8]:
    """Return an image at a size (width, height), averaged when made smaller."""
    smaller = size_px[0] < image.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size_px, interpolation=method), np.uint8)
