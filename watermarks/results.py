"""What a read gives: detections, or a miss with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from watermarks.payload import Payload


class MissReason(StrEnum):
    """Why a capture gave no payload: the likeliest cause, for a phone app to coach its user."""

    NO_TEMPLATE = "no_template"
    PAYLOAD_FAILED = "payload_failed"
    TOO_SMALL = "too_small"
    TOO_BLURRED = "too_blurred"
    GLARE = "glare"
    TOO_DARK = "too_dark"


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One marked picture found in a capture.

    Attributes
    ----------
    payload : Payload
        What the mark carries; its keyed check agreed.
    corners_xy : ndarray of float, shape (4, 2)
        The marked region's corners in capture pixels (pixel centres at integers): the picture's
        own top left, top right, bottom right, bottom left, wherever rotation has put them.
        They may lie outside the capture. Good to a few chips.
    confidence : float
        In (0, 1]: grows with the margin over the weakest signal that decodes.
    signal_db : float
        Accumulated correlator signal-to-noise ratio of the message, in dB.
    px_per_chip : float
        Capture pixels per luma chip at the region's centre (geometric mean of both axes).
    """

    payload: Payload
    corners_xy: NDArray[np.float64]
    confidence: float
    signal_db: float
    px_per_chip: float


@dataclass(frozen=True, slots=True)
class Miss:
    """No payload was read, and why."""

    reason: MissReason
