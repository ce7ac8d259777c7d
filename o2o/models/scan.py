"""What came of one photo."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from o2o.db import Base, named_enum
from o2o.models.scan_detection import ScanDetection


class Outcome(StrEnum):
    """Whether a photo led to content."""

    READ = "read"
    MISS = "miss"


class Scan(Base):
    """What analytics needs of one photo, and no more.

    The photo is read and thrown away: neither it nor its EXIF, nor the sender's address,
    is kept.
    """

    __tablename__ = "scan"
    __table_args__ = (
        UniqueConstraint("id", "reader_id"),
        Index(None, "reader_id"),
        # Rollups go day by day.
        Index(None, "created_at"),
        CheckConstraint("(outcome = 'miss') = (reason IS NOT NULL)", name="miss_has_reason"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    reader_id: Mapped[UUID] = mapped_column(ForeignKey("reader.id"))
    outcome: Mapped[Outcome] = mapped_column(named_enum(Outcome, "outcome"))
    reason: Mapped[str | None] = mapped_column(String(32))
    width_px: Mapped[int]
    height_px: Mapped[int]
    load_ms: Mapped[float]
    detect_ms: Mapped[float]
    decode_ms: Mapped[float]
    total_ms: Mapped[float]
    app: Mapped[str | None] = mapped_column(String(40))
    """The program that sent the photo, as it calls itself."""
    country: Mapped[str | None] = mapped_column(String(2))
    """ISO 3166-1 alpha-2, as the proxy in front says; nothing finer is kept."""
    device: Mapped[str | None] = mapped_column(String(16))
    """None, like the two above, in rows from before they were kept."""
    created_at: Mapped[datetime]

    detections: Mapped[list[ScanDetection]] = relationship(order_by=ScanDetection.position)
