"""Random scans and pins of several publishers, and what they come to, counted without a database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from uuid import UUID

from sqlalchemy.orm import Session

from o2o.models import (
    Board,
    Campaign,
    Creative,
    Destination,
    DestinationState,
    Outcome,
    Pin,
    PinStatus,
    Reader,
    Scan,
    ScanDetection,
)
from o2o.services import campaigns, creatives, publishers, readers
from o2o.services.campaigns import Plan
from o2o.services.creatives import Particulars
from tests.integration.support import NOW

FIRST_DAY = date(2026, 2, 27)
DAYS = [FIRST_DAY + timedelta(days=count) for count in range(4)]  # over a month's end
DEVICES = ("ios", "android", "other", None)
COUNTRIES = ("FR", "DE", None)
REASONS = ("too_small", "glare", "unknown_id")


@dataclass
class Tenant:
    """A publisher with creatives on pages of campaigns, some of them without either."""

    id: UUID
    campaigns: list[Campaign] = field(default_factory=list)
    creatives: list[Creative] = field(default_factory=list)
    destinations: dict[UUID, list[tuple[str, UUID | None]]] = field(default_factory=dict)
    """What each creative may have shown: the outcome and the destination."""


@dataclass
class Raw:
    """The rows as Python knows them."""

    tenants: list[Tenant] = field(default_factory=list)
    people: list[tuple[Reader, Board]] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)
    pins: list[Pin] = field(default_factory=list)

    def shown(self, creative_id: UUID, destination_id: UUID | None) -> str:
        for tenant in self.tenants:
            for outcome, each in tenant.destinations.get(creative_id, ()):
                if each == destination_id:
                    return outcome
        raise AssertionError("a destination that no creative shows")

    def facts(self) -> Iterator[tuple[tuple[date, UUID, str, str, str], tuple[int, int, int], UUID]]:
        """Day, creative, device, country and outcome; scans, pins and failed pins; and the reader."""
        by_id = {scan.id: scan for scan in self.scans}
        for scan in self.scans:
            seen = {(d.creative_id, d.destination_id) for d in scan.detections if d.creative_id}
            for creative_id, destination_id in seen:
                assert creative_id is not None
                yield self._key(scan.created_at, scan, creative_id, destination_id), (1, 0, 0), scan.reader_id
        for pin in self.pins:
            key = self._key(pin.created_at, by_id[pin.scan_id], pin.creative_id, pin.destination_id)
            yield key, (0, 1, int(pin.status is PinStatus.FAILED)), pin.reader_id

    def _key(
        self, at: datetime, scan: Scan, creative_id: UUID, destination_id: UUID | None
    ) -> tuple[date, UUID, str, str, str]:
        shown = self.shown(creative_id, destination_id)
        return at.date(), creative_id, scan.device or "", scan.country or "", shown

    def creative_counts(self) -> dict[tuple[date, UUID, str, str, str], tuple[int, int, int]]:
        counts: dict[tuple[date, UUID, str, str, str], tuple[int, int, int]] = {}
        for key, each, _reader in self.facts():
            held = counts.get(key, (0, 0, 0))
            counts[key] = (held[0] + each[0], held[1] + each[1], held[2] + each[2])
        return counts

    def photo_counts(self) -> Counter[tuple[date, str, str, str]]:
        return Counter(
            (scan.created_at.date(), scan.device or "", scan.country or "", scan.reason or "")
            for scan in self.scans
        )


def make(session: Session, rng: Random, *, tenants: int = 3, scans: int = 400) -> Raw:
    """Write publishers, then random scans and pins."""
    raw = Raw([publisher(session, rng, number) for number in range(tenants)])
    for number in range(25):
        reader_id, board = readers.register(session, f"token {number}", now=NOW)
        raw.people.append((session.get_one(Reader, reader_id), session.get_one(Board, board.id)))
    for _ in range(scans):
        add_scan(session, raw, rng, rng.choice(DAYS))
    return raw


def publisher(session: Session, rng: Random, number: int) -> Tenant:
    tenant = Tenant(publishers.add(session, f"Publisher {number}", now=NOW).id)
    tenant.campaigns = [
        campaigns.add(session, tenant.id, Plan(title), now=NOW) for title in ("March", "April")
    ]
    of_publisher = _destination(session, tenant.id)
    fallbacks = {each.id: _destination(session, tenant.id, campaign_id=each.id) for each in tenant.campaigns}
    for page in range(5):
        campaign = rng.choice([*tenant.campaigns, None])
        creative = creatives.add(
            session,
            tenant.id,
            Particulars(f"Picture {page}", campaign.id if campaign else None, page or None),
            draw=rng.getrandbits,
            now=NOW,
        )
        tenant.creatives.append(creative)
        own = _destination(session, tenant.id, creative_id=creative.id)
        ends: list[tuple[str, UUID | None]] = [("content", own), ("publisher_fallback", of_publisher)]
        if campaign:
            ends.append(("campaign_fallback", fallbacks[campaign.id]))
        tenant.destinations[creative.id] = [*ends, ("notice", None)]
    return tenant


def _destination(session: Session, publisher_id: UUID, **owner: UUID) -> UUID:
    destination = Destination(
        publisher_id=publisher_id,
        **owner,
        state=DestinationState.LIVE,
        title="T",
        description="",
        images=[],
        alt_text="",
        call_to_action="",
        created_at=NOW,
        updated_at=NOW,
    )
    session.add(destination)
    session.flush()
    return destination.id


def moment(rng: Random, day: date) -> datetime:
    """A time on a day, often its first or last microsecond."""
    begins = datetime.combine(day, time(), UTC)
    last = timedelta(days=1) - timedelta(microseconds=1)
    return begins + rng.choice([timedelta(), last, timedelta(seconds=rng.randrange(86_400))])


def add_scan(session: Session, raw: Raw, rng: Random, day: date) -> Scan:
    """A scan of some creatives, of any publishers, some of them twice; and perhaps pins of them."""
    reader, board = rng.choice(raw.people)
    seen = rng.sample([(t, c) for t in raw.tenants for c in t.creatives], rng.choice([0, 1, 1, 1, 2]))
    scan = Scan(
        reader_id=reader.id,
        outcome=Outcome.READ if seen else Outcome.MISS,
        reason=None if seen else rng.choice(REASONS),
        width_px=1,
        height_px=1,
        load_ms=0,
        detect_ms=0,
        decode_ms=0,
        total_ms=0,
        device=rng.choice(DEVICES),
        country=rng.choice(COUNTRIES),
        created_at=moment(rng, day),
    )
    shown = [(creative, *rng.choice(tenant.destinations[creative.id])) for tenant, creative in seen]
    copies = [each for each in shown for _ in range(rng.choice([1, 1, 2]))]
    scan.detections = [
        ScanDetection(
            position=position,
            created_at=scan.created_at,
            watermark_id=creative.watermark_id,
            profile=0,
            creative_id=creative.id,
            destination_id=destination_id,
            confidence=1,
            signal_db=30,
            px_per_chip=3,
        )
        for position, (creative, _outcome, destination_id) in enumerate(copies)
    ]
    session.add(scan)
    session.flush()
    raw.scans.append(scan)
    for creative, _outcome, destination_id in shown:
        if rng.random() < 0.5:
            _add_pin(session, raw, rng, scan, board, creative.id, destination_id)
    return scan


def _add_pin(
    session: Session,
    raw: Raw,
    rng: Random,
    scan: Scan,
    board: Board,
    creative_id: UUID,
    destination_id: UUID | None,
) -> None:
    """A pin, unless the reader has it already; up to a day after the scan."""
    if any((pin.creative_id, pin.board_id) == (creative_id, board.id) for pin in raw.pins):
        return
    status = rng.choice(list(PinStatus))
    at = min(scan.created_at + timedelta(hours=rng.randrange(24)), moment(rng, DAYS[-1]))
    pin = Pin(
        reader_id=scan.reader_id,
        creative_id=creative_id,
        board_id=board.id,
        scan_id=scan.id,
        destination_id=destination_id,
        status=status,
        created_at=at,
        saved_at=at if status is PinStatus.SAVED else None,
    )
    session.add(pin)
    session.flush()
    raw.pins.append(pin)
