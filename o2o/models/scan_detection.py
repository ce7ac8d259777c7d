"""One mark that a scan read."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base


class ScanDetection(Base):
    """A mark in a photo; without a creative where nobody has registered its ID."""

    __tablename__ = "scan_detection"
    __table_args__ = (
        Index(None, "creative_id"),
        # A day is counted from its own rows: by its scans' random IDs they would be looked for in all.
        Index(None, "created_at"),
    )

    scan_id: Mapped[UUID] = mapped_column(ForeignKey("scan.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """0 for the largest in the photo, then on by area."""
    created_at: Mapped[datetime]
    """The scan's."""
    watermark_id: Mapped[int] = mapped_column(BigInteger)
    profile: Mapped[int]
    creative_id: Mapped[UUID | None] = mapped_column(ForeignKey("creative.id"))
    destination_id: Mapped[UUID | None] = mapped_column(ForeignKey("destination.id"))
    """What the reader was shown; None for a notice that nothing is there, and for unknown IDs."""
    confidence: Mapped[float]
    signal_db: Mapped[float]
    px_per_chip: Mapped[float]
    tilt_deg: Mapped[float | None]
    """None, like the two below, in rows from before they were measured."""
    sharpness: Mapped[float | None]
    share: Mapped[float | None]
