"""What a reader gets behind a picture."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Numeric,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base, named_enum

_IS_PUBLISHERS_FALLBACK = text("creative_id IS NULL AND campaign_id IS NULL")


class DestinationState(StrEnum):
    """What its publisher has decided about a destination; its schedule decides the rest."""

    DRAFT = "draft"
    LIVE = "live"
    EXPIRED = "expired"


class Destination(Base):
    """A page behind a creative; or the fallback of a campaign, or with neither, of the publisher.

    The lengths are those that pins allow, so that a text fails where it is written and not where a reader
    pins it. Each version is kept in `DestinationRevision`.
    """

    __tablename__ = "destination"
    __table_args__ = (
        ForeignKeyConstraint(["creative_id", "publisher_id"], ["creative.id", "creative.publisher_id"]),
        ForeignKeyConstraint(["campaign_id", "publisher_id"], ["campaign.id", "campaign.publisher_id"]),
        CheckConstraint("creative_id IS NULL OR campaign_id IS NULL", name="has_one_owner"),
        CheckConstraint("ends_at > starts_at", name="schedule_goes_forward"),
        CheckConstraint("(price_amount IS NULL) = (price_currency IS NULL)", name="price_is_whole"),
        # What a rule's composite key refers to: no rule leads to another creative's destination.
        UniqueConstraint("id", "creative_id"),
        # A campaign has one fallback, and so has a publisher.
        UniqueConstraint("campaign_id"),
        Index(
            "uq_destination_publisher_fallback",
            "publisher_id",
            unique=True,
            sqlite_where=_IS_PUBLISHERS_FALLBACK,
            postgresql_where=_IS_PUBLISHERS_FALLBACK,
        ),
        Index(None, "creative_id", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    publisher_id: Mapped[UUID] = mapped_column(ForeignKey("publisher.id"))
    creative_id: Mapped[UUID | None]
    campaign_id: Mapped[UUID | None]
    state: Mapped[DestinationState] = mapped_column(named_enum(DestinationState, "state"))
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    title: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(800), default="")
    link: Mapped[str | None] = mapped_column(Text)
    images: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Stored pictures' names, at most five."""
    alt_text: Mapped[str] = mapped_column(String(500), default="")
    price_amount: Mapped[Decimal | None] = mapped_column(Numeric(12, 2))
    price_currency: Mapped[str | None] = mapped_column(String(3))
    call_to_action: Mapped[str] = mapped_column(String(30), default="")
    master_pin: Mapped[str | None] = mapped_column(String(20))
    """The Pinterest pin that readers' pins are saved from."""
    locale: Mapped[str | None] = mapped_column(String(35))
    """A language tag by BCP 47."""
    version: Mapped[int] = mapped_column()
    """Counted up by every change: what an edit must have seen."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  SQLAlchemy reads it from the class
