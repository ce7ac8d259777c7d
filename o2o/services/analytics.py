"""Analytics: how a publisher's creatives do, from the rollups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session

from o2o.errors import InvalidRequest, NotFound
from o2o.models import Campaign, Creative, CreativeRollup, ReaderSketch, Shown
from o2o.services import campaigns, creatives, sketch
from o2o.services.paging import BATCH

MAX_DAYS: Final = 400
MAX_ROWS: Final = 10_000
MAX_SKETCHES: Final = 500_000
"""How many are merged for one answer: seconds of work."""


class Dimension(StrEnum):
    """What counts can be told apart by."""

    DAY = "day"
    CAMPAIGN = "campaign"
    CREATIVE = "creative"
    PAGE = "page"
    DEVICE = "device"
    COUNTRY = "country"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True)
class Period:
    """Days in UTC, the first and the last included.

    Raises
    ------
    InvalidRequest
        If there is none between, or there are more than `MAX_DAYS`.
    """

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise InvalidRequest("the last day lies before the first: swap from and to", field="to")
        if (self.last - self.first).days >= MAX_DAYS:
            raise InvalidRequest(f"that is more than {MAX_DAYS} days: ask for fewer at a time", field="from")

    @property
    def days(self) -> Sequence[date]:
        """All of them."""
        return [self.first + timedelta(days=count) for count in range((self.last - self.first).days + 1)]


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be counted.

    Attributes
    ----------
    by : tuple of Dimension
        What the rows are told apart by.
    campaign_id, watermark_id : optional
        Only a campaign, only a creative.
    """

    period: Period
    by: tuple[Dimension, ...] = (Dimension.DAY,)
    campaign_id: UUID | None = None
    watermark_id: int | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """What it comes to.

    Attributes
    ----------
    scans : int
        Photos in which a creative was read.
    readers : int or None
        Different readers among them, within a few per cent; None where no sketch tells.
    pins : int
        Wishes to keep a creative.
    failures : int
        Scans that led to no content of the picture's own, and pins that failed.
    """

    scans: int = 0
    readers: int | None = 0
    pins: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """Counts of one group.

    Attributes
    ----------
    group : mapping of str to value
        Which one: `FIELDS` of each dimension asked for, None for what isn't known or isn't set.
    """

    group: Mapping[str, Any]
    counts: Counts


@dataclass(frozen=True, slots=True)
class Report:
    """The answer. The total's readers are fewer than the rows' together where some are in several."""

    question: Question
    total: Counts
    rows: Sequence[Row]


FIELDS: Final[Mapping[Dimension, tuple[str, ...]]] = {
    Dimension.DAY: ("day",),
    Dimension.CAMPAIGN: ("campaign_title", "campaign_id"),
    Dimension.CREATIVE: ("creative_title", "creative_id"),
    Dimension.PAGE: ("page",),
    Dimension.DEVICE: ("device",),
    Dimension.COUNTRY: ("country",),
    Dimension.OUTCOME: ("outcome",),
}
"""What each dimension adds to a row, in the order that rows are sorted by."""

_NOT_SKETCHED: Final = {Dimension.COUNTRY, Dimension.OUTCOME}


def report(session: Session, publisher_id: UUID, question: Question) -> Report:
    """Count what a publisher asks about its own creatives.

    Raises
    ------
    NotFound
        If the publisher has no such campaign or creative.
    InvalidRequest
        If the answer would be longer than anyone reads.
    """
    _require_own(session, publisher_id, question)
    counted = _counted(session, publisher_id, question)
    groups, readers = _readers(session, publisher_id, question)
    rows = {
        tuple(group): Counts(
            int(scans), groups.get(tuple(group), 0) if groups is not None else None, int(pins), int(failures)
        )
        for *group, scans, pins, failures in counted
    }
    total = Counts(
        sum(each.scans for each in rows.values()),
        readers,
        sum(each.pins for each in rows.values()),
        sum(each.failures for each in rows.values()),
    )
    if question.by == (Dimension.DAY,):
        # Days on which nothing happened tell something too.
        rows = {(day,): rows.get((day,), Counts()) for day in question.period.days}
    names = [name for dimension in question.by for name in FIELDS[dimension]]
    return Report(question, total, [Row(_named(names, group), each) for group, each in rows.items()])


def _named(names: Sequence[str], group: Sequence[Any]) -> Mapping[str, Any]:
    """A group's values by their names; what isn't known is kept as an empty text."""
    return {name: None if value == "" else value for name, value in zip(names, group, strict=True)}


def _require_own(session: Session, publisher_id: UUID, question: Question) -> None:
    """Check that what is asked about is the publisher's; a withdrawn creative is, too."""
    if question.campaign_id is not None:
        campaigns.get(session, publisher_id, question.campaign_id)
    if question.watermark_id is not None:
        found = creatives.find(session, [question.watermark_id]).get(question.watermark_id)
        if found is None or found.publisher_id != publisher_id:
            raise NotFound(f"there is no creative {creatives.format_id(question.watermark_id)}")


