"""Who puts marked pictures into print."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base

MAX_KEEP_PHOTOS_DAYS = 365


class Publisher(Base):
    """A tenant: owns members, keys, campaigns, creatives, destinations and webhook endpoints."""

    __tablename__ = "publisher"
    __table_args__ = (
        CheckConstraint(f"keep_photos_days BETWEEN 1 AND {MAX_KEEP_PHOTOS_DAYS}", name="keep_photos_days"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(200))
    keep_photos_days: Mapped[int | None]
    """How long photos may be kept whose readers agree to it; None: none ever is."""
    version: Mapped[int] = mapped_column()
    """Counted up by every change: what an edit must have seen."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  SQLAlchemy reads it from the class
