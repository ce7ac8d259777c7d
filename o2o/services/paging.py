"""Pages of long lists: a cursor names the last row seen, so that pages neither skip nor repeat."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from o2o.errors import InvalidRequest

Row = TypeVar("Row")

BATCH: Final = 1000
"""Rows that are taken to or from the database at once: enough for speed, few enough for memory."""


def batched(rows: Iterable[Row], size: int = BATCH) -> Iterator[list[Row]]:
    """Yield rows in lists of so many; the last may be shorter."""
    left = iter(rows)
    while batch := list(islice(left, size)):
        yield batch


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """A page of a list.

    Attributes
    ----------
    items : sequence
    next_cursor : str or None
        What asks for the next page; None on the last one.
    """

    items: Sequence[Row]
    next_cursor: str | None

    def map(self, shown: Callable[[Row], Any]) -> Page[Any]:
        """Return the page with each item as it is shown."""
        return Page([shown(item) for item in self.items], self.next_cursor)


def newest_first(
    session: Session,
    wanted: Select[Row],
    created_at: InstrumentedAttribute[datetime],
    row_id: InstrumentedAttribute[UUID],
    *,
    limit: int,
    cursor: str | None,
) -> Page[Row]:
    """Return a page of rows, the newest first.

    Parameters
    ----------
    created_at, row_id : attributes
        The columns that order the rows; an index on them keeps every page as fast as the first.
    cursor : str or None
        A page's `next_cursor`, for the page after it.

    Raises
    ------
    InvalidRequest
        If the cursor isn't one.
    """
    if cursor is not None:
        wanted = wanted.where(_older(created_at, row_id, cursor))
    wanted = wanted.order_by(created_at.desc(), row_id.desc())
    return _page(
        session, wanted, limit, lambda last: _cursor(getattr(last, created_at.key), getattr(last, row_id.key))
    )


def newest_versions(
    session: Session,
    wanted: Select[Row],
    version: InstrumentedAttribute[int],
    *,
    limit: int,
    cursor: str | None,
) -> Page[Row]:
    """Return a page of one thing's versions, the newest first.

    Parameters
    ----------
    version : attribute
        The column that orders the rows, unique among those that are wanted.
    cursor : str or None
        A page's `next_cursor`, for the page after it.

    Raises
    ------
    InvalidRequest
        If the cursor isn't one.
    """
    if cursor is not None:
        wanted = wanted.where(version < _last_version(cursor))
    wanted = wanted.order_by(version.desc())
    return _page(session, wanted, limit, lambda last: _encoded(getattr(last, version.key)))


def _page(session: Session, wanted: Select[Row], limit: int, cursor_of: Callable[[Any], str]) -> Page[Row]:
    """Return the first rows, with the cursor that the last of them makes where there are more."""
    rows = session.scalars(wanted.limit(limit + 1)).all()
    items = rows[:limit]
    return Page(items, cursor_of(items[-1]) if len(rows) > limit else None)


def _last_version(cursor: str) -> int:
    """Return the version that a cursor names."""
    found = _decoded(cursor)
    # A database's whole numbers are no larger.
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found < 2**31:
        raise _no_cursor()
    return found


def _older(
    created_at: InstrumentedAttribute[datetime], row_id: InstrumentedAttribute[UUID], cursor: str
) -> ColumnElement[bool]:
    """The condition that a row comes after the one that a cursor names."""
    try:
        at, last_id = _decoded(cursor)
        seen_at, seen_id = datetime.fromisoformat(at), UUID(last_id)
        if seen_at.tzinfo is None:
            raise ValueError(cursor)
    except (ValueError, TypeError, AttributeError) as error:
        raise _no_cursor() from error
    return tuple_(created_at, row_id) < tuple_(seen_at, seen_id)


def _cursor(created_at: datetime, row_id: UUID) -> str:
    return _encoded([created_at.isoformat(), str(row_id)])


def _encoded(place: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _decoded(cursor: str) -> Any:
    try:
        return json.loads(base64.urlsafe_b64decode(cursor))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise _no_cursor() from error


def _no_cursor() -> InvalidRequest:
    return InvalidRequest("cursor isn't a next_cursor of this list: leave it out", field="cursor")
