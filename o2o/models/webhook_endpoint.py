"""Where an integrator wants to hear of events."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base


class WebhookEndpoint(Base):
    """An integrator's address and the secret that its events are signed with.

    The secret is kept as it is: signing needs the secret itself, not a hash of it.
    """

    __tablename__ = "webhook_endpoint"
    __table_args__ = (Index(None, "publisher_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    publisher_id: Mapped[UUID] = mapped_column(ForeignKey("publisher.id"))
    url: Mapped[str] = mapped_column(Text)
    secret: Mapped[str] = mapped_column(String(120))
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None] = mapped_column(Text)
