"""Capture -> detections or a miss: detector and decoder joined."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks import decoder, pose_search
from watermarks.diagnosis import likeliest_reason
from watermarks.errors import WatermarkError
from watermarks.payload import derive_key
from watermarks.pose_search import Pose
from watermarks.profiles import PROFILES, Profile
from watermarks.region import covered_corners
from watermarks.registration import Registration, register
from watermarks.results import Detection, Miss
from watermarks.spectra import WINDOW_PX
from watermarks.whitening import SEARCH_SHRINK, Level, pyramid

# Poses of one window that are followed: the first is right or it is chance.
_POSES = 2

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
    followed = False
    for level in _watched(pyramid(capture), stopwatch):
        for profile in PROFILES.values():
            found, seen = _read_level(level, key, profile, stopwatch)
            followed |= seen
            if found:
                return sorted(found, key=lambda d: -_area(d.corners_xy))
    return Miss(likeliest_reason(capture, followed=followed))


def _read_level(
    level: Level, key: bytes, profile: Profile, stopwatch: Stopwatch
) -> tuple[list[Detection], bool]:
    """Return what a level shows, and whether any template was followed."""
    found: list[Detection] = []
    tried: list[Registration] = []
    page: Pose | None = None
    pending = deque(_windows(level))
    while pending:
        centre_xy = pending.popleft()
        if any(r.holds(SEARCH_SHRINK * centre_xy) for r in tried):
            continue
        for registration in _follow(level, centre_xy, profile, page, stopwatch):
            tried.append(registration)
            with stopwatch("decode"):
                detection = _decode(level, registration, key, profile)
            if detection is None:
                continue
            if page is None:
                # Other pictures are likely on the same page: with its tilt known, looking is cheap.
                pending.extend(_windows_between(level))
            page = registration.search_pose
            if not any(_same(detection, d) for d in found):
                found.append(detection)
            break
    return found, bool(tried)


def _watched(levels: Iterator[Level], stopwatch: Stopwatch) -> Iterator[Level]:
    while True:
        with stopwatch("detect"):
            level = next(levels, None)
        if level is None:
            return
        yield level


def _windows(level: Level) -> list[NDArray[np.float64]]:
    """Return the search windows' middles in pixels of the search plane, nearest the frame's middle first."""
    height, width = level.search_planes.shape[:2]
    stride = WINDOW_PX // 2 if max(height, width) < 800 else 3 * WINDOW_PX // 4
    along = []
    for n in (width, height):
        inner = max(0, n - WINDOW_PX)
        along.append(n / 2 + np.linspace(-inner / 2, inner / 2, 1 + -(-inner // stride)))
    middle = np.array([width, height]) / 2
    centres = [np.array([x, y]) for y in along[1] for x in along[0]]
    return sorted(centres, key=lambda c: float(np.hypot(*(c - middle))))


def _windows_between(level: Level) -> list[NDArray[np.float64]]:
    """Return more windows' middles, half a window apart and up to the frame's edges."""
    step = WINDOW_PX // 2
    height, width = level.search_planes.shape[:2]
    return [
        np.array([x, y], np.float64)
        for y in range(step // 2, height, step)
        for x in range(step // 2, width, step)
    ]


def _follow(
    level: Level,
    centre_xy: NDArray[np.float64],
    profile: Profile,
    page: Pose | None,
    stopwatch: Stopwatch,
) -> Iterator[Registration]:
    """Yield the surfaces that the likeliest poses about a point grow into."""
    with stopwatch("detect"):
        poses = pose_search.search(level.search_planes, centre_xy, profile, page=page)[:_POSES]
    for pose in poses:
        with stopwatch("detect"):
            registration = register(level, pose, profile)
        if registration is not None:
            yield registration


def _decode(level: Level, found: Registration, key: bytes, profile: Profile) -> Detection | None:
    decoded = decoder.decode(level, found, key, profile)
    if decoded is None:
        return None
    corners = covered_corners(level, found, decoded.coded_bits, key, profile)
    centre = found.surface.to_chips(corners.mean(axis=0))
    return Detection(
        payload=decoded.payload,
        corners_xy=corners * level.scale + 0.5 * level.scale - 0.5,
        confidence=float(1 - np.exp(-(10 ** (decoded.signal_db / 10)) / 400)),
        signal_db=decoded.signal_db,
        px_per_chip=float(found.surface.px_per_chip(centre)) * level.scale,
    )


def _same(one: Detection, other: Detection) -> bool:
    """Whether two detections are one picture: the same payload at the same place."""
    polygon = other.corners_xy.astype(np.float32)
    x, y = one.corners_xy.mean(axis=0)
    return one.payload == other.payload and cv2.pointPolygonTest(polygon, (float(x), float(y)), False) >= 0


def _area(corners_xy: NDArray[np.float64]) -> float:
    return abs(float(cv2.contourArea(corners_xy.astype(np.float32))))
