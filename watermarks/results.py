"""What a read gives: detections, or a miss with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from watermarks.payload import Payload


class MissReason(StrEnum):
    """Why a capture gave no payload: the likeliest cause, for a phone app to coach its user.

    Attributes
    ----------
    NO_TEMPLATE
        Nothing of a mark was seen, and nothing in the photo would have hidden one: the picture isn't marked.
    PAYLOAD_FAILED
        A mark was seen, but not read: it is too weak, or made with another key.
    TOO_SMALL
        The picture is too small in the photo: too far away, or a photo of too few pixels.
    TOO_OBLIQUE
        The page is seen from too steep an angle.
    TOO_BLURRED
        Out of focus, or moved.
    GLARE
        A reflection hides the picture.
    TOO_DARK
        Too little light: the photo is black, or full of noise.
    """

    NO_TEMPLATE = "no_template"
    PAYLOAD_FAILED = "payload_failed"
    TOO_SMALL = "too_small"
    TOO_OBLIQUE = "too_oblique"
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
        Capture pixels per chip at the region's centre (geometric mean of both axes).
    tilt_deg : float
        Angle between the camera's axis and the page's normal at the region's centre, in degrees, in [0, 90],
        if a phone's main camera took the photo uncropped. Good to some degrees; below 10, foreshortening
        hardly tells.
    sharpness : float
        What the fine half of the mark kept of its contrast over what the coarse half kept: 1 in the file
        itself, 0 where all fine detail is lost. Noise may lift it above 1.
    share : float
        Share of the region's area, in [0, 1], in which the mark was seen beyond doubt: the rest
        was too flat, too busy, hidden or blurred to contribute much.
    """

    payload: Payload
    corners_xy: NDArray[np.float64]
    confidence: float
    signal_db: float
    px_per_chip: float
    tilt_deg: float
    sharpness: float
    share: float


@dataclass(frozen=True, slots=True)
class Miss:
    """No payload was read, and why."""

    reason: MissReason
