"""Analytics: what readers did, as charts and as the numbers that they are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from o2o.http.admin.access import admin_blueprint, needs, publisher_id
from o2o.http.admin.campaign_choice import campaign_options
from o2o.http.admin.forms import Errors
from o2o.http.admin.rules import DEVICES
from o2o.http.analytics import period_of
from o2o.http.analytics_schemas import PeriodQuery
from o2o.http.charts import bar_chart, line_chart
from o2o.http.service import service
from o2o.roles import Scope
from o2o.services import analytics, misses
from o2o.services.analytics import Dimension, Period, Question, Row

blueprint = admin_blueprint("analytics")

MOST_BARS: Final = 12
"""Of what has more, the first by scans are drawn; the API has all."""

BREAKDOWNS: Final[Mapping[Dimension, tuple[str, str]]] = {
    Dimension.CAMPAIGN: ("Campaigns", "campaign_title"),
    Dimension.PAGE: ("Pages", "page"),
    Dimension.OUTCOME: ("What readers saw", "outcome"),
    Dimension.CREATIVE: ("Pictures", "creative_title"),
    Dimension.DEVICE: ("Devices", "device"),
    Dimension.COUNTRY: ("Countries", "country"),
}
"""Campaigns are told apart where all are asked for, pages where it is one."""

OUTCOMES: Final[Mapping[str, str]] = {
    "content": "what is behind the picture",
    "campaign_fallback": "the campaign's fallback",
    "publisher_fallback": "the publisher's fallback",
    "notice": "that nothing is there",
}
REASONS: Final[Mapping[str, str]] = {
    "no_template": "no mark seen",
    "payload_failed": "a mark too weak, or another service's",
    "too_small": "too far away",
    "too_oblique": "too far aside",
    "too_blurred": "blurred",
    "glare": "a reflection",
    "too_dark": "too dark",
    "unknown_id": "a mark that isn't registered",
}


@blueprint.get("/analytics")
@needs(Scope.ANALYTICS_READ)
def show_analytics() -> ResponseReturnValue:
    """Show what readers did, in a period, in all campaigns or one."""
    errors, shown = Errors(), dict[str, Any]()
    asked = {name: request.args[name] for name in ("from", "to") if request.args.get(name)}
    wanted = errors.load(PeriodQuery, asked)
    campaign_id = _campaign(request.args.get("campaign_id", ""))
    with service().database.read() as session:
        if not errors:
            with errors.caught():
                shown = _counted(session, period_of(wanted), campaign_id)
        options = campaign_options(session, [campaign_id])
    body = render_template(
        "admin/analytics.html",
        campaigns=[("", "All"), *options],
        values=request.args.to_dict() | shown.get("span", {}),
        errors=errors.by_field,
        **shown,
    )
    return body, 422 if errors else 200


def _counted(session: Session, period: Period, campaign_id: UUID | None) -> dict[str, Any]:
    """Return a period's counts: by day as a line, by each breakdown as bars, and the numbers of both."""
    by_day = analytics.report(session, publisher_id(), Question(period, (Dimension.DAY,), campaign_id))
    tables = []
    left_out = Dimension.CAMPAIGN if campaign_id else Dimension.PAGE
    for dimension, (title, name) in BREAKDOWNS.items():
        if dimension is left_out:
            continue
        found = analytics.report(session, publisher_id(), Question(period, (dimension,), campaign_id))
        rows = sorted(found.rows, key=lambda row: -row.counts.scans)[:MOST_BARS]
        named = [(_said(row, name), row.counts) for row in rows]
        chart = bar_chart(f"Scans by {dimension}", [(said, counts.scans) for said, counts in named])
        tables.append({"title": title, "chart": chart, "rows": named})
    days = [(row.group["day"].isoformat(), row.counts) for row in by_day.rows]
    return {
        "total": by_day.total,
        "days": days,
        "line": line_chart("Scans a day", [(day, counts.scans) for day, counts in days]),
        "tables": tables,
        "misses": [
            (REASONS.get(each.reason, each.reason), f"{100 * each.share:.1f} %")
            for each in sorted(misses.shares(session, period), key=lambda each: -each.share)
        ],
        "span": {"from": period.first.isoformat(), "to": period.last.isoformat()},
    }


def _campaign(text: str) -> UUID | None:
    """The campaign that is asked for; None for all, and for what names none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _said(row: Row, name: str) -> str:
    """A group's name, as a person reads it."""
    found = str(row.group[name] or "unknown")
    words = {"device": DEVICES, "outcome": OUTCOMES}.get(name, {})
    return f"page {found}" if name == "page" else words.get(found, found)
