"""Which of a creative's destinations a reader gets."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base


class Rule(Base):
    """One line of a creative's list of rules: the first whose every condition holds wins.

    A condition that is None, or an empty list, holds for everyone.
    """

    __tablename__ = "rule"
    __table_args__ = (
        ForeignKeyConstraint(
            ["destination_id", "creative_id"], ["destination.id", "destination.creative_id"]
        ),
        CheckConstraint("until > since", name="window_goes_forward"),
        CheckConstraint("max_scans >= min_scans", name="scans_go_forward"),
        CheckConstraint("share_percent BETWEEN 1 AND 100", name="share_percent"),
    )

    creative_id: Mapped[UUID] = mapped_column(ForeignKey("creative.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    destination_id: Mapped[UUID]
    since: Mapped[datetime | None]
    until: Mapped[datetime | None]
    countries: Mapped[list[str]] = mapped_column(JSON, default=list)
    """ISO 3166-1 alpha-2, in capitals."""
    languages: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Primary language subtags by BCP 47, in lower case."""
    devices: Mapped[list[str]] = mapped_column(JSON, default=list)
    min_scans: Mapped[int | None]
    """Scans that have read the creative before this one: from so many, to so many."""
    max_scans: Mapped[int | None]
    share_percent: Mapped[int | None]
    """Of all readers: those rules' shares lie side by side in the order of the list."""
