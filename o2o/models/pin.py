"""A creative clipped to a board."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from o2o.db import Base, named_enum
from o2o.models.creative import Creative
from o2o.models.destination import Destination


class PinStatus(StrEnum):
    """How far a pin has come."""

    PENDING = "pending"
    SAVED = "saved"
    FAILED = "failed"


class Pin(Base):
    """A reader's wish to keep a creative, then the fact that it is kept.

    Board services have no idempotency keys, so that a wish is fulfilled once is settled
    here: one row for a reader, a creative and a board, whatever is sent how often.
    """

    __tablename__ = "pin"
    __table_args__ = (
        UniqueConstraint("reader_id", "creative_id", "board_id"),
        ForeignKeyConstraint(["board_id", "reader_id"], ["board.id", "board.reader_id"]),
        ForeignKeyConstraint(["scan_id", "reader_id"], ["scan.id", "scan.reader_id"]),
        CheckConstraint("(status = 'saved') = (saved_at IS NOT NULL)", name="saved_has_time"),
        Index(None, "board_id", "created_at"),
        # Rollups go day by day.
        Index(None, "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    reader_id: Mapped[UUID] = mapped_column(ForeignKey("reader.id"))
    creative_id: Mapped[UUID] = mapped_column(ForeignKey("creative.id"))
    board_id: Mapped[UUID]
    scan_id: Mapped[UUID]
    destination_id: Mapped[UUID | None] = mapped_column(ForeignKey("destination.id"))
    """What the reader was shown and wants to keep; None for a notice that nothing was there."""
    status: Mapped[PinStatus] = mapped_column(named_enum(PinStatus, "status"))
    version: Mapped[int] = mapped_column()
    """Counted up by every change, so that a day's rollups notice it."""
    created_at: Mapped[datetime]
    saved_at: Mapped[datetime | None]

    creative: Mapped[Creative] = relationship(lazy="joined", innerjoin=True)
    destination: Mapped[Destination | None] = relationship(lazy="joined")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  SQLAlchemy reads it from the class
