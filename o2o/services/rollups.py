"""Rollups: what a day's scans and pins come to, kept so that nobody who asks has to count them.

A day is counted from its raw rows, in a transaction that only reads, and replaced as a whole, in one that is
short: SQLite lets nobody else write meanwhile. Counting it again does no harm, whatever died in between, and
what a late row changes is found by the day's tally (`RollupDay`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    Select,
    case,
    delete,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from o2o.db import insert_many
from o2o.models import (
    Creative,
    CreativeRollup,
    Destination,
    Outcome,
    PhotoRollup,
    Pin,
    PinStatus,
    ReaderSketch,
    RollupDay,
    Scan,
    ScanDetection,
    Shown,
)
from o2o.services import sketch

ONE_DAY: Final = timedelta(days=1)
BATCH: Final = 10_000

Rollup = type[CreativeRollup] | type[PhotoRollup] | type[ReaderSketch]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many raw rows a day has; the names are `RollupDay`'s. Neither number ever falls by itself."""

    scans: int
    pin_changes: int


@dataclass(frozen=True, slots=True)
class DayCount:
    """What a day comes to, and the tally from before it was counted.

    Attributes
    ----------
    rows : mapping of a table's class to a sequence of dict
        What that table is to hold of the day.
    """

    day: date
    tally: Tally
    rows: Mapping[Rollup, Sequence[dict[str, Any]]]


def oldest_day(session: Session) -> date | None:
    """Return the day of the oldest scan; no pin is older. None if there is none."""
    oldest = session.scalar(select(func.min(Scan.created_at)))
    return oldest.date() if oldest else None


def stale_days(session: Session, first: date, last: date) -> list[date]:
    """Return the days, from first to last, that have raw rows which their rollups don't count.

    A day whose rows have become fewer isn't among them: the counts stay when old rows are cleared away.
    """
    days = (first + number * ONE_DAY for number in range((last - first).days + 1))
    held = {
        row.day: row for row in session.scalars(select(RollupDay).where(RollupDay.day.between(first, last)))
    }
    return [day for day in days if _is_stale(_tally(session, day), held.get(day))]


def _is_stale(found: Tally, held: RollupDay | None) -> bool:
    """Whether there is more than was counted."""
    if held is None:
        return found != Tally(0, 0)
    return found.scans > held.scans or found.pin_changes > held.pin_changes


def _tally(session: Session, day: date) -> Tally:
    """Count a day's raw rows."""
    scans = select(func.count()).select_from(Scan).where(_on(Scan.created_at, day))
    changes = select(func.coalesce(func.sum(Pin.version), 0)).where(_on(Pin.created_at, day))
    return Tally(session.scalar(scans) or 0, session.scalar(changes) or 0)


def _on(created_at: InstrumentedAttribute[datetime], day: date) -> ColumnElement[bool]:
    """The condition that a time lies on a day in UTC, in a form that indexes answer."""
    begins = datetime.combine(day, time(), UTC)
    return (created_at >= begins) & (created_at < begins + ONE_DAY)


def count(session: Session, day: date, key: bytes) -> DayCount:
    """Count a day's raw rows, and sketch its readers.

    Parameters
    ----------
    key : bytes
        The sketches' (`sketch.derive_key`).
    """
    # First of all: what is written from here on leaves the tally behind, and the day is counted again.
    tally = _tally(session, day)
    rows: dict[Rollup, Sequence[dict[str, Any]]] = {
        CreativeRollup: [dict(row) for row in session.execute(_creatives(day)).mappings()],
        PhotoRollup: [dict(row) for row in session.execute(_photos(day)).mappings()],
        ReaderSketch: _readers(session, day, key),
    }
    return DayCount(day, tally, rows)


def _readers(session: Session, day: date, key: bytes) -> list[dict[str, Any]]:
    """A day's sketches."""
    # Another publisher's, creative's or device's begin where these change.
    own = (Creative.publisher_id, ScanDetection.creative_id, func.coalesce(Scan.device, ""))
    seen = session.execute(
        select(*own, Scan.reader_id)
        .select_from(Scan)
        .join(ScanDetection, ScanDetection.scan_id == Scan.id)
        .join(Creative, Creative.id == ScanDetection.creative_id)
        .where(_on(Scan.created_at, day), _on(ScanDetection.created_at, day))
        .distinct()
        .order_by(*own)
        .execution_options(yield_per=BATCH)
    )
    entries = ((*group, sketch.entry(key, reader_id)) for *group, reader_id in seen)
    return list(_sketches(day, entries))


