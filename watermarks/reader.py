"""Capture -> detections or a miss: detector and decoder joined."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks import decoder, pose_search, registration
from watermarks.errors import WatermarkError
from watermarks.pose_search import WINDOW_PX, Pose
from watermarks.profiles import PROFILES, Profile
from watermarks.region import covered_corners
from watermarks.results import Detection, Miss, MissReason
from watermarks.whitening import Level, pyramid

Stopwatch = Callable[[str], AbstractContextManager[None]]


def _unwatched(stage: str) -> AbstractContextManager[None]:
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
    if capture.ndim != 3 or capture.shape[2] != 3 or capture.dtype != np.uint8:
        raise WatermarkError(f"a capture is uint8 of shape (H, W, 3), not {capture.dtype} {capture.shape}")
    found: list[Detection] = []
    registered = False
    for level in _watched(pyramid(capture), stopwatch):
        for profile in PROFILES.values():
            for window in _windows(level):
                if any(_covers(d, level, window) for d in found):
                    continue
                seen, detection = _read_window(level, window, key, profile, stopwatch)
                registered |= seen
                if detection is not None and not any(_same(detection, d) for d in found):
                    found.append(detection)
        if found:
            return sorted(found, key=lambda d: -_area(d.corners_xy))
    return Miss(MissReason.PAYLOAD_FAILED if registered else MissReason.NO_TEMPLATE)


def _watched(levels: Iterator[Level], stopwatch: Stopwatch) -> Iterator[Level]:
    while True:
        with stopwatch("detect"):
            level = next(levels, None)
        if level is None:
            return
        yield level


def _windows(level: Level) -> list[tuple[int, int]]:
    """Return the search windows' top left corners (x, y), those nearest the middle first."""
    height, width = level.luma.shape
    size = WINDOW_PX
    stride = size // 2 if max(height, width) < 1500 else 3 * size // 4
    along = [
        np.linspace(0, max(0, n - size), 1 + -(-max(0, n - size) // stride)).astype(int) for n in (width, height)
    ]
    middle = np.array([width - size, height - size]) / 2
    corners = [(int(x), int(y)) for y in along[1] for x in along[0]]
    return sorted(corners, key=lambda c: float(np.hypot(*(np.array(c) - middle))))


def _crop(plane: NDArray[np.float32], window: tuple[int, int]) -> NDArray[np.float32]:
    x, y = window
    part = plane[y : y + WINDOW_PX, x : x + WINDOW_PX]
    missing = WINDOW_PX - part.shape[0], WINDOW_PX - part.shape[1]
    return np.pad(part, ((0, missing[0]), (0, missing[1]))) if any(missing) else part


def _read_window(
    level: Level, window: tuple[int, int], key: bytes, profile: Profile, stopwatch: Stopwatch
) -> tuple[bool, Detection | None]:
    with stopwatch("detect"):
        planes = _crop(level.luma, window), _crop(level.chroma, window)
        poses = list(pose_search.search(planes, profile))[:3]
    registered = False
    for pose in poses:
        with stopwatch("detect"):
            surface = registration.register(level, pose.moved(window), profile)
        if surface is None:
            continue
        registered = True
        with stopwatch("decode"):
            detection = _decode(level, surface, key, profile)
        if detection is not None:
            return True, detection
    return registered, None


def _decode(
    level: Level, found: registration.Registration, key: bytes, profile: Profile
) -> Detection | None:
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


def _covers(detection: Detection, level: Level, window: tuple[int, int]) -> bool:
    """Whether a window's middle lies in a picture that is already read."""
    middle = (np.array(window) + WINDOW_PX / 2) * level.scale
    polygon = detection.corners_xy.astype(np.float32)
    return cv2.pointPolygonTest(polygon, (float(middle[0]), float(middle[1])), False) >= 0


def _same(one: Detection, other: Detection) -> bool:
    """Whether two detections are one picture: the same payload at the same place."""
    polygon = other.corners_xy.astype(np.float32)
    x, y = one.corners_xy.mean(axis=0)
    return one.payload == other.payload and cv2.pointPolygonTest(polygon, (float(x), float(y)), False) >= 0


def _area(corners_xy: NDArray[np.float64]) -> float:
    return abs(float(cv2.contourArea(corners_xy.astype(np.float32))))
