"""Imports: a whole issue at once, all of it or nothing.

A file is read to what its cells say, held to the checks of single campaigns, creatives and destinations, and
written only if nothing is wrong with any of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from o2o.errors import Conflict, Fault, InvalidRequest, pointer_part
from o2o.models import Campaign, DestinationState
from o2o.services import campaigns, columns, creatives, destinations, publishers
from o2o.services.campaigns import Plan
from o2o.services.columns import merged, values_of
from o2o.services.creatives import Particulars
from o2o.services.destinations import Draft, Owner
from o2o.services.spreadsheets import Table, TableRow, read_csv

MAX_ROWS: Final = 5000
MAX_BYTES: Final = 10_000_000
"""Two thousand bytes a row; the longest texts come to more, an issue's average never does."""

MAX_FIELDS: Final = 40
"""Of a row in JSON: twice as many as there are, and each that is unknown is told."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file says, before it is checked.

    Attributes
    ----------
    campaign : mapping of str to object
        The campaign's fields.
    campaign_place : str
        Where they were, as the beginning of a pointer; empty for the request itself.
    table : Table
        The creatives, a row each.
    is_text : bool
        Whether all values are a spreadsheet's texts, and not JSON values.
    """

    campaign: Mapping[str, Any]
    campaign_place: str
    table: Table
    is_text: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A creative and what is behind it, checked."""

    particulars: Particulars
    draft: Draft


@dataclass(frozen=True, slots=True)
class Issue:
    """A whole issue that can be kept."""

    plan: Plan
    entries: Sequence[Entry]


def sheet_of_csv(data: bytes, campaign: Mapping[str, str]) -> Sheet:
    """Read a CSV file.

    Parameters
    ----------
    campaign : mapping of str to str
        The campaign's fields, as texts; those that are empty aren't there.

    Raises
    ------
    InvalidRequest
        If it isn't one.
    """
    _require_size(data)
    given = {name: text for name, text in campaign.items() if text}
    return Sheet(given, "", read_csv(data, columns.ROW, required="title", max_rows=MAX_ROWS), is_text=True)


def sheet_of_json(data: bytes) -> Sheet:
    """Read a JSON file: an object with a ``campaign`` and its ``rows``.

    Raises
    ------
    InvalidRequest
        If it isn't one.
    """
    _require_size(data)
    try:
        document = json.loads(data, object_pairs_hook=_Bounds())
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the file isn't JSON: {error}") from error
    if not isinstance(document, dict):
        raise InvalidRequest("the file is an object with a campaign and its rows")
    faults = [
        Fault(pointer_part(name), f"there is no {name!r}: there are campaign and rows")
        for name in document
        if name not in {"campaign", "rows"}
    ]
    campaign, rows = document.get("campaign"), document.get("rows")
    if not isinstance(campaign, dict):
        faults.append(Fault("campaign", "campaign is an object with at least a title"))
        campaign = {"title": "unknown"}
    if not isinstance(rows, list):
        faults.append(Fault("rows", "rows is a list of objects"))
        rows = []
    table = []
    for index, row in enumerate(rows):
        if isinstance(row, dict):
            table.append(TableRow(f"rows/{index}", row))
        else:
            faults.append(Fault(f"rows/{index}", "a row is an object"))
    return Sheet(campaign, "campaign", Table(table, faults), is_text=False)


def require_bounds(data: bytes) -> None:
    """Refuse JSON that is far larger in memory than as a file, before anything else takes it apart.

    Raises
    ------
    InvalidRequest
        If it holds more rows, or more in a row, than is taken. What isn't JSON passes: it is told elsewhere.
    """
    bounds = _Bounds()
    with suppress(ValueError, RecursionError):
        json.loads(data, object_pairs_hook=lambda pairs: bounds(pairs) and None)


class _Bounds:
    """Makes objects of JSON as it is read; stops the reading where there are more than a file may hold."""

    def __init__(self) -> None:
        self._left = MAX_ROWS + len(("campaign", "document"))

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """Return the object of these names and values."""
        self._left -= 1
        if self._left < 0 or any(isinstance(value, list) and len(value) > MAX_ROWS for _, value in pairs):
            raise _too_many()
        if len(pairs) > MAX_FIELDS:
            raise InvalidRequest(
                f"an object has more than {MAX_FIELDS} fields: see /docs for those there are"
            )
        return dict(pairs)


def _too_many() -> InvalidRequest:
    return InvalidRequest(
        f"there are more than the {MAX_ROWS} rows that are taken: split them into several campaigns",
        field="rows",
    )


def _require_size(data: bytes) -> None:
    """Refuse a file that is no magazine's issue."""
    if len(data) > MAX_BYTES:
        raise InvalidRequest(
            f"the file has {len(data)} bytes, and {MAX_BYTES} are taken: split it into several campaigns"
        )


