"""A marked picture."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from o2o.db import Base
from o2o.models.publisher import Publisher

WATERMARK_ID_BITS: Final = 48
"""As `watermarks.payload.ID_BITS`, which would bring the codec into processes that read no photo."""


class Creative(Base):
    """A picture with a mark of its own; what it leads to are its destinations.

    The mark's ID is drawn at random from all 48 bits and never given twice: IDs in sequence
    would tell a competitor how much a publisher prints, and would make a misread land on a
    neighbour. A row is never deleted, as print can't be: a withdrawn creative keeps its ID and answers
    with its campaign's or publisher's fallback.
    """

    __tablename__ = "creative"
    __table_args__ = (
        ForeignKeyConstraint(["campaign_id", "publisher_id"], ["campaign.id", "campaign.publisher_id"]),
        # What a destination's composite key refers to.
        UniqueConstraint("id", "publisher_id"),
        CheckConstraint(
            f"watermark_id >= 0 AND watermark_id < {1 << WATERMARK_ID_BITS}", name="watermark_id_48_bits"
        ),
        CheckConstraint("page >= 1", name="page_from_one"),
        CheckConstraint("print_width_in > 0 AND print_height_in > 0", name="print_size_above_zero"),
        # What lists go by: newest first within a publisher, or within a campaign.
        Index(None, "publisher_id", "created_at", "id"),
        Index(None, "campaign_id", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    watermark_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    publisher_id: Mapped[UUID] = mapped_column(ForeignKey("publisher.id"))
    campaign_id: Mapped[UUID | None]
    title: Mapped[str] = mapped_column(String(100))
    """What the publisher calls the picture; readers see the destination's."""
    page: Mapped[int | None]
    print_width_in: Mapped[float | None]
    print_height_in: Mapped[float | None]
    fingerprint: Mapped[str | None] = mapped_column(String(16))
    """A perceptual hash of the picture, 64 bits in hexadecimal: near-duplicates differ in few bits."""
    picture: Mapped[str | None] = mapped_column(String(80))
    """The stored picture's name, ``<sha256>.<extension>``; so is the thumbnail's."""
    thumbnail: Mapped[str | None] = mapped_column(String(80))
    version: Mapped[int] = mapped_column()
    """Counted up by every change: what an edit must have seen."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]

    publisher: Mapped[Publisher] = relationship(lazy="joined", innerjoin=True)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  SQLAlchemy reads it from the class
