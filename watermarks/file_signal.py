"""Marked file -> what the reader would measure in it, the pose known and nothing lost on the way."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks import decoder
from watermarks.geometry import Surface
from watermarks.profiles import Profile
from watermarks.registration import registered
from watermarks.whitening import level, luma_of

MEASURED_PX_PER_CHIP = 2.0
"""The resolution at which a file is measured: that of a photo from reading distance."""

# Where a typical photo's contrast has fallen to 1 / e, in cycles per tile: a file is measured as it will be
# read. Not by its clearest bits: in a busy picture those are the picture's own.
_CUTOFF = 50.0


def at_measured_scale(
    image: NDArray[np.uint8] | NDArray[np.float32], px_per_chip: float
) -> NDArray[np.float32]:
    """Return a picture of `px_per_chip` at `MEASURED_PX_PER_CHIP`."""
    shrink = MEASURED_PX_PER_CHIP / px_per_chip
    size = round(image.shape[1] * shrink), round(image.shape[0] * shrink)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def file_soft_bits(marked: NDArray[np.float32], key: bytes, profile: Profile) -> NDArray[np.float64]:
    """Return the coded bits' log-likelihood ratios.

    Parameters
    ----------
    marked : ndarray of float32, shape (H, W, 3)
        A marked picture at `MEASURED_PX_PER_CHIP`, its first chip at its top left corner.
    key : bytes
        The watermark key.
    profile : Profile
        The version of the format.

    Returns
    -------
    ndarray of float, shape (CODED_BITS,)
    """
    scale = MEASURED_PX_PER_CHIP
    flat = Surface.flat(np.array([[scale, 0, -0.5], [0, scale, -0.5], [0, 0, 1.0]]))
    whole = level(luma_of(marked), 1)
    chips = np.array(marked.shape[1::-1]) / scale
    registration = registered(whole, flat, np.array([[0, 0], chips]), profile)
    return decoder.soft_bits(whole, registration, key, profile, cutoff=_CUTOFF)
