"""A photo that was not thrown away."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base


class KeptPhoto(Base):
    """A photo that its reader lets a publisher keep for a time, as the publisher's setting allows.

    The file is named by the scan. It is encoded anew, so that nothing of the camera or the place is in it.
    """

    __tablename__ = "kept_photo"
    __table_args__ = (
        Index(None, "publisher_id", "created_at", "scan_id"),
        Index(None, "kept_until"),
    )

    scan_id: Mapped[UUID] = mapped_column(ForeignKey("scan.id"), primary_key=True)
    publisher_id: Mapped[UUID] = mapped_column(ForeignKey("publisher.id"))
    created_at: Mapped[datetime]
    kept_until: Mapped[datetime]
