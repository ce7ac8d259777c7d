"""The columns of an issue: what its cells mean, in JSON and as a spreadsheet's text.

Only what a cell is gets settled here, a number or a day; whether it can be kept is for the checks that hold
for single campaigns, creatives and destinations too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from o2o.errors import Fault, InvalidRequest, pointer_part
from o2o.models import DestinationState

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 9998
"""Times between, whatever their zone, are times in UTC too."""

AMOUNT: Final = re.compile(r"^[0-9]{1,10}(\.[0-9]{1,2})?\Z")

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WHOLE: Final = re.compile(r"[0-9]{1,18}(\.0)?")
_NUMBER: Final = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?")


@dataclass(frozen=True, slots=True)
class Kind:
    """What the cells of a column are.

    Attributes
    ----------
    meant : str
        What is to be written, in words.
    read : callable
        Returns the value that a JSON value stands for, or raises ValueError.
    of_text : callable
        Returns the JSON value that a text of a spreadsheet spells, or raises ValueError.
    """

    meant: str
    read: Callable[[Any], Any]
    of_text: Callable[[str], Any] = str


def values_of(
    cells: Mapping[str, Any], kinds: Mapping[str, Kind], *, is_text: bool
) -> tuple[dict[str, Any], list[Fault]]:
    """Return what cells stand for by column, and what is wrong with those that stand for nothing.

    Parameters
    ----------
    kinds : mapping of str to Kind
        The columns that there are.
    is_text : bool
        Whether the cells are a spreadsheet's texts, and not JSON values.
    """
    values: dict[str, Any] = {}
    faults = [
        Fault(pointer_part(name), f"there is no {name!r}: there are {', '.join(kinds)}")
        for name in cells
        if name not in kinds
    ]
    for name, kind in kinds.items():
        if (cell := cells.get(name)) is None:
            continue
        try:
            values[name] = kind.read(kind.of_text(cell) if is_text else cell)
        except (ValueError, OverflowError):
            faults.append(Fault(name, f"{name} is {kind.meant}, not {_shortened(cell)}"))
    return values, faults


def merged(faults: Iterable[Fault], *, known: Iterable[Fault] = ()) -> list[Fault]:
    """Return faults, but one only for each field: what follows from a fault isn't told beside it."""
    by_field = {fault.field: fault for fault in reversed([*known, *faults])}
    return list(reversed(by_field.values()))


def faults_of(check: Callable[[], object]) -> tuple[Fault, ...]:
    """Return what a check finds."""
    try:
        check()
    except InvalidRequest as error:
        return error.faults
    return ()


def _shortened(cell: Any) -> str:
    """Return a cell as it can be quoted."""
    told = repr(cell)
    return told if len(told) <= 60 else f"{told[:57]}..."


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value


def _whole(value: Any) -> int:
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not is_whole:
        raise ValueError(value)
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(value)
    return float(value)


def _day(value: Any) -> date:
    if not _DAY.fullmatch(_text(value)):
        raise ValueError(value)
    return date.fromisoformat(value)


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(value)
    return moment.astimezone(UTC)


def _amount(value: Any) -> Decimal:
    if not AMOUNT.match(_text(value)):
        raise ValueError(value)
    return Decimal(value)


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(value)
    return tuple(_text(name) for name in value)


def _spelled(pattern: re.Pattern[str], number: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return what reads a number's text."""

    def read(text: str) -> Any:
        if not pattern.fullmatch(text):
            raise ValueError(text)
        return number(text)

    return read


TEXT: Final = Kind("a text", _text)
WHOLE: Final = Kind("a whole number", _whole, _spelled(_WHOLE, lambda text: int(text.removesuffix(".0"))))
NUMBER: Final = Kind("a number such as 8.5", _number, _spelled(_NUMBER, float))
DAY: Final = Kind("a day such as 2026-05-01", _day)
MOMENT: Final = Kind("a time with its zone, such as 2026-05-01T08:00:00+02:00", _moment)
AMOUNT_OF_MONEY: Final = Kind("an amount such as 12.50, without its currency", _amount)
NAMES: Final = Kind("names of stored pictures, with spaces between", _names, str.split)
STATE: Final = Kind(" or ".join(DestinationState), lambda value: DestinationState(_text(value)), str.lower)

CAMPAIGN: Final[Mapping[str, Kind]] = {
    "title": TEXT,
    "page_count": WHOLE,
    "on_sale_on": DAY,
    "off_sale_on": DAY,
}
"""What is known of a campaign; the names are `Plan`'s."""

CREATIVE: Final[Mapping[str, Kind]] = {
    "title": TEXT,
    "page": WHOLE,
    "print_width_in": NUMBER,
    "print_height_in": NUMBER,
}
"""What is known of a creative; the names are `Particulars`'."""

DESTINATION: Final[Mapping[str, Kind]] = {
    "destination_title": TEXT,
    "state": STATE,
    "starts_at": MOMENT,
    "ends_at": MOMENT,
    "description": TEXT,
    "link": TEXT,
    "images": NAMES,
    "alt_text": TEXT,
    "price_amount": AMOUNT_OF_MONEY,
    "price_currency": TEXT,
    "call_to_action": TEXT,
    "master_pin": TEXT,
    "locale": TEXT,
}
"""What is behind it; the names are `Draft`'s, but that its title is told from the creative's."""

ROW: Final[Mapping[str, Kind]] = {**CREATIVE, **DESTINATION}
