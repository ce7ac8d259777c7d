"""Rollups: exact against the raw rows, whatever came late, was done twice or died in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
import structlog
from sqlalchemy import delete, select

from o2o import composition
from o2o.db import Database
from o2o.integrations.outbound import Outbound
from o2o.jobs import actors
from o2o.jobs.actors import ACTORS, RECURRING, Tools
from o2o.jobs.engine import MAX_ERRORS, Worker
from o2o.models import (
    CreativeRollup,
    Job,
    JobState,
    PhotoRollup,
    Pin,
    PinStatus,
    ReaderSketch,
    RollupDay,
    Scan,
    ScanDetection,
)
from o2o.services import jobs, pins, rollups, sketch
from o2o.settings import Settings
from tests.integration import raw_rows
from tests.integration.raw_rows import DAYS, Raw
from tests.integration.support import NOW

KEY = sketch.derive_key(b"a deployment's key")
EVENING = datetime.combine(DAYS[-1], time(20), UTC)


@dataclass
class Clock:
    """A clock that tests turn."""

    now: datetime = EVENING

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def raw(database: Database) -> Raw:
    """Raw rows of several publishers on several days."""
    with database.begin() as session:
        return raw_rows.make(session, Random(20260301))


def roll_up(database: Database, first: date = DAYS[0], last: date = DAYS[-1]) -> list[date]:
    with database.read() as session:
        stale = rollups.stale_days(session, first, last)
    for day in stale:
        with database.read() as session:
            counted = rollups.count(session, day, KEY)
        with database.begin() as session:
            rollups.replace(session, counted, now=NOW)
    return stale


def creative_rows(database: Database) -> dict[Any, tuple[int, int, int]]:
    with database.read() as session:
        return {
            (row.day, row.creative_id, row.device, row.country, row.shown.value): (
                row.scans,
                row.pins,
                row.pins_failed,
            )
            for row in session.scalars(select(CreativeRollup))
        }


def photo_rows(database: Database) -> dict[Any, int]:
    with database.read() as session:
        return {
            (row.day, row.device, row.country, row.reason): row.photos
            for row in session.scalars(select(PhotoRollup))
        }


def sketch_rows(database: Database) -> dict[Any, bytes]:
    with database.read() as session:
        return {
            (row.subject_id, row.day, row.device): row.sketch for row in session.scalars(select(ReaderSketch))
        }


def sketches_of(raw: Raw) -> dict[Any, bytes]:
    """The sketches that there should be, of creatives and of publishers."""
    owners = {creative.id: tenant.id for tenant in raw.tenants for creative in tenant.creatives}
    readers: dict[tuple[UUID, date, str], set[UUID]] = {}
    for (day, creative_id, device, _country, _shown), counts, reader_id in raw.facts():
        if counts[0]:
            for subject_id in (creative_id, owners[creative_id]):
                readers.setdefault((subject_id, day, device), set()).add(reader_id)
    return {
        group: sketch.encode(sketch.entry(KEY, each) for each in inside) for group, inside in readers.items()
    }


def assert_exact(database: Database, raw: Raw) -> None:
    assert creative_rows(database) == raw.creative_counts()
    assert photo_rows(database) == raw.photo_counts()
    assert sketch_rows(database) == sketches_of(raw)


def test_the_rows_are_of_every_kind(raw: Raw) -> None:
    """What the other tests stand on."""
    counts = raw.creative_counts()
    assert {key[-1] for key in counts} == {"content", "campaign_fallback", "publisher_fallback", "notice"}
    assert all(sum(each[place] for each in counts.values()) > 10 for place in range(3))
    assert any(len(scan.detections) != len({d.creative_id for d in scan.detections}) for scan in raw.scans)
    owners = {creative.id: tenant.id for tenant in raw.tenants for creative in tenant.creatives}
    assert any(
        len({owners[d.creative_id] for d in scan.detections if d.creative_id}) > 1 for scan in raw.scans
    )
    assert {reason for _day, _device, _country, reason in raw.photo_counts()} == {"", *raw_rows.REASONS}


def test_rollups_are_exact(database: Database, raw: Raw) -> None:
    assert roll_up(database) == DAYS
    assert_exact(database, raw)


def test_what_is_up_to_date_is_left_alone(database: Database, raw: Raw) -> None:
    roll_up(database)
    assert roll_up(database) == []
    with database.read() as session:
        assert rollups.stale_days(session, DAYS[0] - timedelta(days=30), DAYS[-1] + timedelta(days=30)) == []
    assert_exact(database, raw)


def test_counting_again_changes_nothing(database: Database, raw: Raw) -> None:
    roll_up(database)
    for day in DAYS:
        with database.begin() as session:
            rollups.replace(session, rollups.count(session, day, KEY), now=NOW)
    assert_exact(database, raw)


def test_late_rows_are_counted_on_their_day(database: Database, raw: Raw) -> None:
    roll_up(database)
    with database.begin() as session:
        late = raw_rows.add_scan(session, raw, Random(7), DAYS[1])
    stale = roll_up(database)
    assert late.created_at.date() in stale
    assert len(stale) <= 2  # a pin of it may fall on the next day
    assert_exact(database, raw)


def test_a_pin_that_settles_later_is_counted_anew(database: Database, raw: Raw) -> None:
    roll_up(database)
    pending = next(pin for pin in raw.pins if pin.status is PinStatus.PENDING)
    with database.begin() as session:
        pins.give_up(session, pending.id)
    pending.status = PinStatus.FAILED
    assert roll_up(database) == [pending.created_at.date()]
    assert_exact(database, raw)


def test_pins_that_trade_places_are_noticed(database: Database, raw: Raw) -> None:
    """As many have failed as before, but they are others."""
    roll_up(database)
    day = DAYS[1]
    of_day = [pin for pin in raw.pins if pin.created_at.date() == day]
    failed = next(pin for pin in of_day if pin.status is PinStatus.FAILED)
    pending = next(pin for pin in of_day if pin.status is PinStatus.PENDING)
    with database.begin() as session:
        session.get_one(Pin, failed.id).status = PinStatus.PENDING
        session.get_one(Pin, pending.id).status = PinStatus.FAILED
    failed.status, pending.status = PinStatus.PENDING, PinStatus.FAILED
    assert roll_up(database) == [day]
    assert_exact(database, raw)


def test_what_is_written_while_a_day_is_counted_makes_it_stale(database: Database, raw: Raw) -> None:
    with database.read() as session:
        counted = rollups.count(session, DAYS[2], KEY)
    with database.begin() as session:
        raw_rows.add_scan(session, raw, Random(8), DAYS[2])
    with database.begin() as session:
        rollups.replace(session, counted, now=NOW)
    assert DAYS[2] in roll_up(database)
    assert_exact(database, raw)


def test_a_worker_that_dies_in_between_leaves_the_old_counts(database: Database, raw: Raw) -> None:
    roll_up(database)
    before = creative_rows(database)
    with database.begin() as session:
        raw_rows.add_scan(session, raw, Random(9), DAYS[0])

    def replace_and_die() -> None:
        with database.begin() as session:
            rollups.replace(session, rollups.count(session, DAYS[0], KEY), now=NOW)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_and_die()
    assert creative_rows(database) == before
    roll_up(database)
    assert_exact(database, raw)


def test_two_workers_that_count_the_same_days_at_once(database: Database, raw: Raw) -> None:
    both = Barrier(2)

    def work(_worker: int) -> None:
        for day in DAYS:
            with database.read() as session:
                counted = rollups.count(session, day, KEY)
            both.wait(30)
            with database.begin() as session:
                rollups.replace(session, counted, now=NOW)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(work, range(2)))
    assert_exact(database, raw)


def test_counts_stay_when_raw_rows_are_cleared_away(database: Database, raw: Raw) -> None:
    roll_up(database)
    before = creative_rows(database)
    with database.begin() as session:
        old = [scan.id for scan in raw.scans if scan.created_at.date() == DAYS[0]]
        kept = {pin.scan_id for pin in raw.pins}
        gone = [each for each in old if each not in kept]
        assert gone
        session.execute(delete(ScanDetection).where(ScanDetection.scan_id.in_(gone)))
        session.execute(delete(Scan).where(Scan.id.in_(gone)))
    assert roll_up(database) == []
    assert creative_rows(database) == before


@pytest.fixture
def _own_logs() -> Iterator[None]:
    """What a composition sets up, taken back."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def worker(database: Database, settings: Settings, clock: Callable[[], datetime]) -> Worker:
    outbound = Outbound(allow_private=True, timeout_s=1.0)
    return Worker(Tools(settings, database, outbound, Random(1), clock))


