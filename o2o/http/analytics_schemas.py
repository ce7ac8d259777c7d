"""The JSON of analytics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from apiflask import Schema
from apiflask.fields import UUID, Date, Float, Integer, List, Nested, String
from apiflask.validators import Length, OneOf, Regexp
from marshmallow import ValidationError

from o2o.http.fields import WatermarkId
from o2o.http.schemas import CREATIVE_ID
from o2o.models import Shown
from o2o.services import misses
from o2o.services.analytics import MAX_DAYS, Dimension
from o2o.services.columns import FIRST_YEAR, LAST_YEAR

DAYS_SHOWN = 30
FORMATS = ("json", "csv")


class Day(Date):
    """A day that has neighbours."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        day = super()._deserialize(value, attr, data, **kwargs)
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        return day


def once_each(values: Sequence[str]) -> None:
    """Check that a list names nothing twice."""
    if len(set(values)) < len(values):
        raise ValidationError("Name each once.")


class PeriodQuery(Schema):
    """Which days, in UTC, the first and the last included."""

    first = Day(
        data_key="from",
        load_default=None,
        metadata={"description": f"The first day; {DAYS_SHOWN - 1} before the last if it isn't given."},
    )
    last = Day(
        data_key="to",
        load_default=None,
        metadata={"description": f"The last day; today if it isn't given. At most {MAX_DAYS} days in all."},
    )
    format = String(load_default="json", validate=OneOf(FORMATS))


class AnalyticsQuery(PeriodQuery):
    """What is to be counted."""

    by = List(
        String(validate=OneOf([each.value for each in Dimension])),
        load_default=lambda: [Dimension.DAY.value],
        validate=[Length(1, 2), once_each],
        metadata={"description": "What the rows are told apart by.", "uniqueItems": True},
    )
    campaign_id = UUID(load_default=None)
    creative_id = String(load_default=None, validate=Regexp(CREATIVE_ID, error="Write 0x and 12 hex digits."))


class MissesQuery(PeriodQuery):
    """Which shares."""

    by = List(
        String(validate=OneOf([each.value for each in misses.DIMENSIONS])),
        load_default=list,
        validate=[Length(0, 2), once_each],
        metadata={"description": "What the rows are told apart by, besides reasons.", "uniqueItems": True},
    )


class Counts(Schema):
    """What it comes to."""

    scans = Integer(required=True, metadata={"description": "Photos in which a creative was read."})
    readers = Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Different readers, within a few per cent; null by country and outcome."},
    )
    pins = Integer(required=True, metadata={"description": "Wishes to keep a creative."})
    failures = Integer(
        required=True,
        metadata={"description": "Scans without content of the picture's own, and pins that failed."},
    )


class AnalyticsRow(Counts):
    """Counts of one group; only the fields that were asked for `by` are there."""

    day = Date()
    campaign_title = String(allow_none=True)
    campaign_id = UUID(allow_none=True)
    creative_title = String()
    creative_id = WatermarkId()
    page = Integer(allow_none=True)
    device = String(allow_none=True)
    country = String(allow_none=True)
    outcome = String(validate=OneOf([each.value for each in Shown]))


class Analytics(Schema):
    """Counts of a publisher's scans, readers, pins and failures."""

    first = Date(required=True, data_key="from")
    last = Date(required=True, data_key="to")
    by = List(String(), required=True)
    total = Nested(Counts, required=True)
    rows = List(Nested(AnalyticsRow), required=True)


class MissShare(Schema):
    """A reason's share of a group's photos."""

    day = Date()
    device = String(allow_none=True)
    reason = String(required=True)
    share = Float(required=True, metadata={"description": "Of all photos of the group, 0 to 1."})


class Misses(Schema):
    """Why photos weren't read, in the whole deployment."""

    first = Date(required=True, data_key="from")
    last = Date(required=True, data_key="to")
    by = List(String(), required=True)
    rows = List(Nested(MissShare), required=True)
