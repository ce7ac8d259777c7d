"""The job engine: one worker at a time, nothing lost, nothing done twice in the database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from o2o.db import Database
from o2o.integrations.outbound import Outbound
from o2o.jobs.actors import Actor, Record, Tools
from o2o.jobs.engine import MAX_ERRORS, Worker
from o2o.models import Job, JobState
from o2o.services import jobs
from o2o.services.jobs import Lease, LeaseLost
from o2o.settings import Settings
from tests.integration.support import NOW

LEASE_S = 30.0


@dataclass
class Clock:
    """A clock that tests turn."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Deed:
    """An actor that does what the test says and remembers what became of it."""

    perform: Callable[[UUID], None] = lambda _ref: None
    again_at: datetime | None = None
    written: list[UUID] = field(default_factory=list)
    given_up: list[UUID] = field(default_factory=list)

    def actor(self) -> Actor:
        def perform(_tools: Tools, ref: UUID) -> Record:
            self.perform(ref)

            def record(_session: Session, _now: datetime) -> datetime | None:
                self.written.append(ref)
                return self.again_at

            return record

        return Actor(perform, lambda _session, ref: self.given_up.append(ref))


def worker(database: Database, settings: Settings, deed: Deed, clock: Clock) -> Worker:
    outbound = Outbound(allow_private=True, timeout_s=1.0)
    return Worker(Tools(settings, database, outbound, Random(1), clock), {"deed": deed.actor()})


def enqueue(database: Database, count: int = 1) -> list[UUID]:
    refs = [uuid4() for _ in range(count)]
    with database.begin() as session:
        for ref in refs:
            jobs.enqueue(session, "deed", ref, now=NOW)
    return refs


def claim(database: Database, now: datetime) -> Lease | None:
    with database.begin() as session:
        return jobs.claim(session, now=now, lease_s=LEASE_S)


def only_job(database: Database) -> Job:
    with database.read() as session:
        return session.scalars(select(Job)).one()


def test_a_job_is_leased_to_one_worker(database: Database) -> None:
    enqueue(database)
    assert claim(database, NOW) is not None
    assert claim(database, NOW + timedelta(seconds=LEASE_S - 1)) is None


def test_a_job_waits_for_its_time(database: Database) -> None:
    with database.begin() as session:
        jobs.enqueue(session, "deed", uuid4(), now=NOW, run_at=NOW + timedelta(minutes=5))
    assert claim(database, NOW) is None
    assert claim(database, NOW + timedelta(minutes=5)) is not None


def test_many_workers_share_out_all_jobs(database: Database) -> None:
    refs = enqueue(database, 40)

    def take(_worker: int) -> list[UUID]:
        taken = []
        while lease := claim(database, NOW):
            taken.append(lease.ref)
        return taken

    with ThreadPoolExecutor(4) as threads:
        taken = [ref for some in threads.map(take, range(4)) for ref in some]
    assert sorted(taken) == sorted(refs)


def test_a_lease_that_ran_out_is_lost_to_the_next(database: Database) -> None:
    enqueue(database)
    dead = claim(database, NOW)
    heir = claim(database, NOW + timedelta(seconds=LEASE_S))
    assert dead is not None
    assert heir is not None
    with pytest.raises(LeaseLost), database.begin() as session:
        jobs.held(session, dead)
    with database.begin() as session:
        jobs.finish(session, jobs.held(session, heir), now=NOW)
    assert only_job(database).attempts == 2


def test_a_renewed_lease_holds(database: Database) -> None:
    enqueue(database)
    lease = claim(database, NOW)
    assert lease is not None
    with database.begin() as session:
        jobs.renew(session, lease, now=NOW + timedelta(seconds=LEASE_S - 1), lease_s=LEASE_S)
    assert claim(database, NOW + timedelta(seconds=LEASE_S + 1)) is None


def test_jobs_are_done_once(database: Database, settings: Settings) -> None:
    refs = enqueue(database, 5)
    deed = Deed()
    engine = worker(database, settings, deed, Clock())
    assert engine.drain() == 5
    assert engine.drain() == 0
    assert sorted(deed.written) == sorted(refs)
    assert {job.state for job in _all(database)} == {JobState.DONE}


def test_a_job_can_ask_to_be_run_again(database: Database, settings: Settings) -> None:
    enqueue(database)
    clock = Clock()
    deed = Deed(again_at=NOW + timedelta(minutes=1))
    engine = worker(database, settings, deed, clock)
    assert engine.drain() == 1
    clock.advance(60)
    deed.again_at = None
    assert engine.drain() == 1
    assert only_job(database).state is JobState.DONE


