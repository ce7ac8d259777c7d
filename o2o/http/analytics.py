"""Analytics, as JSON and as a table for spreadsheets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from apiflask import APIBlueprint, Schema
from flask import Response

from o2o.http.analytics_schemas import (
    DAYS_SHOWN,
    Analytics,
    AnalyticsQuery,
    AnalyticsRow,
    Misses,
    MissesQuery,
    MissShare,
)
from o2o.http.service import key_auth, publisher_id, service, utc_now
from o2o.roles import Scope
from o2o.services import analytics, creatives, misses
from o2o.services.analytics import FIELDS, Dimension, Period, Question
from o2o.services.spreadsheets import csv_lines

blueprint = APIBlueprint("analytics", __name__, tag="Analytics")

COUNTS: Final = ("scans", "readers", "pins", "failures")

_CSV: Final[dict[int | str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
_NOT_OWN: Final[dict[int | str, Any]] = {404: "Not found"}


@blueprint.get("/analytics")
@blueprint.auth_required(key_auth, roles=[Scope.ANALYTICS_READ])
@blueprint.input(AnalyticsQuery, location="query", arg_name="wanted")
@blueprint.output(Analytics)
@blueprint.doc(responses=_CSV | _NOT_OWN)
def show_analytics(wanted: dict[str, Any]) -> dict[str, Any] | Response:
    """Count scans, readers, pins and failures."""
    asked = question(wanted)
    with service().database.read() as session:
        found = analytics.report(session, publisher_id(), asked)
    rows = [{**row.group, **_counts(row.counts)} for row in found.rows]
    if wanted["format"] == "csv":
        names = [name for dimension in asked.by for name in FIELDS[dimension]]
        return table(AnalyticsRow(), [*names, *COUNTS], rows, f"analytics-{_span(asked.period)}.csv")
    return {**_asked(asked.period, asked.by), "total": found.total, "rows": rows}


@blueprint.get("/analytics/misses")
@blueprint.auth_required(key_auth, roles=[Scope.ANALYTICS_READ])
@blueprint.input(MissesQuery, location="query", arg_name="wanted")
@blueprint.output(Misses)
@blueprint.doc(responses=_CSV)
def show_misses(wanted: dict[str, Any]) -> dict[str, Any] | Response:
    """Show why photos weren't read, in the whole deployment."""
    period, by = period_of(wanted), [Dimension(each) for each in wanted["by"]]
    with service().database.read() as session:
        found = misses.shares(session, period, by)
    rows = [{**each.group, "reason": each.reason, "share": each.share} for each in found]
    if wanted["format"] == "csv":
        return table(MissShare(), [*by, "reason", "share"], rows, f"misses-{_span(period)}.csv")
    return {**_asked(period, by), "rows": rows}


def question(wanted: Mapping[str, Any]) -> Question:
    """Return what a query asks.

    Raises
    ------
    InvalidRequest
        If its days aren't a period.
    """
    asked_id = wanted["creative_id"]
    return Question(
        period_of(wanted),
        tuple(Dimension(each) for each in wanted["by"]),
        wanted["campaign_id"],
        creatives.parse_id(asked_id) if asked_id else None,
    )


def period_of(wanted: Mapping[str, Any]) -> Period:
    """Return the days that a query asks for, the latest where it doesn't say.

    Raises
    ------
    InvalidRequest
        If they aren't a period.
    """
    last: date = wanted["last"] or utc_now().date()
    return Period(wanted["first"] or last - timedelta(days=DAYS_SHOWN - 1), last)


def _asked(period: Period, by: Iterable[Dimension]) -> dict[str, Any]:
    return {"first": period.first, "last": period.last, "by": list(by)}


def _span(period: Period) -> str:
    return f"{period.first}-to-{period.last}"


def _counts(counts: analytics.Counts) -> dict[str, int | None]:
    return {name: getattr(counts, name) for name in COUNTS}


def table(schema: Schema, names: Sequence[str], rows: Iterable[Mapping[str, Any]], filename: str) -> Response:
    """Return rows as CSV (RFC 4180), in the form that the JSON has them."""
    shown = (schema.dump(row) for row in rows)
    lines = csv_lines(names, ([each[name] for name in names] for each in shown))
    return Response(
        "".join(lines),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{filename}"'},
    )