def start(database: Database, now: datetime) -> None:
    with database.begin() as session:
        for kind in RECURRING:
            jobs.ensure(session, kind, now=now)


def rolled(database: Database) -> set[date]:
    with database.read() as session:
        return set(session.scalars(select(RollupDay.day)))


def test_jobs_keep_the_rollups(database: Database, settings: Settings, raw: Raw) -> None:
    clock = Clock()
    start(database, clock.now)
    engine = worker(database, settings, clock)
    assert engine.drain() == len(actors.RECURRING)
    assert rolled(database) == set(DAYS)
    assert creative_rows(database) == raw.creative_counts()
    assert engine.drain() == 0

    with database.begin() as session:
        raw_rows.add_scan(session, raw, Random(11), DAYS[-1])
    clock.now += actors.ROLLUP_WAITS[jobs.ROLLUP_RECENT]
    assert engine.drain() == 1
    assert creative_rows(database) == raw.creative_counts()


def test_what_is_very_late_is_found_within_a_day(database: Database, settings: Settings, raw: Raw) -> None:
    clock = Clock()
    start(database, clock.now)
    engine = worker(database, settings, clock)
    engine.drain()
    with database.begin() as session:
        raw_rows.add_scan(session, raw, Random(12), DAYS[0])
    clock.now += timedelta(minutes=2)
    engine.drain()
    assert creative_rows(database) != raw.creative_counts()
    clock.now += timedelta(days=1)
    engine.drain()
    assert creative_rows(database) == raw.creative_counts()


