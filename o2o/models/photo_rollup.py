"""How many photos came in on a day, and why some weren't read."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base


class PhotoRollup(Base):
    """One row for each combination of a day that occurred.

    It belongs to the deployment and to no publisher: nobody can say whose picture it was that wasn't read.
    """

    __tablename__ = "photo_rollup"
    __table_args__ = (CheckConstraint("photos >= 1", name="counts"),)

    day: Mapped[date] = mapped_column(primary_key=True)
    """In UTC."""
    device: Mapped[str] = mapped_column(String(16), primary_key=True)
    """Empty where it isn't known, and so is the country."""
    country: Mapped[str] = mapped_column(String(2), primary_key=True)
    reason: Mapped[str] = mapped_column(String(32), primary_key=True)
    """The miss's; empty for photos that were read."""
    photos: Mapped[int]
