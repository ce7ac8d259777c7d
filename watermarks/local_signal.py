"""Simulated photos of a marked picture -> where in the picture the mark is strong, and where weak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks import ecc
from watermarks.channel_camera import Capture
from watermarks.decoder import accumulated_db, soft_bits
from watermarks.known_pose import register_known
from watermarks.payload import Payload, to_message_bits
from watermarks.profiles import DRAFT_0, Profile
from watermarks.region import evidence

CELL_CHIPS = 16
"""Side of a cell: 0.2 in of paper, the least over which some photos tell a signal from noise."""

# Cells are smoothed by this much, in cells: half of what one shows is its neighbours' as well.
_SMOOTHED = 0.7

# The signal of a cell in which nothing of the mark was seen, below the picture's mean, in dB.
_NOTHING_DB = -30.0


@dataclass(frozen=True, slots=True, eq=False)
class PagePhoto:
    """A simulated photo, and where on its page the picture lies.

    Attributes
    ----------
    capture : Capture
    corner_in, size_in : ndarray of float, shape (2,)
        The picture's top left corner on the page, and its width and height, in inches.
    """

    capture: Capture
    corner_in: NDArray[np.float64]
    size_in: NDArray[np.float64]


def local_signal_db(
    photos: Sequence[PagePhoto], payload: Payload, key: bytes, *, profile: Profile = DRAFT_0
) -> NDArray[np.float64]:
    """Return what the mean photo would show if the whole picture were like each place of it.

    Parameters
    ----------
    photos : sequence of PagePhoto
        At least one; all of the same picture at the same size.
    payload : Payload
        What the mark carries.
    key : bytes
        The watermark key.
    profile : Profile, optional

    Returns
    -------
    ndarray of float, shape (R, C)
        Accumulated signal-to-noise ratio in dB, for cells of about `CELL_CHIPS` chips; the mean's where no
        photo shows the cell.

    Notes
    -----
    Signal-to-noise ratios of places add up to the picture's, as the decoder weights each place by how
    strongly it shows the mark. A place's own is the square of its correlation with the mark, the mean over
    all photos that show it, less what noise alone would give.
    """
    coded_bits = ecc.encode(to_message_bits(payload, key))
    chips = np.floor(photos[0].size_in * profile.chips_per_inch).astype(int)
    size = max(1, round(chips[0] / CELL_CHIPS)), max(1, round(chips[1] / CELL_CHIPS))
    total, seen = np.zeros(size[::-1]), np.zeros(size[::-1])
    signals = []
    for photo in photos:
        known = register_known(photo.capture, photo.corner_in, photo.size_in, profile)
        if known is None:
            signals.append(0.0)
            continue
        level, registration = known
        signals.append(accumulated_db(soft_bits(level, registration, key, profile), coded_bits))
        fine = evidence(level, registration.surface, (0, 0), (chips[1], chips[0]), coded_bits, key, profile)
        in_view = _in_view(photo, size)
        total += np.where(in_view, cv2.resize(fine, size, interpolation=cv2.INTER_AREA), 0)
        seen += in_view
    return max(float(np.mean(signals)), 0.0) + _above_mean_db(total, seen)


def _in_view(photo: PagePhoto, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which cells' middles the photo shows."""
    columns, rows = size
    x, y = np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows)
    at = photo.capture.to_photo(photo.corner_in + np.stack([x, y], axis=-1) * photo.size_in)
    height, width = photo.capture.image.shape[:2]
    return np.asarray(((at > 0) & (at < (width - 1, height - 1))).all(axis=-1))


def _above_mean_db(total: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each cell's signal over the picture's mean, from sums of correlations over photos."""
    weight = cv2.GaussianBlur(seen, (0, 0), _SMOOTHED) + 1e-9
    mean = cv2.GaussianBlur(total, (0, 0), _SMOOTHED) / weight
    # Whitened chips have unit variance, and so has the mark; their products' mean over a cell has less.
    noise = 1 / (CELL_CHIPS**2 * np.maximum(seen, 1))
    power = np.maximum(mean, 0) ** 2 - noise
    typical = max(float(power[seen > 0].mean()) if (seen > 0).any() else 0.0, float(noise.mean()))
    db = 10 * np.log10(np.maximum(power / typical, 10 ** (_NOTHING_DB / 10)))
    # Nothing is known of what no photo showed: it counts as the rest does.
    return np.asarray(np.where(seen > 0, db, 0.0), np.float64)
