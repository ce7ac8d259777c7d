"""Pictures through mark, print, photo and read: the trials that the benchmarks count.

Every trial's chance hangs on (seed, picture name, repetition) alone: neither the number of jobs nor the
choice of pictures, codec or condition changes what is drawn. Conditions that share a repetition share its
print, and differ in what they differ in.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.marking import Marked, Sheet, mark
from benchmarks.pictures import KEY, chance, load
from benchmarks.qr_control import WHOLE, QrResult, read_qr, symbol
from benchmarks.screen import metered, show
from watermarks import Detection, Miss, Payload, baselines, read
from watermarks.channel import Capture, Condition, Print, photograph, print_page


@dataclass(frozen=True, slots=True)
class Job:
    """Pictures on one page, marked once: each repetition is a print, with a photo under each condition.

    ``strength`` is our codec's, or None to choose it for each picture.
    """

    pictures: tuple[Path, ...]
    conditions: tuple[Condition, ...]
    sheet: Sheet
    codec: str
    repetitions: int
    strength: float | None
    seed: int
    dump: Path | None = None

    @property
    def name(self) -> str:
        """The pictures' file names."""
        return " + ".join(each.name for each in self.pictures)


@dataclass(frozen=True, slots=True)
class Trial:
    """One photo's fate.

    ``outcome`` is read (all pictures of the page, and nothing else), miss or misread; ``reason`` a miss's;
    ``corner_error_pct`` the mean distance of the corners from the truth as a share of the picture's mean
    diagonal in the photo, its mean over the pictures read, None if the photo cuts a picture: its mark doesn't
    tell how far it goes on; ``strength`` what the first picture was marked
    with, None for a baseline; ``embed_ms`` has the time that choosing it took.
    """

    picture: str
    sheet: str
    condition: str
    codec: str
    repetition: int
    outcome: str
    reason: str | None
    marked_ids: list[str]
    read_ids: list[str]
    strength: float | None
    psnr_db: float
    visibility_mean: float
    visibility_p99: float
    embed_ms: float
    read_ms: float
    stages_ms: dict[str, float]
    photograph_ms: float
    corner_error_pct: float | None
    signal_db: float | None
    qr: QrResult | None
    truth: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Negative:
    """What an unmarked picture, read as it is, gave."""

    picture: str
    read_ids: list[str]
    reason: str | None
    read_ms: float


def run_job(job: Job) -> list[Trial]:
    """Mark the pictures, then print, photograph and read them ``repetitions`` times."""
    cv2.setNumThreads(1)
    marked = [
        mark(path, job.sheet, job.codec, job.strength, job.seed, index=index)
        for index, path in enumerate(job.pictures)
    ]
    trials = []
    for repetition in range(job.repetitions):
        rng = chance(job.seed, job.name, repetition)
        page = page_of(marked, job.sheet, rng)
        trials += [_trial(job, marked, page, each, repetition, copy.deepcopy(rng)) for each in job.conditions]
    return trials


def page_of(marked: Sequence[Marked], sheet: Sheet, rng: np.random.Generator) -> Print:
    """Print marked pictures as a sheet says, the QR code last; or show the only one on a screen."""
    if sheet.screen is not None:
        (only,) = marked
        return show(only.picture, sheet.screen, rng)
    pictures = [each.picture for each in marked]
    if sheet.qr:
        pictures.append(symbol(marked[0].payload, sheet.dpi))
    return print_page(pictures, dpi=sheet.dpi, rng=rng, k_only=sheet.k_only)


def read_negative(path: Path) -> Negative:
    """Read an unmarked picture as it is."""
    cv2.setNumThreads(1)
    picture = load(path)
    started = time.perf_counter()
    answer = read(picture, KEY)
    read_ms = 1000 * (time.perf_counter() - started)
    reason = answer.reason.value if isinstance(answer, Miss) else None
    return Negative(path.name, _ids(answer), reason, read_ms)


