"""A magazine's issue, a catalogue, a poster series."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base


class Campaign(Base):
    """A set of creatives that are published together, titled once within its publisher."""

    __tablename__ = "campaign"
    __table_args__ = (
        UniqueConstraint("publisher_id", "title"),
        # What a creative's composite key refers to, so that no creative can sit in
        # another publisher's campaign.
        UniqueConstraint("id", "publisher_id"),
        CheckConstraint("page_count >= 1", name="has_pages"),
        CheckConstraint("off_sale_on >= on_sale_on", name="sale_goes_forward"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    publisher_id: Mapped[UUID] = mapped_column(ForeignKey("publisher.id"))
    title: Mapped[str] = mapped_column(String(200))
    page_count: Mapped[int | None]
    on_sale_on: Mapped[date | None]
    off_sale_on: Mapped[date | None]
    """The last day."""
    version: Mapped[int] = mapped_column()
    """Counted up by every change: what an edit must have seen."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  SQLAlchemy reads it from the class
