"""Work to do after a commit."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base, named_enum


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    """For its time, or leased to a worker that is at it."""
    DONE = "done"
    PARKED = "parked"
    """Given up after too many errors: for a person to look at."""


class Job(Base):
    """One piece of work on one row, written in the transaction that calls for it.

    The rows are the truth: a worker leases a job, and if it dies the lease runs out and
    the next worker takes the job over. The lease's token tells a worker that was only slow
    from the one that holds the job now. A messenger may say that there is work; it never
    says what.
    """

    __tablename__ = "job"
    __table_args__ = (
        UniqueConstraint("kind", "ref"),
        CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name="lease_is_whole"),
        Index(None, "state", "run_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    kind: Mapped[str] = mapped_column(String(40))
    ref: Mapped[UUID]
    """The row that the work is about; its table follows from the kind. All zeros in a job that recurs."""
    state: Mapped[JobState] = mapped_column(named_enum(JobState, "state"))
    run_at: Mapped[datetime]
    lease_token: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    """How often a worker has taken it up."""
    errors: Mapped[int] = mapped_column(default=0)
    """How often in a row that ended in an exception, or in a lease that ran out."""
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
