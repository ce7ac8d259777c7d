"""Tables as spreadsheets save them, CSV (RFC 4180): in, with rows counted as a person sees them, and out."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from o2o.errors import Fault, InvalidRequest, pointer_part

DELIMITERS: Final = ",;"
"""Spreadsheets write the second one where the first is a decimal comma."""

HEADER_ROW: Final = 1

MAX_COLUMNS: Final = 40
"""That have a name: each that is unknown is told."""

# Where a cell's text begins with one of these, a spreadsheet takes it for a formula and works it out.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table.

    Attributes
    ----------
    place : str
        Where it is, as a pointer: ``rows/7`` is what a spreadsheet numbers 7, its header being 1.
    cells : mapping of str to object
        What is in it by column; cells that are empty aren't there.
    """

    place: str
    cells: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds, and what is wrong with its form."""

    rows: Sequence[TableRow]
    faults: Sequence[Fault]


def read_csv(data: bytes, known: Collection[str], *, required: str, max_rows: int) -> Table:
    """Read a CSV file with a header: UTF-8, separated by commas or semicolons.

    Parameters
    ----------
    known : collection of str
        The columns that there may be.
    required : str
        The one that there must be.
    max_rows : int
        Of what is beyond, one row is read, to tell that there are more: in memory, rows of two bytes are a
        hundred times as large.

    Raises
    ------
    InvalidRequest
        If it isn't one at all: not UTF-8, without that column, with more than `MAX_COLUMNS`, or with a
        quotation mark that is never closed.
    """
    text = _decoded(data)
    rows = _records(text, _delimiter(text, known))
    names = next(rows, [])
    if sum(name.strip() != "" for name in names) > MAX_COLUMNS:
        raise InvalidRequest(
            f"there are more than {MAX_COLUMNS} columns: they are {_either(known)}",
            field=f"rows/{HEADER_ROW}",
        )
    header = [name.strip().lower() for name in names]
    if not any(header):
        raise InvalidRequest(
            f"the first row names the columns, and is empty: {_either(known)}", field=f"rows/{HEADER_ROW}"
        )
    faults = list(_header_faults(header, known))
    if required not in header:
        faults.append(
            Fault(f"rows/{HEADER_ROW}/{required}", f"there is no column {required!r}, which is needed")
        )
        raise InvalidRequest.of(faults)
    table: list[TableRow] = []
    for number, record in enumerate(rows, HEADER_ROW + 1):
        if len(table) > max_rows:
            break
        cells = [cell.strip() for cell in record]
        if not any(cells):
            continue
        place = f"rows/{number}"
        if any(cells[len(header) :]):
            faults.append(Fault(place, f"the row has {len(cells)} cells, and the header {len(header)}"))
        named = zip(header, cells, strict=False)
        table.append(TableRow(place, {name: cell for name, cell in named if cell and name in known}))
    return Table(table, faults)


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield the lines of a CSV file: with a byte order mark, by which spreadsheets know UTF-8.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    file.write("\ufeff")
    writer.writerow(columns)
    yield file.getvalue()
    for row in rows:
        file.seek(0)
        file.truncate()
        writer.writerow([inert(cell) for cell in row])
        yield file.getvalue()


def inert(cell: Any) -> Any:
    """Return a cell that no spreadsheet works out: a text that begins like a formula gets an apostrophe."""
    is_formula = isinstance(cell, str) and cell.lstrip(" ").startswith(_FORMULA_STARTS)
    return f"'{cell}" if is_formula else cell


def _decoded(data: bytes) -> str:
    """Return a file's text."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidRequest(
            f"the file isn't UTF-8 (from line {line} on): save it as CSV UTF-8", field="rows"
        ) from error


def _delimiter(text: str, known: Collection[str]) -> str:
    """Return the delimiter that gives the header the most known columns; the comma if none does."""

    def fits(delimiter: str) -> int:
        header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        return len({name.strip().lower() for name in header} & set(known))

    try:
        return max(DELIMITERS, key=fits)
    except csv.Error:
        return DELIMITERS[0]


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    """Yield the rows of cells; a quoted cell may hold lines of its own."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    count = 0
    try:
        for count, record in enumerate(reader, 1):  # noqa: B007  it tells where the error is
            yield record
    except csv.Error as error:
        raise InvalidRequest(
            f"row {count + 1} can't be read ({error}): are its quotation marks closed and doubled?",
            field=f"rows/{count + 1}",
        ) from error


def _header_faults(header: Sequence[str], known: Collection[str]) -> Iterator[Fault]:
    """Yield what is wrong with the names of columns."""
    for position, name in enumerate(header):
        place = f"rows/{HEADER_ROW}/{pointer_part(name)}"
        if name not in known and name:
            yield Fault(place, f"there is no column {name!r}: the columns are {_either(known)}")
        if name and name in header[:position]:
            yield Fault(place, f"the column {name!r} is there twice")


def _either(names: Collection[str]) -> str:
    """Name alternatives."""
    return ", ".join(names)
