"""How often a creative was scanned and pinned on a day."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, PrimaryKeyConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base, named_enum


class Shown(StrEnum):
    """What a reader saw behind a picture."""

    CONTENT = "content"
    """The picture's own."""
    CAMPAIGN_FALLBACK = "campaign_fallback"
    PUBLISHER_FALLBACK = "publisher_fallback"
    NOTICE = "notice"
    """That there is nothing now."""


class CreativeRollup(Base):
    """One row for each combination of a day that occurred, made from scans and pins and from nothing else.

    It holds what can't change any more. A creative's campaign and page can, when a plan was wrong, so they
    are looked up when somebody asks: the counts follow the correction, and no day must be counted anew.
    """

    __tablename__ = "creative_rollup"
    __table_args__ = (
        ForeignKeyConstraint(["creative_id", "publisher_id"], ["creative.id", "creative.publisher_id"]),
        # With what is counted: a creative's days lie side by side in the index, and far apart in the table.
        PrimaryKeyConstraint(
            "creative_id",
            "day",
            "device",
            "country",
            "shown",
            postgresql_include=["publisher_id", "scans", "pins", "pins_failed"],
        ),
        CheckConstraint("scans >= 0 AND pins >= 0 AND pins_failed BETWEEN 0 AND pins", name="counts"),
        # A publisher's days; a creative's are the primary key's.
        Index(None, "publisher_id", "day"),
        # A day is replaced as a whole.
        Index(None, "day"),
    )

    creative_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    """In UTC."""
    device: Mapped[str] = mapped_column(String(16), primary_key=True)
    """Empty where it isn't known, and so is the country: a key's columns can't be null."""
    country: Mapped[str] = mapped_column(String(2), primary_key=True)
    shown: Mapped[Shown] = mapped_column(named_enum(Shown, "shown"), primary_key=True)
    publisher_id: Mapped[UUID]
    scans: Mapped[int]
    """Photos in which the creative was read; a photo with two copies of it counts once."""
    pins: Mapped[int]
    """Wishes to keep it, under the day of the wish and the device and country of the scan."""
    pins_failed: Mapped[int]
    """Those of them that have failed."""
