"""The answer to a request that may come twice and counts once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base


class StoredAnswer(Base):
    """What was answered under an idempotency key, word for word, kept for a day.

    Pins have `IdempotencyKey` instead, whose answer goes on with the pin.
    """

    __tablename__ = "stored_answer"
    __table_args__ = (Index(None, "created_at"),)

    asker_id: Mapped[UUID] = mapped_column(primary_key=True)
    """The reader or the publisher whose key it is: keys of others are others."""
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    """SHA-256 of the request that the key came with first."""
    status: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    headers: Mapped[str] = mapped_column(Text)
    """Those that are part of the answer, as a JSON object."""
    created_at: Mapped[datetime]
