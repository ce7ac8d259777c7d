"""Campaigns: a magazine's issue, a catalogue, a poster series."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from o2o.errors import Conflict, InvalidRequest, NotFound
from o2o.models import Campaign, Creative, Destination
from o2o.services.checks import MAX_PAGES, all_checked, checked_pages, checked_text, require_version
from o2o.services.paging import Page, newest_first


@dataclass(frozen=True, slots=True)
class Plan:
    """What a campaign is to hold; the names are `Campaign`'s."""

    title: str
    page_count: int | None = None
    on_sale_on: date | None = None
    off_sale_on: date | None = None

    def checked(self) -> Self:
        """Return the plan as it can be kept.

        Raises
        ------
        InvalidRequest
            If a field can't be.
        """
        checks: dict[str, Callable[[], Any]] = {
            "title": lambda: checked_text("title", self.title, max_length=200),
            "page_count": lambda: checked_pages("page_count", self.page_count),
            "off_sale_on": self._checked_end,
        }
        return replace(self, **all_checked(checks))

    def _checked_end(self) -> date | None:
        """Return the last day, if it doesn't lie before the first."""
        if self.on_sale_on and self.off_sale_on and self.off_sale_on < self.on_sale_on:
            raise InvalidRequest("off_sale_on can't lie before on_sale_on", field="off_sale_on")
        return self.off_sale_on


def add(session: Session, publisher_id: UUID, plan: Plan, *, now: datetime) -> Campaign:
    """Add a campaign.

    Raises
    ------
    InvalidRequest
        If a field can't be kept.
    Conflict
        If the publisher has one of that title.
    """
    plan = plan.checked()
    campaign = Campaign(publisher_id=publisher_id, created_at=now)
    _write(session, campaign, plan, now=now)
    return campaign


def edit(
    session: Session, campaign: Campaign, changes: Mapping[str, Any], *, version: int, now: datetime
) -> Campaign:
    """Change some fields of a campaign.

    Raises
    ------
    PreconditionFailed
        If it was changed since that version.
    InvalidRequest, Conflict
        As `add`; InvalidRequest also if it would lose a page that a creative is on.
    """
    require_version(campaign.version, version)
    held = Plan(campaign.title, campaign.page_count, campaign.on_sale_on, campaign.off_sale_on)
    plan = replace(held, **changes).checked()
    if plan.page_count is not None and plan.page_count < (campaign.page_count or MAX_PAGES):
        _keep_pages(session, campaign, plan.page_count)
    _write(session, campaign, plan, now=now)
    return campaign


def _keep_pages(session: Session, campaign: Campaign, page_count: int) -> None:
    """Refuse to lose a page with a creative on it: nothing about that could be changed any more."""
    beyond = select(func.count(), func.max(Creative.page)).where(
        Creative.campaign_id == campaign.id, Creative.withdrawn_at.is_(None), Creative.page > page_count
    )
    count, highest = session.execute(beyond).one()
    if count:
        lie = "1 creative lies" if count == 1 else f"{count} creatives lie"
        raise InvalidRequest(
            f"{lie} beyond page {page_count}, up to page {highest}: move or withdraw them first",
            field="page_count",
        )


def _write(session: Session, campaign: Campaign, plan: Plan, *, now: datetime) -> None:
    """Write a checked plan into a row and send it to the database, if its title is free."""
    publisher_id, own_id = campaign.publisher_id, campaign.id
    try:
        # The row is filled inside the savepoint: entering one sends what was changed before it.
        with session.begin_nested():
            campaign.title, campaign.page_count = plan.title, plan.page_count
            campaign.on_sale_on, campaign.off_sale_on = plan.on_sale_on, plan.off_sale_on
            campaign.updated_at = now
            session.add(campaign)
    except IntegrityError as error:
        taken = named(session, publisher_id, plan.title)
        if taken is not None and taken.id != own_id:
            raise Conflict(f"there is a campaign {plan.title!r} already: choose another title") from error
        raise


def remove(session: Session, campaign: Campaign, *, version: int) -> None:
    """Remove a campaign in which nothing was ever put into print.

    Raises
    ------
    PreconditionFailed
        If it was changed since that version.
    Conflict
        If it has creatives, or a fallback, which readers' pins may show.
    """
    require_version(campaign.version, version)
    if session.scalar(select(Creative.id).where(Creative.campaign_id == campaign.id).limit(1)):
        raise Conflict("this campaign has creatives, and print can't be taken back: withdraw those instead")
    # A destination is never deleted, seen or not. Whether it was seen, and whether a row still refers to it,
    # only all detections could tell: each scan would pay for an index that nothing else asks.
    if session.scalar(select(Destination.id).where(Destination.campaign_id == campaign.id).limit(1)):
        raise Conflict(
            "this campaign has a fallback, which readers' pins may show: keep it, or give it another title "
            "and use it for the next issue"
        )
    session.delete(campaign)
    session.flush()


def get(session: Session, publisher_id: UUID, campaign_id: UUID) -> Campaign:
    """Return a campaign of a publisher.

    Raises
    ------
    NotFound
        If there is none of that ID.
    """
    found = session.get(Campaign, campaign_id)
    if found is None or found.publisher_id != publisher_id:
        raise NotFound(f"there is no campaign {campaign_id}")
    return found


def page(session: Session, publisher_id: UUID, *, limit: int, cursor: str | None) -> Page[Campaign]:
    """Return a page of a publisher's campaigns, the newest first."""
    wanted = select(Campaign).where(Campaign.publisher_id == publisher_id)
    return newest_first(session, wanted, Campaign.created_at, Campaign.id, limit=limit, cursor=cursor)


def named(session: Session, publisher_id: UUID, title: str) -> Campaign | None:
    """Return a publisher's campaign of a title, if there is one."""
    wanted = select(Campaign).where(Campaign.publisher_id == publisher_id, Campaign.title == title)
    return session.scalar(wanted)
