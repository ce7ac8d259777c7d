"""Capture -> detections or a miss: detector and decoder joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks import decoder, pose_search
from watermarks.blocks import BLOCK, STRIDE
from watermarks.diagnosis import Followed, likeliest_reason, may_be_steep, measured
from watermarks.embedder import mark_tile
from watermarks.errors import WatermarkError
from watermarks.geometry import Surface
from watermarks.mark_following import follow_mark
from watermarks.payload import derive_key
from watermarks.profiles import PROFILES, Profile
from watermarks.region import covered_region
from watermarks.registration import Registration, register
from watermarks.results import Detection, Miss
from watermarks.same_page import beside
from watermarks.viewing import sharpness, tilt_deg
from watermarks.whitening import Level, pyramid

# Two detections of one payload that overlap once one is made larger by this are one picture.
_TOUCHING = 1.1

# After so many poses of a search that come to nothing the others are chance as well: in 120 typical and hard
# simulated photos not one more was read after three.
_IN_VAIN = 4

# A photo may try so many lists of 64 messages in vain: a check of 40 bits lets one of them pass by chance in
# 2**40 / (16 * 64) = 1.07e9 photos at the worst. Most unmarked photos try none.
_MOST_LISTS = 16

# Where what was read leaves more than this share of the photo, it is searched for others once more.
_WORTH_ANOTHER_LOOK = 0.55

# The signal-to-noise ratio, as a factor, at which confidence is 1 - 1 / e: 26 dB, well above what decodes.
_CONFIDENT_SNR = 400.0

# So many pictures are read beside one at most.
_MOST_BESIDE = 12

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

    Raises
    ------
    WatermarkError
        If the capture isn't such an array, or the key is too short.
    """
    if capture.ndim != 3 or capture.shape[2] != 3 or capture.dtype != np.uint8 or not capture.size:
        raise WatermarkError(f"a capture is uint8 of shape (H, W, 3), not {capture.dtype} {capture.shape}")
    derive_key(key, "check")  # a key too short is the caller's mistake, whatever the photo shows
    vain = _Vain()
    levels: list[Level] = []
    for level in _watched(pyramid(capture), stopwatch):
        levels.append(level)
        found = _read_level(level, key, vain, stopwatch)
        if found:
            return _sorted(found)
    symptoms = measured(capture)
    for level in levels if may_be_steep(symptoms) else []:
        found = _read_steep(level, key, vain, stopwatch)
        if found:
            return _sorted(found)
    finest_px = max(levels[-1].search_plane.shape)
    return Miss(likeliest_reason(symptoms, vain.followed, finest_px=finest_px))


@dataclass(slots=True)
class _Vain:
    """What a photo was tried for in vain.

    Attributes
    ----------
    lists : int
        Lists of messages held against the check.
    followed : list of Followed
        Templates that came to no payload.
    """

    lists: int = 0
    followed: list[Followed] = field(default_factory=list)


def _read_level(level: Level, key: bytes, vain: _Vain, stopwatch: Stopwatch) -> list[Detection]:
    """Return what a level shows."""
    found: list[Detection] = []
    for profile in PROFILES.values():
        more = True
        while more:
            left = _without(level, found)
            searches = (
                _fresh(_read_once(left, side, key, profile, vain, stopwatch), found)
                for side in pose_search.SIDES_PX
            )
            fresh = next((each for each in searches if each), [])
            found += fresh
            more = bool(fresh) and _left(level, found)
    return found


def _read_steep(level: Level, key: bytes, vain: _Vain, stopwatch: Stopwatch) -> list[Detection]:
    """Return what a level shows of steep pages, under the first tilt that shows something."""
    low, high = pose_search.STEEP_PX
    if not low <= max(level.search_plane.shape) <= high:
        return []
    side = pose_search.STEEP_SIDE_PX
    searches = (
        _read_once(level, side, key, profile, vain, stopwatch, undone_xy=undone_xy)
        for profile in PROFILES.values()
        for undone_xy in pose_search.TILTS_XY
    )
    return next((each for each in searches if each), [])


def _without(level: Level, found: Sequence[Detection]) -> Level:
    """Return a level as if it didn't show what was found."""
    for each in found:
        level = level.without(level.from_capture(each.corners_xy))
    return level


def _left(level: Level, found: Sequence[Detection]) -> bool:
    """Whether a level shows so much besides what was found that another look is worth its time."""
    return _without(level, found).share_left() > _WORTH_ANOTHER_LOOK


def _fresh(seen: Sequence[Detection], found: Sequence[Detection]) -> list[Detection]:
    """Return what was seen that isn't what was found already, or the rest of it."""
    return [each for each in seen if not any(_same(each, other) for other in found)]


def _sorted(found: Sequence[Detection]) -> list[Detection]:
    """Return detections, the largest first."""
    return sorted(found, key=lambda each: -_area(each.corners_xy))


