"""What a day's rollups were made from."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base


class RollupDay(Base):
    """A tally of the raw rows that a day's rollups have counted.

    Scans are added and never changed. Pins change, and count their changes. So a day is up to date exactly
    if its raw rows still come to this tally, however late a row is written and whenever a worker died.
    """

    __tablename__ = "rollup_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    """In UTC."""
    scans: Mapped[int]
    pin_changes: Mapped[int] = mapped_column(BigInteger)
    """The sum of the versions of the pins that were wished for on the day."""
    rolled_at: Mapped[datetime]