def checked(sheet: Sheet, *, is_stored: Callable[[str], bool]) -> Issue:
    """Return the issue that a file describes.

    Parameters
    ----------
    is_stored : callable
        Whether a picture of that name is kept; asked once for each name.

    Raises
    ------
    InvalidRequest
        If anything is wrong with any part of it; with all that is, by row and column.
    """
    faults = list(sheet.table.faults)
    rows = sheet.table.rows
    if not rows and not faults:
        faults.append(Fault("rows", "there are no rows: an issue has a picture at least"))
    if len(rows) > MAX_ROWS:
        raise _too_many()
    plan, found = _plan(sheet)
    faults += [fault.within(sheet.campaign_place) if sheet.campaign_place else fault for fault in found]
    entries = []
    is_kept = cache(is_stored)
    for row in rows:
        entry, found = _entry(row, plan.page_count, is_text=sheet.is_text)
        found = merged(_missing(entry.draft, is_kept), known=found)
        faults += [fault.within(row.place) for fault in found]
        entries.append(entry)
    faults += _twins(rows, entries)
    if faults:
        raise refused(faults)
    return Issue(plan, entries)


def refused(faults: Sequence[Fault]) -> InvalidRequest:
    """Return the error that tells what is wrong with a file."""
    what = "one thing is" if len(faults) == 1 else f"{len(faults)} things are"
    first = faults[0]
    return InvalidRequest(
        f"{what} wrong with the file, so nothing was imported; the first, at {first.field}: {first.detail}",
        faults=faults,
    )


def require_free(session: Session, publisher_id: UUID, issue: Issue) -> None:
    """Check that a publisher can take an issue in.

    Raises
    ------
    NotFound
        If there is no such publisher.
    Conflict
        If it has a campaign of that title.
    """
    publishers.get(session, publisher_id)
    if campaigns.named(session, publisher_id, issue.plan.title) is not None:
        raise Conflict(f"there is a campaign {issue.plan.title!r} already: choose another title")


def add(
    session: Session,
    publisher_id: UUID,
    issue: Issue,
    *,
    draw: Callable[[int], int],
    by: str,
    now: datetime,
) -> Campaign:
    """Register an issue: its campaign, its creatives under new IDs, and what is behind each.

    Parameters
    ----------
    draw : callable
        Returns that many random bits; `secrets.randbits` in the product.
    by : str
        Who does it, for the history.

    Raises
    ------
    NotFound, Conflict
        As `require_free`.
    """
    require_free(session, publisher_id, issue)
    campaign = campaigns.add(session, publisher_id, issue.plan, now=now)
    wanted = [entry.particulars.within(campaign.id) for entry in issue.entries]
    added = creatives.add_all(session, publisher_id, wanted, draw=draw, now=now)
    owned = [
        (Owner(publisher_id, creative_id=creative.id), entry.draft)
        for creative, entry in zip(added, issue.entries, strict=True)
    ]
    destinations.add_all(session, owned, by=by, now=now)
    return campaign


def _plan(sheet: Sheet) -> tuple[Plan, list[Fault]]:
    """Return what a file says of its campaign, and what is wrong with that."""
    values, faults = values_of(sheet.campaign, columns.CAMPAIGN, is_text=sheet.is_text)
    plan = Plan(**{"title": ""} | values)
    return plan, merged(columns.faults_of(plan.checked), known=faults)


def _entry(row: TableRow, page_count: int | None, *, is_text: bool) -> tuple[Entry, list[Fault]]:
    """Return what a row says, and what is wrong with it."""
    values, faults = values_of(row.cells, columns.ROW, is_text=is_text)
    values.setdefault("title", "")
    particulars = Particulars(**{name: values[name] for name in columns.CREATIVE if name in values})
    draft = _draft(values)
    try:
        particulars = particulars.checked_within(page_count)
    except InvalidRequest as error:
        faults = merged(error.faults, known=faults)
    try:
        draft = draft.checked()
    except InvalidRequest as error:
        has_own_title = "destination_title" in values
        found = [_of_row(fault) if has_own_title else fault for fault in error.faults]
        faults = merged(found, known=faults)
    return Entry(particulars, draft), faults


def _draft(values: Mapping[str, Any]) -> Draft:
    """Return what a row says is behind its picture: live, unless it says otherwise."""
    given = {
        name: values[name] for name in columns.DESTINATION if name in values and name != "destination_title"
    }
    title = values.get("destination_title", values["title"])
    return Draft(**{"title": title, "state": DestinationState.LIVE} | given)


def _missing(draft: Draft, is_kept: Callable[[str], bool]) -> list[Fault]:
    """Return what is wrong with a draft's pictures, if one isn't there to be shown."""
    missing = next((name for name in draft.images if not is_kept(name)), None)
    if missing is None:
        return []
    return [Fault("images", f"there is no stored picture {missing}: send it to POST /v1/pictures first")]


def _of_row(fault: Fault) -> Fault:
    """Return a draft's fault by its column's name."""
    if fault.field != "title":
        return fault
    return Fault("destination_title", fault.detail.replace("title", "destination_title", 1))


def _twins(rows: Sequence[TableRow], entries: Sequence[Entry]) -> list[Fault]:
    """Return the rows that say again what a row before them has said."""
    first: dict[tuple[int | None, str], str] = {}
    faults = []
    for row, entry in zip(rows, entries, strict=True):
        place = first.setdefault((entry.particulars.page, entry.particulars.title), row.place)
        if place != row.place and entry.particulars.title:
            number = place.rpartition("/")[2]
            faults.append(Fault(f"{row.place}/title", f"row {number} has the same page and title"))
    return faults
