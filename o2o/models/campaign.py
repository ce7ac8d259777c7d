"""A magazine's issue, a catalogue, a poster series."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base


class Campaign(Base):
    """A set of creatives that are published together, named once within its publisher."""

    __tablename__ = "campaign"
    __table_args__ = (
        UniqueConstraint("publisher_id", "name"),
        # What a creative's composite key refers to, so that no creative can sit in
        # another publisher's campaign.
        UniqueConstraint("id", "publisher_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    publisher_id: Mapped[UUID] = mapped_column(ForeignKey("publisher.id"))
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
