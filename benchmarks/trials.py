"""One picture through mark, print, photo and read: the trials that the benchmarks count.

Every trial's chance hangs on (seed, picture name, repetition) alone: neither the number of jobs nor the
choice of pictures or codec changes what is printed and photographed.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from o2o.imaging import load_capture
from watermarks import Detection, Miss, Payload, baselines, embed, read
from watermarks.channel import CONDITIONS, Capture, photograph, print_page
from watermarks.perception import psnr_db, visibility
from watermarks.strength import choose_strength

KEY = b"a benchmark's key: no secret"
OURS = "ours"
CODECS = (OURS, *baselines.METHODS)
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}

_MAX_BYTES = 200_000_000
_MAX_PIXELS = 200_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """A picture, a condition and a codec: ``repetitions`` photos of prints of one marked picture.

    ``strength`` is our codec's, or None to choose it for the picture.
    """

    picture: Path
    condition: str
    codec: str
    repetitions: int
    width_in: float
    dpi: float
    strength: float | None
    seed: int
    dump: Path | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """One photo's fate.

    ``outcome`` is read, miss or misread; ``reason`` a miss's; ``corner_error_pct`` the mean distance of
    the four corners from the truth as a share of the picture's mean diagonal in the photo; ``strength`` what
    the picture was marked with, None for a baseline; ``embed_ms`` has the time that choosing it took.
    """

    picture: str
    condition: str
    codec: str
    repetition: int
    outcome: str
    reason: str | None
    marked_id: str
    read_ids: list[str]
    strength: float | None
    psnr_db: float
    visibility_mean: float
    visibility_p99: float
    embed_ms: float
    read_ms: float
    stages_ms: dict[str, float]
    simulate_ms: float
    corner_error_pct: float | None
    signal_db: float | None
    truth: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Negative:
    """What an unmarked picture, read as it is, gave."""

    picture: str
    read_ids: list[str]
    reason: str | None
    read_ms: float


def image_files(folder: Path, only: str = "") -> list[Path]:
    """Return a folder's image files whose name contains ``only``, sorted by name."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    return [path for path in files if only in path.name]


def load(path: Path) -> NDArray[np.uint8]:
    """Return an image file's pixels, shape (H, W, 3), upright sRGB."""
    return load_capture(path.read_bytes(), max_bytes=_MAX_BYTES, max_pixels=_MAX_PIXELS).image


def host_of(path: Path, width_px: int) -> NDArray[np.uint8]:
    """Return the picture at ``width_px``: averaged down, or up by Lanczos's filter."""
    picture = load(path)
    height, width = picture.shape[:2]
    size = (width_px, round(height * width_px / width))
    how = cv2.INTER_AREA if width_px < width else cv2.INTER_LANCZOS4
    return cv2.resize(picture, size, interpolation=how).astype(np.uint8, copy=False)


def chance(seed: int, picture: str, repetition: int) -> np.random.Generator:
    """Return the generator of one repetition; -1 is for the picture's ID."""
    name = int.from_bytes(hashlib.sha256(picture.encode()).digest()[:8], "big")
    return np.random.default_rng([seed, name, repetition + 1])


def run_job(job: Job) -> list[Trial]:
    """Mark a picture, then print, photograph and read it ``repetitions`` times."""
    cv2.setNumThreads(1)
    host = host_of(job.picture, round(job.width_in * job.dpi))
    payload = Payload(int(chance(job.seed, job.picture.name, -1).integers(1 << 48)))
    started = time.perf_counter()
    marked, strength = _marked(host, payload, job)
    embed_ms = 1000 * (time.perf_counter() - started)
    seen = visibility(host, marked, job.dpi)
    quality = _Quality(strength, psnr_db(host, marked), seen.mean, seen.p99, embed_ms)
    return [_trial(job, marked, payload, quality, repetition) for repetition in range(job.repetitions)]


def read_negative(path: Path) -> Negative:
    """Read an unmarked picture as it is."""
    cv2.setNumThreads(1)
    picture = load(path)
    started = time.perf_counter()
    answer = read(picture, KEY)
    read_ms = 1000 * (time.perf_counter() - started)
    reason = answer.reason.value if isinstance(answer, Miss) else None
    return Negative(path.name, _ids(answer), reason, read_ms)


@dataclass(frozen=True, slots=True)
class _Quality:
    """How a picture was marked, and what that cost it."""

    strength: float | None
    psnr_db: float
    visibility_mean: float
    visibility_p99: float
    embed_ms: float


def _marked(host: NDArray[np.uint8], payload: Payload, job: Job) -> tuple[NDArray[np.uint8], float | None]:
    """Mark with the job's codec; return the strength too, None for a baseline's own."""
    for method in baselines.METHODS:
        if job.codec == method:
            return baselines.embed(host, payload, KEY, method=method), None
    strength = job.strength
    if strength is None:
        strength = choose_strength(host, payload, KEY, dpi=job.dpi).strength
    return embed(host, payload, KEY, strength=strength, dpi=job.dpi), strength


