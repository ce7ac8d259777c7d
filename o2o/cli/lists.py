"""Lists of what there is: a table for people, a JSON object a line for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import typer

from o2o.cli.environment import current_settings, transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from o2o.services.paging import Page

Row = TypeVar("Row")

PAGE: Final = 500
"""Rows that are taken from the database at once."""

JSON_HELP: Final = "Print one JSON object a line, a line a row."

# Given at a time, and none where there is no value.
PagesOf = Callable[["Session", int, str | None], "Page[Row]"]


def show(
    pages_of: PagesOf[Row],
    fields: Callable[[Row], Mapping[str, Any]],
    columns: Sequence[str],
    *,
    as_json: bool,
) -> None:
    """Print all rows of a list.

    Parameters
    ----------
    pages_of : callable
        Takes a session, how many rows a page has and the cursor of one, and returns the page.
    fields : callable
        Returns what a row holds, as JSON has it.
    columns : sequence of str
        Those of the fields that the table has, in order.
    """
    with transaction(current_settings()) as session:
        rows = [fields(row) for row in _all(pages_of, session)]
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row, ensure_ascii=False))
        return
    table(
        [
            [name.replace("_", " ").upper() for name in columns],
            *([_cell(row[name]) for name in columns] for row in rows),
        ]
    )


def table(rows: Sequence[Sequence[str]], *, err: bool = False) -> None:
    """Print rows with their columns one below the other; the last may be as long as it likes."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    for *first, last in rows:
        padded = [cell.ljust(width) for cell, width in zip(first, widths, strict=True)]
        typer.echo("  ".join([*padded, last]).rstrip(), err=err)


def _all(pages_of: PagesOf[Row], session: Session) -> Iterator[Row]:
    """Yield the rows of all pages."""
    cursor: str | None = None
    while True:
        page = pages_of(session, PAGE, cursor)
        yield from page.items
        if (cursor := page.next_cursor) is None:
            return


def _cell(value: Any) -> str:
    """Return a value as the table has it."""
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value)