def _trial(
    job: Job,
    marked: Sequence[Marked],
    page: Print,
    condition: Condition,
    repetition: int,
    rng: np.random.Generator,
) -> Trial:
    """Photograph a page and read it once."""
    started = time.perf_counter()
    # A reader frames the picture, or all of them, and not the code.
    aim = 0 if len(marked) == 1 else None
    with metered() if job.sheet.screen else nullcontext():
        capture = photograph(page, rng=rng, condition=condition, aim=aim)
    photograph_ms = 1000 * (time.perf_counter() - started)
    stages_s: dict[str, float] = {}
    started = time.perf_counter()
    answer = _read(capture, job.codec, marked[0].size_px, _stopwatch(stages_s))
    read_ms = 1000 * (time.perf_counter() - started)
    found = judge(answer, marked, capture)
    first = marked[0]
    trial = Trial(
        picture=job.name,
        sheet=job.sheet.name,
        condition=condition.name,
        codec=job.codec,
        repetition=repetition,
        outcome=found.outcome,
        reason=found.reason,
        marked_ids=[f"0x{each.payload.id:012x}" for each in marked],
        read_ids=_ids(answer),
        strength=first.strength,
        psnr_db=first.psnr_db,
        visibility_mean=first.visibility_mean,
        visibility_p99=first.visibility_p99,
        embed_ms=first.embed_ms,
        read_ms=read_ms,
        stages_ms={stage: 1000 * seconds for stage, seconds in stages_s.items()},
        photograph_ms=photograph_ms,
        corner_error_pct=found.corner_error_pct,
        signal_db=found.signal_db,
        qr=_qr(job, capture, first.payload),
        truth=truth_of(capture),
    )
    if job.dump is not None and trial.outcome != "read":
        _dump(job.dump, trial, capture)
    return trial


def _qr(job: Job, capture: Capture, payload: Payload) -> QrResult | None:
    """Read the control, once a photo: not for every codec anew."""
    if not job.sheet.qr or job.codec in baselines.METHODS:
        return None
    return read_qr(capture.image, payload, float(capture.visible_share[-1]))


@dataclass(frozen=True, slots=True)
class Judgement:
    """A read's answer held against the truth; the fields are `Trial`'s."""

    outcome: str
    reason: str | None
    corner_error_pct: float | None
    signal_db: float | None


def judge(answer: list[Detection] | Miss, marked: Sequence[Marked], capture: Capture) -> Judgement:
    """Hold an answer against what is on the page; the pictures are the capture's first."""
    if isinstance(answer, Miss):
        return Judgement("miss", answer.reason.value, None, None)
    expected = [each.payload for each in marked]
    # Of a picture that is reported twice, the larger detection's corners count, which comes first.
    errors = [
        next(corner_error_pct(each, truth) for each in answer if each.payload == payload)
        for payload, truth in zip(expected, capture.picture_corners_xy, strict=False)
        if any(each.payload == payload for each in answer)
    ]
    uncut = bool((capture.visible_share[: len(marked)] >= WHOLE).all())
    wrong = any(each.payload not in expected for each in answer)
    whole = len(errors) == len(expected)
    return Judgement(
        outcome="misread" if wrong else "read" if whole else "miss",
        reason=None if wrong or whole else f"{len(errors)} of {len(expected)} pictures",
        corner_error_pct=float(np.mean(errors)) if errors and uncut else None,
        signal_db=max((each.signal_db for each in answer if np.isfinite(each.signal_db)), default=None),
    )


def _read(
    capture: Capture, codec: str, size_px: tuple[int, int], stopwatch: Callable[[str], Any]
) -> list[Detection] | Miss:
    """Read blind, or for a baseline with the true corners."""
    for method in baselines.METHODS:
        if codec == method:
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


def corner_error_pct(detection: Detection, truth_xy: NDArray[np.float64]) -> float:
    """Return the corners' mean error as a percentage of the picture's mean diagonal in the photo."""
    diagonal = np.linalg.norm(truth_xy[[2, 3]] - truth_xy[[0, 1]], axis=1).mean()
    error = np.linalg.norm(detection.corners_xy - truth_xy, axis=1).mean()
    return float(100 * error / diagonal)


def _ids(answer: list[Detection] | Miss) -> list[str]:
    """Return the IDs that a read gave."""
    return [] if isinstance(answer, Miss) else [f"0x{each.payload.id:012x}" for each in answer]


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
