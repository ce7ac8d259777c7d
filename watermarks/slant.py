"""Lines and textures of a photo -> whether it looks at its page from too steep an angle.

A page is full of lines that run along one of two directions at a right angle: its own edges, those of its
pictures and columns, its lines of text. Each way that a page may lie before a phone's camera has them run to
two vanishing points (the two-direction case of Coughlan & Yuille 1999, doi:10.1109/ICCV.1999.790349); how
well the best of the steep ways explains the lines that are there, against the best of the others, tells much.
A steep view squeezes textures as well: gradients across become stronger than those along (Witkin 1981,
doi:10.1016/0004-3702(81)90019-9).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks.geometry import Camera
from watermarks.gradients import GradientPower, block_means

# Lines are looked for in a copy of this long side: finer ones are letters.
_LINES_PX = 640

# The longest so many count, those of at least so many pixels, each by its length squared: the page's own
# edges are longer than what a picture shows. None counts as longer than a third of the copy.
_MOST_LINES = 20
_LEAST_LINES = 4
_LEAST_PX = 12.0
_GREATEST_PX = 200.0

# A line that turns from the vanishing point by this angle says nothing for it: pages curl, lenses bend.
_TOLERANCE_DEG = 6.0

# Ways that a page may lie: its normal's tilt from the optical axis and direction, and its turn.
_TILT_STEP_DEG = 5
_STEEPEST_DEG = 80
_DIRECTIONS = 24
_TURNS = 15

# Pages read up to about the first; from the second on none did. In between either may be.
_READ_DEG = 40
_STEEP_DEG = 55

# The squeeze's share in the evidence: enough to settle what lines leave open.
_SQUEEZE_WEIGHT = 0.1

# Blocks over which a texture's squeeze is taken, and the mean squared gradient (levels per pixel, squared)
# below which a block is noise.
_BLOCK_PX = 25
_PLAIN = 4.0


def slant_evidence(luma: NDArray[np.float32], power: GradientPower) -> float:
    """Return how much better a steep page explains a photo than one that can be read.

    Parameters
    ----------
    luma : ndarray of float32, shape (H, W)
        The photo's luma in 8-bit levels, uncropped, reduced to a long side of about 1,000 pixels.
    power : GradientPower
        The products of its gradient.

    Returns
    -------
    float
        About -0.5 to 0.5: the share of the lines' weight that the best steep page explains, less that of the
        best other one, plus a tenth of the log of how much textures are squeezed beyond what is common.
        Negative infinity without lines enough to tell by.
    """
    shrink = min(1.0, _LINES_PX / max(luma.shape))
    copy = np.asarray(cv2.resize(luma, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.float32)
    found = _lines(copy)
    if len(found) < _LEAST_LINES:
        return -np.inf
    tilts_deg, explained = _explained(found, copy.shape)
    gain = explained[tilts_deg >= _STEEP_DEG].max() - explained[tilts_deg <= _READ_DEG].max()
    return float(gain + _SQUEEZE_WEIGHT * np.log(_squeeze(power)))


def _lines(luma: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the longest straight lines as x0, y0, x1, y1, shape (K, 4)."""
    detector = cv2.createLineSegmentDetector(cv2.LSD_REFINE_NONE)
    found: Any = detector.detect(np.clip(luma, 0, 255).astype(np.uint8))[0]
    # None where there is no line at all, whatever OpenCV's stubs say.
    ends = np.zeros((0, 4)) if found is None else np.asarray(found, np.float64).reshape(-1, 4)
    length = np.hypot(ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1])
    longest = np.argsort(-length)[:_MOST_LINES]
    return ends[longest[length[longest] >= _LEAST_PX]]


def _explained(
    ends: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each way's tilt, and the share of the lines' weight that it explains, in [0, 1]."""
    camera = Camera.of(shape)
    at = ((ends[:, :2] + ends[:, 2:]) / 2 - camera.centre_xy) / camera.focal_px
    along = ends[:, 2:] - ends[:, :2]
    length = np.hypot(*along.T)
    tilts_deg, directions = _ways()
    # A direction D in space is seen, at a point m of the image, to run along D_xy - m D_z.
    seen = directions[:, :, None, :2] - at * directions[:, :, None, 2:]
    turned = np.abs(seen[..., 0] * along[:, 1] - seen[..., 1] * along[:, 0])
    sine = turned / np.maximum(np.hypot(seen[..., 0], seen[..., 1]) * length, 1e-9)
    agrees = np.maximum(0, 1 - sine / np.sin(np.radians(_TOLERANCE_DEG))).max(axis=1)
    weights = np.minimum(length, _GREATEST_PX) ** 2
    return tilts_deg, agrees @ weights / weights.sum()


@cache
def _ways() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return tilts, shape (M,), and the page's two directions in the camera's axes, shape (M, 2, 3)."""
    tilts_deg, both = [], []
    for tilt_deg in range(0, _STEEPEST_DEG + 1, _TILT_STEP_DEG):
        tilt = np.radians(tilt_deg)
        for towards in np.linspace(0, 2 * np.pi, _DIRECTIONS if tilt_deg else 1, endpoint=False):
            downhill = np.array(
                [np.cos(towards) * np.cos(tilt), np.sin(towards) * np.cos(tilt), -np.sin(tilt)]
            )
            level = np.array([-np.sin(towards), np.cos(towards), 0.0])
            for turn in np.linspace(0, np.pi / 2, _TURNS, endpoint=False):
                cosine, sine = np.cos(turn), np.sin(turn)
                tilts_deg.append(float(tilt_deg))
                both.append([cosine * downhill + sine * level, cosine * level - sine * downhill])
    return np.array(tilts_deg), np.array(both)


def _squeeze(power: GradientPower) -> float:
    """Return the ratio of gradient power across and along the direction in which it is greatest, 1 and up.

    Every block counts alike, or a few strong edges would speak for the whole.
    """
    xx, yy, xy = (
        block_means(each, _BLOCK_PX).astype(np.float64) for each in (power.across, power.down, power.mixed)
    )
    total = xx + yy + _PLAIN
    across, down, mixed = (float(np.mean(each / total)) for each in (xx, yy, xy))
    half = (across + down) / 2
    spread = float(np.hypot((across - down) / 2, mixed))
    return (half + spread) / max(half - spread, 1e-6) if half > 0 else 1.0
