"""A marked picture and what it leads to."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from o2o.db import Base
from o2o.models.publisher import Publisher

WATERMARK_ID_BITS: Final = 48
"""As `watermarks.payload.ID_BITS`, which would bring the codec into processes that read no photo."""


class Creative(Base):
    """A picture with a mark of its own.

    The mark's ID is drawn at random from all 48 bits and never given twice: IDs in sequence
    would tell a competitor how much a publisher prints, and would make a misread land on a
    neighbour. The lengths are those that pins allow, so that a text fails where it is
    written and not where a reader pins it.
    """

    __tablename__ = "creative"
    __table_args__ = (
        ForeignKeyConstraint(["campaign_id", "publisher_id"], ["campaign.id", "campaign.publisher_id"]),
        CheckConstraint(
            f"watermark_id >= 0 AND watermark_id < {1 << WATERMARK_ID_BITS}", name="watermark_id_48_bits"
        ),
        Index(None, "publisher_id"),
        Index(None, "campaign_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    watermark_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    publisher_id: Mapped[UUID] = mapped_column(ForeignKey("publisher.id"))
    campaign_id: Mapped[UUID | None]
    title: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(800), default="")
    link: Mapped[str | None] = mapped_column(Text)
    image: Mapped[str | None] = mapped_column(String(80))
    """The stored picture's name, ``<sha256>.<extension>``."""
    alt_text: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime]

    publisher: Mapped[Publisher] = relationship(lazy="joined", innerjoin=True)
