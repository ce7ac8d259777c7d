"""Campaigns to choose one from, on forms of other things."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from o2o.errors import NotFound
from o2o.http.admin.access import publisher_id
from o2o.services import campaigns

MOST_CAMPAIGNS: Final = 100
"""In a list to choose from: the newest, and beside them what is chosen already."""


def campaign_options(session: Session, chosen: Iterable[Any]) -> list[tuple[UUID, str]]:
    """Return campaigns to choose from, as pairs of ID and title.

    Parameters
    ----------
    chosen : iterable
        IDs, also as texts, of campaigns that must be among them however old they are: without its own one,
        saving a form would quietly choose another. What is no campaign of the publisher's is left out.
    """
    page = campaigns.page(session, publisher_id(), limit=MOST_CAMPAIGNS, cursor=None)
    options = {each.id: each.title for each in page.items}
    for each in chosen:
        try:
            campaign = campaigns.get(session, publisher_id(), UUID(str(each)))
        except (ValueError, NotFound):
            continue
        options[campaign.id] = campaign.title
    return list(options.items())
