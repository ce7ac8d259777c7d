"""What the eye notices: where a picture hides a mark, and how visible the mark is."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks.errors import WatermarkError

LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)
"""Luma of R'G'B' (ITU-R BT.601), as JPEG has it."""

_CODE = np.arange(256) / 255
SRGB_TO_LINEAR = np.where(_CODE <= 0.04045, _CODE / 12.92, ((_CODE + 0.055) / 1.055) ** 2.4).astype(
    np.float32
)
"""The linear values of sRGB's 256 code values (IEC 61966-2-1)."""

_READING_DISTANCE_IN = 40 / 2.54


@dataclass(frozen=True, slots=True)
class Visibility:
    """The colour difference that an eye at 40 cm sees, over the picture.

    Attributes
    ----------
    mean, p99 : float
        Mean and 99th percentile of the S-CIELAB difference, in units of Delta E*ab.
    """

    mean: float
    p99: float


def psnr_db(host: NDArray[np.uint8], marked: NDArray[np.uint8]) -> float:
    """Return the peak signal-to-noise ratio over all channels, in dB; infinite if equal."""
    _require_same_shape(host, marked)
    error = np.mean(np.square(host.astype(np.float32) - marked), dtype=np.float64)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def activity(plane: NDArray[np.float32], radius_px: float) -> NDArray[np.float32]:
    """Return how much goes on around each pixel, in the plane's units.

    The mean magnitude of the detail finer than the radius, then its least value over the
    neighbourhood: beside an edge, the flat side keeps the low value that the eye judges it by
    (masking of noise by texture but not by a lone edge; Girod 1989).
    """
    detail = np.abs(plane - cv2.GaussianBlur(plane, (0, 0), radius_px))
    side = 2 * round(radius_px) + 1
    mean = cv2.blur(detail, (side, side))
    least = cv2.erode(mean, np.ones((side, side), np.uint8))
    return np.asarray(cv2.GaussianBlur(least, (0, 0), radius_px / 2), np.float32)


def visibility(host: NDArray[np.uint8], marked: NDArray[np.uint8], dpi: float) -> Visibility:
    """Return how visible a mark is at 40 cm, by S-CIELAB.

    Follows Zhang & Wandell 1997 (doi:10.1889/1.1985127): opponent colours, each blurred as the eye
    blurs it, then CIELAB differences.

    Parameters
    ----------
    host, marked : ndarray of uint8, shape (H, W, 3)
        sRGB pictures.
    dpi : float
        Pixels per inch of paper.
    """
    _require_same_shape(host, marked)
    resolution = px_per_degree(dpi)
    seen = [_to_lab(blur_as_eye(SRGB_TO_LINEAR[image], resolution)) for image in (host, marked)]
    difference = np.linalg.norm(seen[0] - seen[1], axis=2)
    return Visibility(mean=float(difference.mean()), p99=float(np.percentile(difference, 99)))


def _require_same_shape(host: NDArray[np.uint8], marked: NDArray[np.uint8]) -> None:
    if host.shape != marked.shape:
        raise WatermarkError(f"the pictures differ in shape: {host.shape} and {marked.shape}")


# sRGB (IEC 61966-2-1) to XYZ, XYZ to the opponent space of Poirson & Wandell 1993.
RGB_TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32
)
XYZ_TO_OPPONENT = np.array([[0.279, 0.72, -0.107], [-0.449, 0.29, -0.077], [0.086, -0.59, 0.501]], np.float32)
WHITE_XYZ = RGB_TO_XYZ.sum(axis=1)

# Weights and spreads (degrees) of the eye's blur per opponent channel, Zhang & Wandell's table 1.
_EYE_BLUR = (
    ((0.921, 0.0283), (0.105, 0.133), (-0.108, 4.336)),
    ((0.531, 0.0392), (0.330, 0.494)),
    ((0.488, 0.0536), (0.371, 0.386)),
)


def px_per_degree(dpi: float) -> float:
    """Return how many pixels of paper a degree covers at reading distance."""
    return float(dpi * _READING_DISTANCE_IN * np.tan(np.pi / 180))


def eye_transfer(cycles_per_degree: float) -> NDArray[np.float64]:
    """Return what the eye's blur leaves of each opponent channel at a frequency, shape (3,)."""
    shares = []
    for gaussians in _EYE_BLUR:
        passed = [w * np.exp(-((np.pi * spread * cycles_per_degree) ** 2)) for w, spread in gaussians]
        shares.append(sum(passed) / sum(w for w, _ in gaussians))
    return np.array(shares)


def blur_as_eye(linear: NDArray[np.float32], resolution: float) -> NDArray[np.float32]:
    """Blur each opponent channel by its sum of Gaussians; return XYZ.

    Parameters
    ----------
    linear : ndarray of float32, shape (H, W, 3)
        Linear RGB in [0, 1].
    resolution : float
        Pixels per degree.
    """
    to_opponent = XYZ_TO_OPPONENT @ RGB_TO_XYZ
    opponent = linear @ to_opponent.T
    for channel, gaussians in enumerate(_EYE_BLUR):
        plane = np.ascontiguousarray(opponent[..., channel])
        total = sum(weight for weight, _ in gaussians)
        opponent[..., channel] = sum(
            weight / total * _wide_blur(plane, spread * resolution / np.sqrt(2))
            for weight, spread in gaussians
        )
    return np.asarray(opponent @ np.linalg.inv(XYZ_TO_OPPONENT).T.astype(np.float32), np.float32)


def _wide_blur(plane: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Blur by a Gaussian; a wide one at the low resolution that suffices for it."""
    step = max(1, int(sigma_px / 4))
    height, width = plane.shape
    size = (max(1, width // step), max(1, height // step))
    small = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma_px / step, borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _to_lab(xyz: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return CIELAB (CIE 15) of XYZ relative to the display's white."""
    ratio = np.maximum(xyz / WHITE_XYZ, 0)
    f = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)
