"""Publishing: a picture and what is behind it in one step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from o2o.integrations.storage import Stored
from o2o.models import Creative, DestinationState
from o2o.services import campaigns, creatives, destinations, publishers
from o2o.services.campaigns import Plan
from o2o.services.creatives import Particulars
from o2o.services.destinations import Draft, Owner


def publish(
    session: Session,
    publisher_id: UUID,
    draft: Draft,
    *,
    draw: Callable[[int], int],
    by: str,
    now: datetime,
    campaign: str | None = None,
    stored: Stored | None = None,
) -> Creative:
    """Register a creative with one destination, live at once.

    Parameters
    ----------
    draft : Draft
        The destination; the creative takes its title.
    draw : callable
        Returns that many random bits; `secrets.randbits` in the product.
    by : str
        Who does it, for the history.
    campaign : str, optional
        A campaign's title; made if it is new.
    stored : Stored, optional
        What the creative looks like.

    Raises
    ------
    NotFound
        If there is no such publisher.
    InvalidRequest
        If a field can't be kept.
    """
    publishers.get(session, publisher_id)
    particulars = Particulars(draft.title, **(asdict(stored) if stored else {}))
    if campaign:
        plan = Plan(campaign).checked()
        found = campaigns.named(session, publisher_id, plan.title)
        campaign_id = (found or campaigns.add(session, publisher_id, plan, now=now)).id
        particulars = particulars.within(campaign_id)
    creative = creatives.add(session, publisher_id, particulars, draw=draw, now=now)
    live = draft.changed({"state": DestinationState.LIVE})
    destinations.add(session, Owner(publisher_id, creative_id=creative.id), live, by=by, now=now)
    return creative
