"""A request that may come twice and counts once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base


class IdempotencyKey(Base):
    """The answer that a reader's key stands for.

    A table of its own, as one pin may be asked for under several keys, and each key must
    keep refusing any other request.
    """

    __tablename__ = "idempotency_key"

    reader_id: Mapped[UUID] = mapped_column(ForeignKey("reader.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    """SHA-256 of the request that the key came with first."""
    pin_id: Mapped[UUID] = mapped_column(ForeignKey("pin.id"))
    created_pin: Mapped[bool]
    """Whether that request made the pin, or found it there."""
    created_at: Mapped[datetime]
