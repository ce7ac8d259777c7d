"""CSV as spreadsheets save it."""

from __future__ import annotations

import csv
import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from o2o.errors import InvalidRequest
from o2o.services.spreadsheets import Table, csv_lines, read_csv

KNOWN = ("title", "page", "link")


def read(data: bytes) -> Table:
    return read_csv(data, KNOWN, required="title", max_rows=4)


def rows(data: bytes) -> dict[str, dict[str, str]]:
    return {row.place: dict(row.cells) for row in read(data).rows}


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("delimiter", [b",", b";"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_all_that_spreadsheets_write_is_read(mark: bytes, delimiter: bytes, end: bytes) -> None:
    lines = (b"Title ,page,link", b'"a, ""b"";', b'c", 7,', b"", "Crème,,x".encode())
    data = mark + end.join(line.replace(b",", delimiter) for line in lines) + end
    title = f'a, "b";{end.decode()}c'.replace(",", delimiter.decode())
    assert rows(data) == {"rows/2": {"title": title, "page": "7"}, "rows/4": {"title": "Crème", "link": "x"}}


def test_a_comma_in_the_text_is_no_delimiter_where_semicolons_are() -> None:
    assert rows(b"title;page\na, b, c;7\n") == {"rows/2": {"title": "a, b, c", "page": "7"}}


def test_columns_are_held_to_those_that_are_known() -> None:
    table = read(b"title,titel,page,page,a/b\nx,y,1,2,3,4\nz\n")
    assert [(fault.field, fault.detail) for fault in table.faults] == [
        ("rows/1/titel", "there is no column 'titel': the columns are title, page, link"),
        ("rows/1/page", "the column 'page' is there twice"),
        ("rows/1/a~1b", "there is no column 'a/b': the columns are title, page, link"),
        ("rows/2", "the row has 6 cells, and the header 5"),
    ]
    assert table.rows[1].cells == {"title": "z"}


def test_one_row_too_many_is_read_and_no_more() -> None:
    table = read(b"title\n" + b"a\n" * 9 + b'"')
    assert [row.place for row in table.rows] == [f"rows/{number}" for number in range(2, 7)]


@pytest.mark.parametrize(
    ("data", "field", "said"),
    [
        (b"", "rows/1", "the first row names the columns"),
        (b"\n\ntitle\n", "rows/1", "the first row names the columns"),
        (b"page\n1\n", "rows/1/title", "there is no column 'title'"),
        (b"title" + b",x" * 40, "rows/1", "more than 40 columns"),
        ("title\nCr\xe8me\n".encode("latin-1"), "rows", "from line 2 on"),
        ("title\n".encode("utf-16"), "rows", "CSV UTF-8"),
        (b'title\n"open\n', "rows/2", "quotation marks"),
        (b'title\n"a"b\n', "rows/2", "quotation marks"),
        (b"title\n" + b"x" * 200_000, "rows/2", "larger than field limit"),
    ],
)
def test_what_is_no_table_is_told(data: bytes, field: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(data)
    assert caught.value.faults[0].field == field
    assert said in caught.value.faults[0].detail


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_told(data: bytes) -> None:
    with suppress(InvalidRequest):
        table = read(b"title\n" + data)
        assert all(row.cells.keys() <= {"title"} for row in table.rows)
        assert table.faults or all(row.cells for row in table.rows)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)


@given(st.lists(st.tuples(TEXTS, st.integers()), max_size=10))
def test_no_cell_is_a_formula_and_each_can_be_read_again(table: list[tuple[str, int]]) -> None:
    text = "".join(csv_lines(["title", "page"], table))
    found = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert found[0] == ["title", "page"]
    for (title, page), (shown, number) in zip(table, found[1:], strict=True):
        assert not shown.startswith(("=", "+", "-", "@", "\t", "\r"))
        assert shown.removeprefix("'") == title.removeprefix("'") or shown == title
        assert number == str(page)
