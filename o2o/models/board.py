"""Where a reader keeps pins."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base


class Board(Base):
    """A reader's board, shown to whoever knows its random ID."""

    __tablename__ = "board"
    __table_args__ = (
        # What a pin's composite key refers to: nobody pins onto another reader's board.
        UniqueConstraint("id", "reader_id"),
        Index(None, "reader_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    reader_id: Mapped[UUID] = mapped_column(ForeignKey("reader.id"))
    name: Mapped[str] = mapped_column(String(180))
    created_at: Mapped[datetime]
