"""Capture -> detections or a miss: detector and decoder joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks import decoder, pose_search
from watermarks.diagnosis import Followed, likeliest_reason
from watermarks.errors import WatermarkError
from watermarks.payload import derive_key
from watermarks.profiles import PROFILES, Profile
from watermarks.region import covered_region
from watermarks.registration import BLOCK, STRIDE, Registration, moved_in_tile, register
from watermarks.results import Detection, Miss
from watermarks.viewing import sharpness, tilt_deg
from watermarks.whitening import Level, pyramid

# Two detections of one payload that share this much of the smaller one's area are one picture.
_SHARED_AREA = 0.1

# After so many poses of a level that come to nothing the others are chance as well.
_IN_VAIN = 6

# A steep page is looked for again in search planes up to this long side: a picture that is steep and so small
# in the photo that it takes a finer one shows too little of the mark.
_STRAIGHTENED_PX = 1100

T = TypeVar("T")

Stopwatch = Callable[[str], AbstractContextManager[None]]


def _unwatched(_stage: str) -> AbstractContextManager[None]:
    """Time nothing: the codec knows no clock."""
    return nullcontext()


def read(
    capture: NDArray[np.uint8], key: bytes, *, stopwatch: Stopwatch = _unwatched
) -> list[Detection] | Miss:
    """Read all marks in a photo.

    Parameters
    ----------
    capture : ndarray of uint8, shape (H, W, 3)
        The upright photo, RGB.
    key : bytes
        The deployment's watermark key, at least 16 bytes.
    stopwatch : callable, optional
        Entered around each stage with its name, "detect" or "decode", any number of times.

    Returns
    -------
    list of Detection, or Miss
        At least one detection, the largest first; or why there is none.
    """
    if capture.ndim != 3 or capture.shape[2] != 3 or capture.dtype != np.uint8 or not capture.size:
        raise WatermarkError(f"a capture is uint8 of shape (H, W, 3), not {capture.dtype} {capture.shape}")
    derive_key(key, "check")  # a key too short is the caller's mistake, whatever the photo shows
    followed: list[Followed] = []
    levels: list[Level] = []
    for level in _watched(pyramid(capture), stopwatch):
        levels.append(level)
        found, seen = _read_level(level, key, stopwatch)
        followed += seen
        if found:
            return found
    for level in levels:
        if max(level.search_plane.shape) <= _STRAIGHTENED_PX:
            found, seen = _read_level(level, key, stopwatch, straighten=True)
            followed += seen
            if found:
                return found
    finest_px = max(levels[-1].search_plane.shape)
    return Miss(likeliest_reason(capture, followed, finest_px=finest_px))


def _read_level(
    level: Level, key: bytes, stopwatch: Stopwatch, *, straighten: bool = False
) -> tuple[list[Detection], list[Followed]]:
    """Return what a level shows, the largest first, and the templates that were followed to no payload."""
    found: list[Detection] = []
    read: list[Registration] = []
    followed: list[Followed] = []
    for profile in PROFILES.values():
        in_vain = 0
        poses = pose_search.search(level.search_plane, profile, straighten=straighten)
        for pose in _watched(poses, stopwatch):
            centre = (pose.centre_xy + 0.5) * level.search_shrink - 0.5
            if any(each.holds(centre) for each in read):
                continue
            with stopwatch("detect"):
                registration = register(level, pose, profile)
            detection = None
            if registration is not None:
                with stopwatch("decode"):
                    detection = _decode(level, registration, key, profile)
                if detection is None:
                    followed.append(_followed(level, registration))
            if registration is None or detection is None:
                in_vain += 1
                if in_vain == _IN_VAIN:
                    break
                continue
            read.append(registration)
            same = [other for other in found if _same(detection, other)]
            if all(other.signal_db < detection.signal_db for other in same):
                found = [other for other in found if other not in same]
                found.append(detection)
    return sorted(found, key=lambda d: -_area(d.corners_xy)), followed


def _watched(items: Iterator[T], stopwatch: Stopwatch) -> Iterator[T]:
    """Yield the items, timing how long each takes to be found."""
    while True:
        with stopwatch("detect"):
            item = next(items, None)
        if item is None:
            return
        yield item


def _decode(level: Level, found: Registration, key: bytes, profile: Profile) -> Detection | None:
    """Decode a registration, and find its corners once it is moved to its place in the tile."""
    decoded = decoder.decode(level, found, key, profile)
    if decoded is None:
        return None
    found = moved_in_tile(level, found, decoded.place.turn, decoded.place.offset_xy, profile)
    region = covered_region(level, found, decoded.coded_bits, key, profile)
    centre = found.surface.to_chips(region.corners_xy.mean(axis=0))
    return Detection(
        payload=decoded.payload,
        corners_xy=region.corners_xy * level.scale + 0.5 * level.scale - 0.5,
        confidence=float(1 - np.exp(-(10 ** (decoded.signal_db / 10)) / 400)),
        signal_db=decoded.signal_db,
        px_per_chip=float(found.surface.px_per_chip(centre)) * level.scale,
        tilt_deg=tilt_deg(found.surface, centre, level.luma.shape),
        sharpness=sharpness(decoded.spectrum, decoded.coded_bits, key, profile),
        share=region.share,
    )


def _followed(level: Level, found: Registration) -> Followed:
    """Return how a template that came to nothing was seen, where it was clearest."""
    row, col = np.unravel_index(int(found.block_z.argmax()), found.block_z.shape)
    at = np.array(found.origin) + STRIDE * np.array([col, row]) + BLOCK / 2
    return Followed(float(found.block_z[row, col]), tilt_deg(found.surface, at, level.luma.shape))


def _same(one: Detection, other: Detection) -> bool:
    """Whether two detections are one picture: the same payload, at places that overlap."""
    ours, theirs = (np.asarray(each.corners_xy, np.float32) for each in (one, other))
    shared, _ = cv2.intersectConvexConvex(ours, theirs)
    smaller = min(_area(one.corners_xy), _area(other.corners_xy))
    return one.payload == other.payload and shared > _SHARED_AREA * smaller


def _area(corners_xy: NDArray[np.float64]) -> float:
    return abs(float(cv2.contourArea(corners_xy.astype(np.float32))))
