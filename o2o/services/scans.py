"""Scans: a photo comes in, what it shows goes out, a row for analytics stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from o2o.imaging import load_capture
from o2o.models import Creative, Outcome, Scan, ScanDetection
from o2o.services import contents, creatives
from o2o.services.contents import Asker, Content
from watermarks.results import Detection, Miss, MissReason

UNKNOWN_ID: Final = "unknown_id"

HINTS: Final = {
    MissReason.NO_TEMPLATE: "No mark was seen: is this picture a marked one? Fill the frame with it.",
    # A mark of another key can't be told from a weak one: neither passes the keyed check.
    MissReason.PAYLOAD_FAILED: "Almost: hold the phone straight above the picture and try again. A "
    "picture that is never read may be another service's.",
    MissReason.TOO_SMALL: "The picture is too small here: go nearer, and send the photo in its full size.",
    MissReason.TOO_OBLIQUE: "Hold the phone straight above the picture. If that is no help, it has no mark.",
    MissReason.TOO_BLURRED: "The photo is blurred: tap the picture to focus and hold still.",
    MissReason.GLARE: "A reflection hides the picture: tilt the page or the phone a little.",
    MissReason.TOO_DARK: "It is too dark: find more light or switch on the lamp.",
    UNKNOWN_ID: "The mark was read, but nothing has been published behind it.",
}
"""What a reader can do about each reason for a miss."""


class Read(Protocol):
    """`watermarks.read`, or another codec behind the same call."""

    def __call__(
        self,
        capture: NDArray[np.uint8],
        key: bytes,
        *,
        stopwatch: Callable[[str], AbstractContextManager[None]],
    ) -> list[Detection] | Miss:
        """Find the marks in a capture."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the stages took, in milliseconds."""

    load: float
    detect: float
    decode: float
    total: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What the codec made of one photo; coordinates are in pixels of the upright photo."""

    width_px: int
    height_px: int
    found: list[Detection] | Miss
    elapsed_ms: Timing


@dataclass(frozen=True, slots=True)
class Finding:
    """A mark that was read, and what it leads to, if anything."""

    detection: Detection
    content: Content | None


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What a photo's marks lead to.

    Attributes
    ----------
    reason : str or None
        Why to nothing; None if it is something.
    known : mapping of int to Creative
        Those registered, by the marks' IDs.
    """

    reason: str | None
    findings: list[Finding]
    known: Mapping[int, Creative]


@dataclass(frozen=True, slots=True)
class ScanAnswer:
    """The answer to one photo."""

    id: UUID
    outcome: Outcome
    reason: str | None
    findings: list[Finding]
    reading: Reading
    photo_kept_until: datetime | None = None

    @property
    def hint(self) -> str | None:
        """What the reader can do about a miss."""
        return HINTS[self.reason] if self.reason else None


class Stopwatch:
    """Sums the time spent in named stages, each entered as often as need be."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._elapsed_s: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time a block of a stage."""
        start = self._clock()
        try:
            yield
        finally:
            self._elapsed_s[stage] = self._elapsed_s.get(stage, 0.0) + self._clock() - start

    def ms(self, stage: str) -> float:
        """Milliseconds spent in a stage."""
        return round(1000 * self._elapsed_s.get(stage, 0.0), 1)


def read_photo(data: bytes, key: bytes, *, max_bytes: int, max_pixels: int, read: Read) -> Reading:
    """Decode a photo and read its marks: no database, so that no transaction waits for it.

    Raises
    ------
    ImageError
        If the photo can't be taken.
    """
    stopwatch = Stopwatch()
    with stopwatch("total"):
        with stopwatch("load"):
            image = load_capture(data, max_bytes=max_bytes, max_pixels=max_pixels).image
        found = read(image, key, stopwatch=stopwatch)
    height_px, width_px = image.shape[:2]
    timing = Timing(*(stopwatch.ms(stage) for stage in ("load", "detect", "decode", "total")))
    return Reading(width_px, height_px, found, timing)


def look_up(session: Session, asker: Asker, reading: Reading, *, now: datetime) -> LookedUp:
    """Look up what was read, as it is for a reader; nothing is kept."""
    detections = [] if isinstance(reading.found, Miss) else reading.found
    known = creatives.find(session, {detection.payload.id for detection in detections})
    shown = contents.contents_of(session, known.values(), asker, now=now)
    by_id = {watermark_id: shown[creative.id] for watermark_id, creative in known.items()}
    return LookedUp(
        _reason(reading.found, is_known=bool(known)),
        [Finding(detection, by_id.get(detection.payload.id)) for detection in detections],
        known,
    )


def record(
    session: Session, asker: Asker, reading: Reading, *, now: datetime, app: str | None = None
) -> ScanAnswer:
    """Look up what was read and keep a row of it.

    Parameters
    ----------
    app : str, optional
        The program that sent the photo, as it calls itself.
    """
    assert asker.reader_id is not None
    found = look_up(session, asker, reading, now=now)
    reason, findings, known = found.reason, found.findings, found.known
    scan = Scan(
        reader_id=asker.reader_id,
        outcome=Outcome.MISS if reason else Outcome.READ,
        reason=reason,
        width_px=reading.width_px,
        height_px=reading.height_px,
        load_ms=reading.elapsed_ms.load,
        detect_ms=reading.elapsed_ms.detect,
        decode_ms=reading.elapsed_ms.decode,
        total_ms=reading.elapsed_ms.total,
        app=app,
        country=asker.country,
        device=asker.device,
        created_at=now,
        detections=[
            _row(position, finding, known.get(finding.detection.payload.id), now)
            for position, finding in enumerate(findings)
        ],
    )
    session.add(scan)
    session.flush()
    return ScanAnswer(scan.id, scan.outcome, reason, findings, reading)


def _row(position: int, finding: Finding, creative: Creative | None, now: datetime) -> ScanDetection:
    """Return the row that is kept of a finding."""
    detection = finding.detection
    return ScanDetection(
        position=position,
        created_at=now,
        watermark_id=detection.payload.id,
        profile=detection.payload.profile,
        creative_id=creative.id if creative else None,
        destination_id=finding.content.destination_id if finding.content else None,
        confidence=detection.confidence,
        signal_db=detection.signal_db,
        px_per_chip=detection.px_per_chip,
        tilt_deg=detection.tilt_deg,
        sharpness=detection.sharpness,
        share=detection.share,
    )


def _reason(found: list[Detection] | Miss, *, is_known: bool) -> str | None:
    """Why a photo leads to no content; None if it leads to some."""
    if isinstance(found, Miss):
        return found.reason
    return None if is_known else UNKNOWN_ID
