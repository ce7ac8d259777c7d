"""The print-to-pin codec: an invisible mark in a picture that a photo of its print reads back.

Arrays in, values out: this package knows no file, clock or environment.
"""

from watermarks.embedder import embed
from watermarks.errors import HostTooSmall, WatermarkError
from watermarks.payload import Payload
from watermarks.profiles import DRAFT_0, PROFILES, Profile
from watermarks.reader import read
from watermarks.results import Detection, Miss, MissReason

__all__ = [
    "DRAFT_0",
    "PROFILES",
    "Detection",
    "HostTooSmall",
    "Miss",
    "MissReason",
    "Payload",
    "Profile",
    "WatermarkError",
    "embed",
    "read",
]
