"""Roughly how many readers a day had, without who they are."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, PrimaryKeyConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base


class ReaderSketch(Base):
    """A sketch of who scanned a creative, or any of a publisher's, on a day with a device.

    It tells how many there were, and merged with others how many there were in all of them; it names nobody
    (decision 10). The publishers' own sketches spare them the merging of all their creatives'.
    """

    __tablename__ = "reader_sketch"
    __table_args__ = (
        # With the sketch, as in `CreativeRollup`.
        PrimaryKeyConstraint("subject_id", "day", "device", postgresql_include=["publisher_id", "sketch"]),
        # A day is replaced as a whole.
        Index(None, "day"),
    )

    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    """The creative's, or the publisher's own for all of its creatives."""
    day: Mapped[date] = mapped_column(primary_key=True)
    """In UTC."""
    device: Mapped[str] = mapped_column(String(16), primary_key=True)
    """Empty where it isn't known."""
    publisher_id: Mapped[UUID] = mapped_column(ForeignKey("publisher.id"))
    sketch: Mapped[bytes] = mapped_column(LargeBinary(2048))
    """As `o2o.services.sketch` writes it."""
