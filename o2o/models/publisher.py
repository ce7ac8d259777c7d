"""Who puts marked pictures into print."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base


class Publisher(Base):
    """A tenant: owns campaigns, creatives and webhook endpoints."""

    __tablename__ = "publisher"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