def _trial(
    job: Job,
    marked: NDArray[np.uint8],
    payload: Payload,
    quality: _Quality,
    repetition: int,
) -> Trial:
    """Print, photograph and read once."""
    rng = chance(job.seed, job.picture.name, repetition)
    condition = CONDITIONS[job.condition]
    started = time.perf_counter()
    printed = print_page(marked, dpi=job.dpi, rng=rng)
    capture = photograph(printed, rng=rng, condition=condition)
    simulate_ms = 1000 * (time.perf_counter() - started)
    stages_s: dict[str, float] = {}
    started = time.perf_counter()
    answer = _read(capture, job, (marked.shape[1], marked.shape[0]), _stopwatch(stages_s))
    read_ms = 1000 * (time.perf_counter() - started)
    detections = [] if isinstance(answer, Miss) else answer
    right = [each for each in detections if each.payload == payload]
    wrong = len(right) < len(detections)
    trial = Trial(
        picture=job.picture.name,
        condition=job.condition,
        codec=job.codec,
        repetition=repetition,
        outcome="misread" if wrong else "read" if right else "miss",
        reason=answer.reason.value if isinstance(answer, Miss) else None,
        marked_id=f"0x{payload.id:012x}",
        read_ids=_ids(answer),
        strength=quality.strength,
        psnr_db=quality.psnr_db,
        visibility_mean=quality.visibility_mean,
        visibility_p99=quality.visibility_p99,
        embed_ms=quality.embed_ms,
        read_ms=read_ms,
        stages_ms={stage: 1000 * seconds for stage, seconds in stages_s.items()},
        simulate_ms=simulate_ms,
        corner_error_pct=min((_corner_error_pct(each, capture) for each in right), default=None),
        signal_db=max((each.signal_db for each in right if np.isfinite(each.signal_db)), default=None),
        truth=truth_of(capture),
    )
    if job.dump is not None and trial.outcome != "read":
        _dump(job.dump, trial, capture)
    return trial


def _read(
    capture: Capture, job: Job, size_px: tuple[int, int], stopwatch: Callable[[str], Any]
) -> list[Detection] | Miss:
    """Read blind, or for a baseline with the true corners."""
    for method in baselines.METHODS:
        if job.codec == method:
            corners_xy = capture.picture_corners_xy[0]
            return baselines.read(capture.image, KEY, method=method, corners_xy=corners_xy, size_px=size_px)
    return read(capture.image, KEY, stopwatch=stopwatch)


def truth_of(capture: Capture) -> dict[str, Any]:
    """Return a photo's ground truth, ready for JSON."""
    return {
        "frame_px": [capture.image.shape[1], capture.image.shape[0]],
        "corners_xy": np.round(capture.picture_corners_xy, 2).tolist(),
        "px_per_inch": round(capture.page_px_per_inch, 1),
        "tilt_deg": round(capture.tilt_deg, 1),
        "roll_deg": round(capture.roll_deg, 1),
        "curl_deg_per_in": round(capture.curl_deg_per_in, 2),
        "lux": round(capture.lux),
        "glare": round(capture.glare, 2),
        "defocus_px": round(capture.defocus_px, 2),
        "motion_px": round(capture.motion_px, 2),
        "visible_share": np.round(capture.visible_share, 3).tolist(),
        "jpeg_quality": capture.jpeg_quality,
        "screen": capture.screen,
    }


def _ids(answer: list[Detection] | Miss) -> list[str]:
    """Return the IDs that a read gave."""
    return [] if isinstance(answer, Miss) else [f"0x{each.payload.id:012x}" for each in answer]


def _corner_error_pct(detection: Detection, capture: Capture) -> float:
    """Return the corners' mean error as a percentage of the picture's diagonal."""
    truth = capture.picture_corners_xy[0]
    diagonal = (np.linalg.norm(truth[2] - truth[0]) + np.linalg.norm(truth[3] - truth[1])) / 2
    error = np.linalg.norm(detection.corners_xy - truth, axis=1).mean()
    return float(100 * error / diagonal)


def _stopwatch(stages_s: dict[str, float]) -> Callable[[str], Any]:
    """Return a stopwatch that adds each stage's seconds up."""

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            stages_s[name] = stages_s.get(name, 0.0) + time.perf_counter() - started

    return stage


def _dump(folder: Path, trial: Trial, capture: Capture) -> None:
    """Keep a photo that wasn't read, with its truth beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{Path(trial.picture).stem}-{trial.condition}-{trial.codec}-{trial.repetition}"
    (folder / f"{name}.jpg").write_bytes(capture.jpeg_bytes)
    (folder / f"{name}.json").write_text(json.dumps(asdict(trial), indent=1))
