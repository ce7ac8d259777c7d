"""Unread capture -> the likeliest reason, for a phone app to coach its user."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks.results import MissReason

# A photo with fewer pixels than this on its sides shows too few of the chips of any picture.
_LEAST_LONG_SIDE_PX = 300
_LEAST_SHORT_SIDE_PX = 60

# Paper white below this 8-bit level leaves the mark's few levels to the noise.
_DARK_LEVEL = 60

# Where this share of the photo is clipped to white, a lamp is mirrored: paper itself stays below.
_GLARE_SHARE = 0.04
_CLIPPED_LEVEL = 252

# The steepest edges of a sharp photo lose a tenth at most from full to half of this resolution, those of
# a photo blurred by 3 pixels lose nothing: gradients per pixel then double. Measured on simulated photos:
# sharp ones have 0.87 and more, those blurred by 3 px in 1500 less than 0.55.
_SHARPNESS_LONG_SIDE_PX = 1000
_LEAST_SHARPNESS = 0.57


def likeliest_reason(capture: NDArray[np.uint8], *, followed: bool) -> MissReason:
    """Return why a capture was not read.

    Parameters
    ----------
    capture : ndarray of uint8, shape (H, W, 3)
        The photo, RGB.
    followed : bool
        Whether a template was found and followed, though no payload came of it.
    """
    luma = np.asarray(cv2.cvtColor(capture, cv2.COLOR_RGB2GRAY), np.uint8)
    if max(luma.shape) < _LEAST_LONG_SIDE_PX or min(luma.shape) < _LEAST_SHORT_SIDE_PX:
        return MissReason.TOO_SMALL
    if np.percentile(luma, 95) < _DARK_LEVEL:
        return MissReason.TOO_DARK
    if np.mean(capture.min(axis=2) >= _CLIPPED_LEVEL) > _GLARE_SHARE:
        return MissReason.GLARE
    if _sharpness(luma) < _LEAST_SHARPNESS:
        return MissReason.TOO_BLURRED
    return MissReason.PAYLOAD_FAILED if followed else MissReason.NO_TEMPLATE


def _sharpness(luma: NDArray[np.uint8]) -> float:
    """Return the steepest edges' gradients per pixel over the same at half the resolution."""
    shrink = min(1.0, _SHARPNESS_LONG_SIDE_PX / max(luma.shape))
    fine = cv2.resize(luma, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(fine, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    edges = [np.percentile(_gradient(np.asarray(image, np.float32)), 98) for image in (fine, coarse)]
    return float(edges[0] / edges[1]) if edges[1] > 0 else 1.0


def _gradient(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the magnitude of the gradient, levels per pixel."""
    across, down = np.diff(plane, axis=1)[:-1], np.diff(plane, axis=0)[:, :-1]
    return np.asarray(np.hypot(across, down), np.float32)
