"""One event on its way to one endpoint."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from o2o.db import Base, named_enum
from o2o.models.webhook_endpoint import WebhookEndpoint


class DeliveryStatus(StrEnum):
    """Whether the endpoint has said yes."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookDelivery(Base):
    """An event for an endpoint: there once, sent until it is acknowledged or given up.

    The body is fixed when the event happens, so every retry says the same under the same ID.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "event", "subject_id"),
        CheckConstraint("(status = 'delivered') = (delivered_at IS NOT NULL)", name="delivered_has_time"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoint.id"))
    event: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[UUID]
    """The row that the event is about; its table follows from the event."""
    body: Mapped[str] = mapped_column(Text)
    status: Mapped[DeliveryStatus] = mapped_column(named_enum(DeliveryStatus, "status"))
    attempts: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    """What each attempt came to, first to last: ``{"at", "status", "error"}``."""
    created_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]

    endpoint: Mapped[WebhookEndpoint] = relationship(lazy="joined", innerjoin=True)
