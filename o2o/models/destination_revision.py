"""What a destination was, and who made it so."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base


class DestinationRevision(Base):
    """One version of a destination, written with it in one transaction."""

    __tablename__ = "destination_revision"

    destination_id: Mapped[UUID] = mapped_column(ForeignKey("destination.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    changed_by: Mapped[str] = mapped_column(String(500))
    """Who it was, in words that outlive the member and the key."""
    changed_at: Mapped[datetime]