def test_an_error_is_tried_again_later_and_later_then_parked(database: Database, settings: Settings) -> None:
    (ref,) = enqueue(database)
    clock = Clock()

    def fail(_ref: UUID) -> None:
        raise RuntimeError("no luck")

    deed = Deed(perform=fail)
    engine = worker(database, settings, deed, clock)
    for error in range(MAX_ERRORS):
        assert engine.drain() == 1
        job = only_job(database)
        assert job.errors == error + 1
        assert job.last_error == "RuntimeError: no luck"
        if job.state is JobState.WAITING:
            assert timedelta() <= job.run_at - clock.now <= timedelta(seconds=2**error)
        clock.advance(2**error)
    assert only_job(database).state is JobState.PARKED
    assert deed.given_up == [ref]
    assert deed.written == []
    assert engine.drain() == 0


def test_a_job_that_kills_its_workers_is_parked(database: Database, settings: Settings) -> None:
    (ref,) = enqueue(database)
    clock = Clock()
    deed = Deed()
    for _ in range(MAX_ERRORS):  # a killed worker leaves nothing but its lease
        assert claim(database, clock.now) is not None
        clock.advance(LEASE_S)
    assert worker(database, settings, deed, clock).drain() == 1
    job = only_job(database)
    assert job.state is JobState.PARKED
    assert "lease ran out" in (job.last_error or "")
    assert (deed.given_up, deed.written) == ([ref], [])


def test_a_job_is_parked_even_if_its_row_cannot_be_given_up(database: Database, settings: Settings) -> None:
    with database.begin() as session:
        jobs.enqueue(session, "unheard-of", uuid4(), now=NOW)
        jobs.enqueue(session, jobs.PIN_SAVE, uuid4(), now=NOW)  # and there is no such pin
        session.execute(update(Job).values(errors=MAX_ERRORS - 1))
    outbound = Outbound(allow_private=True, timeout_s=1.0)
    clock = Clock()
    engine = Worker(Tools(settings, database, outbound, Random(1), clock))
    assert engine.drain() == 2
    clock.advance(1e6)
    assert engine.drain() == 0
    assert {job.state for job in _all(database)} == {JobState.PARKED}


def test_an_error_is_kept_whatever_it_says(database: Database, settings: Settings) -> None:
    enqueue(database)

    def fail(_ref: UUID) -> None:
        raise RuntimeError("odd: \0 \udcff")

    assert worker(database, settings, Deed(perform=fail), Clock()).run_one()
    assert only_job(database).last_error == "RuntimeError: odd: \\0 \\udcff"


def test_a_worker_that_was_only_slow_writes_nothing(database: Database, settings: Settings) -> None:
    """Its lease runs out while it is at work, another does the job, and it must not do it again."""
    (ref,) = enqueue(database)
    clock = Clock()
    quick = Deed()

    def be_overtaken(_ref: UUID) -> None:
        clock.advance(settings.job_lease_s)
        assert worker(database, settings, quick, clock).drain() == 1

    slow = Deed(perform=be_overtaken)
    assert worker(database, settings, slow, clock).run_one()
    assert quick.written == [ref]
    assert slow.written == []


def test_long_work_keeps_its_lease(database: Database, settings: Settings) -> None:
    enqueue(database)
    short = replace(settings, job_lease_s=0.3, webhook_timeout_s=0.1)
    renewed = threading.Event()

    def watch(_ref: UUID) -> None:
        first = only_job(database).lease_until
        while only_job(database).lease_until == first:
            assert not renewed.wait(0.02)

    clock = Clock()
    deed = Deed(perform=watch)

    def ticking() -> datetime:
        clock.advance(0.001)
        return clock.now

    outbound = Outbound(allow_private=True, timeout_s=1.0)
    Worker(Tools(short, database, outbound, Random(1), ticking), {"deed": deed.actor()}).drain()
    assert len(deed.written) == 1


def test_new_jobs_wake_an_idle_worker_and_stop_ends_it(database: Database, settings: Settings) -> None:
    patient = replace(settings, job_poll_s=60.0, worker_threads=2)
    done = threading.Event()
    deed = Deed(perform=lambda _ref: done.set())
    engine = worker(database, patient, deed, Clock())
    thread = threading.Thread(target=engine.run)
    thread.start()
    enqueue(database)
    assert done.wait(20)
    engine.stop()
    thread.join(20)
    assert not thread.is_alive()


def _all(database: Database) -> list[Job]:
    with database.read() as session:
        return list(session.scalars(select(Job)))