def _read_once(
    level: Level,
    side: int,
    key: bytes,
    profile: Profile,
    vain: _Vain,
    stopwatch: Stopwatch,
    *,
    undone_xy: NDArray[np.float64] | None = None,
) -> list[Detection]:
    """Return what one search of a level shows."""
    found: list[Detection] = []
    in_vain = 0

    def known(search_xy: NDArray[np.float64]) -> bool:
        at = level.to_capture((search_xy + 0.5) * level.search_shrink - 0.5)
        return any(_holds(each, at) for each in found)

    poses = pose_search.search(level.search_plane, side, profile, undone_xy=undone_xy, known=known)
    for pose in _watched(poses, stopwatch):
        with stopwatch("detect"):
            registration = register(level, pose, profile)
        seen = _decode(level, registration, key, profile, vain, stopwatch)
        if seen is None:
            in_vain += 1
            if in_vain == _IN_VAIN:
                break
            continue
        for each in (seen, *_read_beside(level, seen, key, profile, vain, stopwatch)):
            # What is read is taken out, lest a neighbour's surface grow into it.
            level = _without(level, [each.detection])
            found += _fresh([each.detection], found)
    return found


def _read_beside(
    level: Level, known: _Read, key: bytes, profile: Profile, vain: _Vain, stopwatch: Stopwatch
) -> list[_Read]:
    """Return what a level shows on the page of a picture that was read, besides it."""
    found: list[_Read] = []
    while len(found) < _MOST_BESIDE:
        left = _without(level, [each.detection for each in (known, *found)])
        middle = known.surface.to_chips(level.from_capture(known.detection.corners_xy).mean(axis=0))
        with stopwatch("detect"):
            registration = beside(left, known.surface, middle, profile)
        seen = _decode(left, registration, key, profile, vain, stopwatch)
        if seen is None:
            break
        found.append(seen)
    return found


def _watched(items: Iterator[T], stopwatch: Stopwatch) -> Iterator[T]:
    """Yield the items, timing how long each takes to be found."""
    while True:
        with stopwatch("detect"):
            item = next(items, None)
        if item is None:
            return
        yield item


@dataclass(frozen=True, slots=True, eq=False)
class _Read:
    """What was read, and its surface: chips -> pixels of the level."""

    detection: Detection
    surface: Surface


def _decode(
    level: Level,
    found: Registration | None,
    key: bytes,
    profile: Profile,
    vain: _Vain,
    stopwatch: Stopwatch,
) -> _Read | None:
    """Decode a registration, if there is one, and find the corners with it moved to its place in the tile."""
    if found is None:
        return None
    with stopwatch("decode"):
        decoded, lists = decoder.decode(level, found, key, profile, most_lists=_MOST_LISTS - vain.lists)
        vain.lists += lists
        if decoded is None:
            vain.followed.append(_followed(level, found))
            return None
        tile = mark_tile(profile, decoded.coded_bits, key)
        tile = np.asarray(cv2.resize(tile, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32)
        found = follow_mark(level, found, decoded.place.turn, decoded.place.offset_xy, tile)
        region = covered_region(level, found, decoded.coded_bits, key, profile)
        centre = found.surface.to_chips(region.corners_xy.mean(axis=0))
        detection = Detection(
            payload=decoded.payload,
            corners_xy=level.to_capture(region.corners_xy),
            confidence=float(1 - np.exp(-(10 ** (decoded.signal_db / 10)) / _CONFIDENT_SNR)),
            signal_db=decoded.signal_db,
            px_per_chip=float(found.surface.px_per_chip(centre)) * level.scale,
            tilt_deg=tilt_deg(found.surface, centre, level.luma.shape),
            sharpness=sharpness(decoded.spectrum, decoded.coded_bits, key, profile),
            share=region.share,
        )
    return _Read(detection, found.surface)


def _followed(level: Level, found: Registration) -> Followed:
    """Return how a template that came to nothing was seen, where it was clearest."""
    row, col = np.unravel_index(int(found.block_z.argmax()), found.block_z.shape)
    at = np.array(found.origin) + STRIDE * np.array([col, row]) + BLOCK / 2
    return Followed(float(found.block_z[row, col]), tilt_deg(found.surface, at, level.luma.shape))


def _holds(detection: Detection, capture_xy: NDArray[np.float64]) -> bool:
    """Whether a point of the capture lies in a detection's picture."""
    x, y = (float(each) for each in capture_xy)
    return cv2.pointPolygonTest(detection.corners_xy.astype(np.float32), (x, y), False) >= 0


def _same(one: Detection, other: Detection) -> bool:
    """Whether two detections are one picture: the same payload, at places that overlap or touch.

    What is left of a picture whose outline ended early is found again beside it.
    """
    ours, theirs = (np.asarray(each.corners_xy, np.float32) for each in (one, other))
    middle = ours.mean(axis=0)
    shared, _ = cv2.intersectConvexConvex(middle + _TOUCHING * (ours - middle), theirs)
    return one.payload == other.payload and shared > 0


def _area(corners_xy: NDArray[np.float64]) -> float:
    return abs(float(cv2.contourArea(corners_xy.astype(np.float32))))
