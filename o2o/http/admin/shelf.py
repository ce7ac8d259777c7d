"""Creatives as lists show them, each with where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from o2o.models import Creative
from o2o.services import contents
from o2o.services.creatives import format_id
from o2o.services.routing import Choices, status

_BEST_FIRST: Final = ("live", "scheduled", "draft", "expired")
NOTHING: Final = "nothing yet"


@dataclass(frozen=True, slots=True)
class Item:
    """A creative in a list.

    Attributes
    ----------
    status : str
        That of its destination that is nearest to a reader.
    """

    creative: Creative
    watermark_id: str
    status: str


def shelf(session: Session, found: Sequence[Creative], *, now: datetime) -> list[Item]:
    """Return creatives with where they stand, in as many queries for all as for one."""
    choices = contents.choices_of(session, found) if found else {}
    return [Item(each, format_id(each.watermark_id), standing(choices[each.id], now=now)) for each in found]


def standing(choices: Choices, *, now: datetime) -> str:
    """Return where a creative stands: live if one of its destinations is, and so on."""
    found = {status(each, now) for each in choices.destinations}
    return next((each for each in _BEST_FIRST if each in found), NOTHING)