def _counted(session: Session, publisher_id: UUID, question: Question) -> Sequence[Any]:
    """The rows of counts, in order."""
    columns = [column for dimension in question.by for column in _columns(dimension, CreativeRollup)]
    astray = case((CreativeRollup.shown == Shown.CONTENT, 0), else_=CreativeRollup.scans)
    wanted: Select[Any] = select(
        *columns,
        func.sum(CreativeRollup.scans),
        func.sum(CreativeRollup.pins),
        func.sum(astray + CreativeRollup.pins_failed),
    ).join(Creative, Creative.id == CreativeRollup.creative_id)
    wanted = _narrowed(wanted, CreativeRollup, publisher_id, question)
    wanted = wanted.group_by(*columns).order_by(*(column.nulls_last() for column in columns))
    rows = session.execute(wanted.limit(MAX_ROWS + 1)).all()
    if len(rows) > MAX_ROWS:
        raise InvalidRequest(
            f"the answer has more than {MAX_ROWS} rows: ask for fewer days or one campaign", field="by"
        )
    return rows


def _readers(
    session: Session, publisher_id: UUID, question: Question
) -> tuple[Mapping[tuple[Any, ...], int] | None, int]:
    """Readers by group, or None if no sketch tells the groups apart, and readers in all."""
    is_told = not _NOT_SKETCHED & set(question.by)
    columns = [column for dimension in question.by if is_told for column in _columns(dimension, ReaderSketch)]
    wanted: Select[Any] = select(*columns, ReaderSketch.sketch)
    if _is_of_all_creatives(question):
        period = question.period
        wanted = wanted.where(
            ReaderSketch.subject_id == publisher_id, ReaderSketch.day.between(period.first, period.last)
        )
    else:
        wanted = wanted.join(Creative, Creative.id == ReaderSketch.subject_id)
        wanted = _narrowed(wanted, ReaderSketch, publisher_id, question)
    # In a stream: all of them at once would take a gigabyte.
    groups: defaultdict[tuple[Any, ...], sketch.Union] = defaultdict(sketch.Union)
    with session.execute(wanted.limit(MAX_SKETCHES + 1), execution_options={"yield_per": BATCH}) as found:
        for count, (*group, each) in enumerate(found, 1):
            if count > MAX_SKETCHES:
                raise InvalidRequest(
                    "that is too much at once: ask for fewer days or one campaign", field="by"
                )
            groups[tuple(group)].add(each)
    total = sketch.Union()
    for of_group in groups.values():
        total.add_all(of_group)
    if not is_told:
        return None, total.estimate()
    return {group: of_group.estimate() for group, of_group in groups.items()}, total.estimate()


def _is_of_all_creatives(question: Question) -> bool:
    """Whether the publisher's own sketches answer, which are far fewer than its creatives'."""
    is_narrowed = question.campaign_id is not None or question.watermark_id is not None
    by_creatives = {Dimension.CAMPAIGN, Dimension.CREATIVE, Dimension.PAGE} & set(question.by)
    return not is_narrowed and not by_creatives


Facts = type[CreativeRollup] | type[ReaderSketch]


def _columns(dimension: Dimension, facts: Facts) -> tuple[ColumnElement[Any], ...]:
    """What a dimension's `FIELDS` are read from."""
    columns: Mapping[Dimension, tuple[Any, ...]] = {
        Dimension.DAY: (facts.day,),
        Dimension.CAMPAIGN: (Campaign.title, Creative.campaign_id),
        Dimension.CREATIVE: (Creative.title, Creative.watermark_id),
        Dimension.PAGE: (Creative.page,),
        Dimension.DEVICE: (facts.device,),
        Dimension.COUNTRY: (CreativeRollup.country,),
        Dimension.OUTCOME: (CreativeRollup.shown,),
    }
    return columns[dimension]


def _narrowed(wanted: Select[Any], facts: Facts, publisher_id: UUID, question: Question) -> Select[Any]:
    """Only what is asked for, of this publisher; the creative is joined already."""
    period = question.period
    wanted = wanted.where(
        facts.publisher_id == publisher_id,
        Creative.publisher_id == publisher_id,
        facts.day.between(period.first, period.last),
    )
    if Dimension.CAMPAIGN in question.by:
        wanted = wanted.outerjoin(Campaign, Campaign.id == Creative.campaign_id)
    if question.campaign_id is not None:
        wanted = wanted.where(Creative.campaign_id == question.campaign_id)
    if question.watermark_id is not None:
        wanted = wanted.where(Creative.watermark_id == question.watermark_id)
    return wanted
