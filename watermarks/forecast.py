"""Marked picture -> the smallest print of it that will still read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from watermarks import ecc
from watermarks.decoder import accumulated_db
from watermarks.file_signal import at_measured_scale, file_soft_bits
from watermarks.payload import Payload, to_message_bits
from watermarks.profiles import DRAFT_0, Profile

# What a typical print and photo take from a file's signal, where that is what decides. Measured on the 30
# development pictures, three simulated photos each: 29 are forecast to read, 27 of them read twice in three
# or better, and the thirtieth never does. Quiet pictures lose more (up to 16 dB) but start from more.
_CHANNEL_LOSS_DB = 11.0

# A message decodes three times in four at this accumulated signal.
_DECODES_DB = 22.2

# Finer chips than these are lost in a magazine's screen (133 to 175 lines per inch). Printed with these,
# 13 of 15 pictures read in one simulated typical photo each.
_FINEST_CHIPS_PER_INCH = 75.0


def smallest_print_mm(
    marked: NDArray[np.uint8],
    payload: Payload,
    key: bytes,
    *,
    profile: Profile = DRAFT_0,
    dpi: float = 300.0,
) -> tuple[float, float] | None:
    """Predict the smallest print of a marked picture that will read.

    Printing smaller brings the chips closer together; they must stay coarser than the screen, and the
    signal that the file holds must exceed what a typical print and photo lose.

    Parameters
    ----------
    marked : ndarray of uint8, shape (H, W, 3)
        The marked picture.
    payload : Payload
        What it was marked with.
    key : bytes
        The watermark key.
    profile : Profile, optional
        The version of the format.
    dpi : float, optional
        The resolution it was marked for.

    Returns
    -------
    tuple of float, or None
        Width and height in millimetres; None if even the size it was marked for is not expected to read.
    """
    if file_signal_db(marked, payload, key, profile=profile, dpi=dpi) < _DECODES_DB + _CHANNEL_LOSS_DB:
        return None
    shrink = profile.chips_per_inch / _FINEST_CHIPS_PER_INCH
    height, width = marked.shape[:2]
    return 25.4 * width / dpi * shrink, 25.4 * height / dpi * shrink


def file_signal_db(
    marked: NDArray[np.uint8],
    payload: Payload,
    key: bytes,
    *,
    profile: Profile = DRAFT_0,
    dpi: float = 300.0,
) -> float:
    """Return the accumulated signal-to-noise ratio of a marked file's own message, in dB.

    As the reader would measure it with the pose known and nothing lost to print and camera.
    """
    small = at_measured_scale(marked, dpi / profile.chips_per_inch)
    llr = np.sum(file_soft_bits(small, key, profile), axis=0)
    return accumulated_db(llr, ecc.encode(to_message_bits(payload, key)))
