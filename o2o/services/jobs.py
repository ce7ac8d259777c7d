"""Jobs: rows that say what is to be done, leased by one worker at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, case, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from o2o.models import Job, JobState

PIN_SAVE = "pin.save"
WEBHOOK_DELIVER = "webhook.deliver"
LOGIN_MAIL = "login.mail"
FORGET = "forget"
ROLLUP_RECENT = "rollup.recent"
ROLLUP_ALL = "rollup.all"

NO_ROW: Final = UUID(int=0)
"""What a recurring job is about. As a kind has one job for a row, there is one of it."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's right to a job, until it runs out or another worker takes over."""

    job_id: UUID
    kind: str
    ref: UUID
    token: UUID
    errors: int
    """How often the job has ended in an exception, or its lease run out, before."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is left to do.

    Attributes
    ----------
    waiting : int
        Jobs that are due or will be.
    due : int
        Those among them whose time has come and that no worker holds.
    parked : int
        Jobs given up.
    oldest_due_s : float
        How long the one that is due longest has been due; 0 if none is.
    """

    waiting: int
    due: int
    parked: int
    oldest_due_s: float


class LeaseLost(Exception):
    """Another worker has taken the job over: what was done here must be rolled back."""


def enqueue(session: Session, kind: str, ref: UUID, *, now: datetime, run_at: datetime | None = None) -> None:
    """Ask for work on a row, in the same transaction that calls for it; once for a kind and row."""
    session.add(Job(kind=kind, ref=ref, state=JobState.WAITING, run_at=run_at or now, created_at=now))
    session.flush()
    session.info["jobs_added"] = True


def ensure(session: Session, kind: str, *, now: datetime) -> None:
    """See to it that there is a recurring job of a kind, once, and that it isn't parked.

    It recurs by being given back each time (`again`), and never ends.
    """
    known = select(Job.id).where(Job.kind == kind, Job.ref == NO_ROW)
    if session.scalar(known) is not None:
        revive(session, kind, NO_ROW, now=now)
        return
    try:
        with session.begin_nested():
            enqueue(session, kind, NO_ROW, now=now)
    except IntegrityError:
        # A worker that starts at the same moment was first.
        pass


def revive(session: Session, kind: str, ref: UUID, *, now: datetime) -> None:
    """Set a parked job going again, as if it had never been tried."""
    session.execute(
        update(Job)
        .where(Job.kind == kind, Job.ref == ref, Job.state == JobState.PARKED)
        .values(state=JobState.WAITING, run_at=now, attempts=0, errors=0, finished_at=None)
    )
    session.info["jobs_added"] = True


def claim(session: Session, *, now: datetime, lease_s: float) -> Lease | None:
    """Lease the job that has been due longest, if there is one.

    A job whose lease has run out is due again: that is all it takes to recover from a worker
    that was killed. It counts as an error, as the job may be what killed it. On PostgreSQL,
    workers skip each other's candidates; on SQLite the write lock keeps them apart, and the
    update's condition would catch what it let through.
    """
    due = _due(now)
    candidate = select(Job.id).where(*due).order_by(Job.run_at).limit(1).with_for_update(skip_locked=True)
    job = session.scalar(
        update(Job)
        .where(Job.id == candidate.scalar_subquery(), *due)
        .values(
            lease_token=uuid4(),
            lease_until=now + timedelta(seconds=lease_s),
            attempts=Job.attempts + 1,
            errors=case((Job.lease_token.is_not(None), Job.errors + 1), else_=Job.errors),
        )
        .returning(Job)
    )
    if job is None or job.lease_token is None:
        return None
    return Lease(job.id, job.kind, job.ref, job.lease_token, job.errors)


def backlog(session: Session, *, now: datetime) -> Backlog:
    """Count the jobs that aren't done; those that are may be many, and are left out."""
    counted = select(func.count()).select_from(Job)
    waiting, parked = (
        session.scalars(counted.where(Job.state == state)).one()
        for state in (JobState.WAITING, JobState.PARKED)
    )
    due = session.scalars(counted.where(*_due(now))).one()
    oldest = session.scalar(select(Job.run_at).where(*_due(now)).order_by(Job.run_at).limit(1))
    oldest_due_s = (now - oldest).total_seconds() if oldest is not None else 0.0
    return Backlog(waiting, due, parked, oldest_due_s)


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """What is true of a job whose time has come and that no worker holds."""
    return (
        Job.state == JobState.WAITING,
        Job.run_at <= now,
        or_(Job.lease_until.is_(None), Job.lease_until <= now),
    )


def renew(session: Session, lease: Lease, *, now: datetime, lease_s: float) -> None:
    """Hold a job for longer.

    Raises
    ------
    LeaseLost
        If it is another worker's by now.
    """
    held(session, lease).lease_until = now + timedelta(seconds=lease_s)
    session.flush()


def held(session: Session, lease: Lease) -> Job:
    """Return the leased job, locked: nobody can take it over before this transaction ends.

    Raises
    ------
    LeaseLost
        If it is another worker's by now.
    """
    job = session.scalar(
        select(Job).where(Job.id == lease.job_id, Job.lease_token == lease.token).with_for_update()
    )
    if job is None:
        raise LeaseLost(f"job {lease.job_id} was taken over")
    return job


def finish(session: Session, job: Job, *, now: datetime) -> None:
    """Mark a held job as done."""
    job.state = JobState.DONE
    job.finished_at = now
    job.lease_token = job.lease_until = None
    session.flush()


def again(session: Session, job: Job, run_at: datetime, *, error: str | None = None) -> None:
    """Give a held job back, to be run at a later time; with an error if one is the reason.

    Without one, its errors are forgotten: a job is given up for those in a row, and one that recurs
    would otherwise come to its last some day.
    """
    job.run_at = run_at
    job.lease_token = job.lease_until = None
    if error is None:
        job.errors = 0
    else:
        _note(job, error)
    session.flush()


def park(session: Session, job: Job, error: str, *, now: datetime) -> None:
    """Give a held job up."""
    job.state = JobState.PARKED
    job.finished_at = now
    _note(job, error)
    job.lease_token = job.lease_until = None
    session.flush()


def _note(job: Job, error: str) -> None:
    """Count an error and keep what it said, in what any database takes as text."""
    job.errors += 1
    job.last_error = error.encode(errors="backslashreplace").decode().replace("\0", "\\0")