def test_a_rollup_that_takes_long_rests_longer(settings: Settings, database: Database) -> None:
    clock = Clock()

    def slow() -> datetime:
        clock.now += timedelta(seconds=20)
        return clock.now

    tools = Tools(settings, database, Outbound(allow_private=True, timeout_s=1.0), Random(1), slow)
    record = ACTORS[jobs.ROLLUP_RECENT].perform(tools, jobs.NO_ROW)
    with database.begin() as session:
        again_at = record(session, EVENING)
    assert again_at is not None
    assert again_at - EVENING >= actors.RESTS * timedelta(seconds=20)


@pytest.mark.usefixtures("_own_logs")
def test_recurring_jobs_are_there_once_however_many_workers_start(
    database: Database, settings: Settings
) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: composition.worker(settings, database), range(4)))
    with database.read() as session:
        assert sorted(session.scalars(select(Job.kind))) == sorted(RECURRING)


@pytest.mark.usefixtures("_own_logs")
def test_a_recurring_job_that_was_parked_goes_on_with_the_next_worker(
    database: Database, settings: Settings
) -> None:
    start(database, NOW)
    with database.begin() as session:
        for job in session.scalars(select(Job)):
            job.state, job.errors = JobState.PARKED, MAX_ERRORS
    composition.worker(settings, database)
    with database.read() as session:
        assert [(job.state, job.errors) for job in session.scalars(select(Job))] == len(actors.RECURRING) * [
            (JobState.WAITING, 0)
        ]


def test_a_recurring_job_forgets_its_errors_once_it_succeeds(database: Database, settings: Settings) -> None:
    start(database, EVENING)
    with database.begin() as session:
        for job in session.scalars(select(Job)):
            job.errors = MAX_ERRORS - 1
    assert worker(database, settings, Clock()).drain() == len(actors.RECURRING)
    with database.read() as session:
        assert [job.errors for job in session.scalars(select(Job))] == [0] * len(actors.RECURRING)