def _sketches(day: date, entries: Iterable[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """Rows for each creative and device, and after them for each publisher and device."""
    for publisher_id, of_publisher in groupby(entries, lambda each: each[0]):
        by_device: dict[str, set[int]] = {}
        for (creative_id, device), group in groupby(of_publisher, lambda each: (each[1], each[2])):
            inside = {each[3] for each in group}
            by_device.setdefault(device, set()).update(inside)
            yield _sketch(creative_id, day, device, publisher_id, inside)
        for device, inside in by_device.items():
            yield _sketch(publisher_id, day, device, publisher_id, inside)


def _sketch(subject_id: UUID, day: date, device: str, publisher_id: UUID, inside: set[int]) -> dict[str, Any]:
    return {
        "subject_id": subject_id,
        "day": day,
        "device": device,
        "publisher_id": publisher_id,
        "sketch": sketch.encode(inside),
    }


def replace(session: Session, counted: DayCount, *, now: datetime) -> None:
    """Put what a day comes to in place of what was counted before.

    Whoever is second to replace the same day waits for the first.
    """
    held = _locked(session, counted.day, now=now)
    for kind, rows in counted.rows.items():
        session.execute(delete(kind).where(kind.day == counted.day))
        insert_many(session, kind.metadata.tables[kind.__tablename__], rows)
    held.scans, held.pin_changes = counted.tally.scans, counted.tally.pin_changes
    held.rolled_at = now
    session.flush()


def _locked(session: Session, day: date, *, now: datetime) -> RollupDay:
    """A day's row, made where there is none, and locked."""
    wanted = select(RollupDay).where(RollupDay.day == day).with_for_update()
    if (held := session.scalar(wanted)) is not None:
        return held
    try:
        with session.begin_nested():
            session.add(RollupDay(day=day, scans=0, pin_changes=0, rolled_at=now))
    except IntegrityError:
        # Another worker was first, and is done by now.
        pass
    return session.scalars(wanted).one()


def _creatives(day: date) -> Select[Any]:
    """Counts a day's scans and pins of creatives."""
    facts = union_all(_scans(day), _pins(day)).subquery()
    groups = (facts.c.creative_id, facts.c.device, facts.c.country, facts.c.shown, facts.c.publisher_id)
    return select(
        literal(day, Date).label("day"),
        *groups,
        func.sum(facts.c.scans).label("scans"),
        func.sum(facts.c.pins).label("pins"),
        func.sum(facts.c.pins_failed).label("pins_failed"),
    ).group_by(*groups)


def _scans(day: date) -> Select[Any]:
    """One row for each scan of a day and creative in it."""
    return (
        select(
            Scan.id,
            *_dimensions(ScanDetection.creative_id),
            literal(1, Integer).label("scans"),
            literal(0, Integer).label("pins"),
            literal(0, Integer).label("pins_failed"),
        )
        .select_from(Scan)
        .join(ScanDetection, ScanDetection.scan_id == Scan.id)
        .join(Creative, Creative.id == ScanDetection.creative_id)
        .outerjoin(Destination, Destination.id == ScanDetection.destination_id)
        .where(_on(Scan.created_at, day), _on(ScanDetection.created_at, day))
        # Two copies of a creative in one photo are one scan of it.
        .distinct()
    )


def _pins(day: date) -> Select[Any]:
    """One row for each pin of a day."""
    return (
        select(
            Pin.id,
            *_dimensions(Pin.creative_id),
            literal(0, Integer),
            literal(1, Integer),
            case((Pin.status == PinStatus.FAILED, 1), else_=0),
        )
        .select_from(Pin)
        .join(Scan, Scan.id == Pin.scan_id)
        .join(Creative, Creative.id == Pin.creative_id)
        .outerjoin(Destination, Destination.id == Pin.destination_id)
        .where(_on(Pin.created_at, day))
    )


def _dimensions(creative_id: InstrumentedAttribute[Any]) -> tuple[ColumnElement[Any], ...]:
    """What a scan or a pin is counted under."""
    shown = case(
        (Destination.id.is_(None), Shown.NOTICE.value),
        (Destination.creative_id.is_not(None), Shown.CONTENT.value),
        (Destination.campaign_id.is_not(None), Shown.CAMPAIGN_FALLBACK.value),
        else_=Shown.PUBLISHER_FALLBACK.value,
    )
    return (
        creative_id.label("creative_id"),
        Creative.publisher_id.label("publisher_id"),
        func.coalesce(Scan.device, "").label("device"),
        func.coalesce(Scan.country, "").label("country"),
        shown.label("shown"),
    )


def _photos(day: date) -> Select[Any]:
    """Counts a day's photos."""
    photos = (
        select(
            func.coalesce(Scan.device, "").label("device"),
            func.coalesce(Scan.country, "").label("country"),
            case((Scan.outcome == Outcome.READ, ""), else_=Scan.reason).label("reason"),
        )
        .where(_on(Scan.created_at, day))
        .subquery()
    )
    return select(literal(day, Date).label("day"), *photos.c, func.count().label("photos")).group_by(
        *photos.c
    )
