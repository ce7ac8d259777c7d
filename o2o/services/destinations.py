"""Destinations: what readers get behind a picture, changed after print as often as need be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from o2o.errors import Conflict, NotFound
from o2o.models import Destination, DestinationRevision
from o2o.services.checks import require_version
from o2o.services.drafts import Draft as Draft  # part of what this module offers
from o2o.services.paging import Page, newest_versions


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose destination it is: a creative's, a campaign's fallback, or with neither the publisher's."""

    publisher_id: UUID
    creative_id: UUID | None = None
    campaign_id: UUID | None = None


def add(session: Session, owner: Owner, draft: Draft, *, by: str, now: datetime) -> Destination:
    """Add a destination.

    Parameters
    ----------
    by : str
        Who does it, for the history.

    Raises
    ------
    InvalidRequest
        If a field can't be kept.
    Conflict
        If it is a fallback, and there is one already.
    """
    destination = _new(owner, draft.checked(), now=now)
    try:
        with session.begin_nested():
            session.add(destination)
    except IntegrityError as error:
        if owner.creative_id is None and fallback(session, owner) is not None:
            raise Conflict("there is a fallback already: change it instead") from error
        raise
    _note(session, [destination], by=by, now=now)
    return destination


def add_all(
    session: Session, checked: Sequence[tuple[Owner, Draft]], *, by: str, now: datetime
) -> list[Destination]:
    """Add many creatives' destinations at once.

    Parameters
    ----------
    checked : sequence of pairs
        Owners, and drafts as `Draft.checked` returns them.
    by : str
        Who does it, for the history.
    """
    added = [_new(owner, draft, now=now) for owner, draft in checked]
    session.add_all(added)
    session.flush()
    _note(session, added, by=by, now=now)
    return added


def _new(owner: Owner, checked: Draft, *, now: datetime) -> Destination:
    """Return a row that holds a checked draft."""
    destination = Destination(
        publisher_id=owner.publisher_id,
        creative_id=owner.creative_id,
        campaign_id=owner.campaign_id,
        created_at=now,
        updated_at=now,
    )
    _fill(destination, checked)
    return destination


def edit(
    session: Session,
    destination: Destination,
    changes: Mapping[str, Any],
    *,
    version: int,
    by: str,
    now: datetime,
) -> Destination:
    """Change some fields of a destination and keep what it was.

    Raises
    ------
    PreconditionFailed
        If it was changed since that version.
    InvalidRequest
        If a field can't be kept.
    """
    require_version(destination.version, version)
    before = Draft.of(destination)
    draft = before.changed(changes).checked()
    if draft == before:
        return destination
    _fill(destination, draft)
    destination.updated_at = now
    session.flush()
    _note(session, [destination], by=by, now=now)
    return destination


def _fill(destination: Destination, draft: Draft) -> None:
    """Write a checked draft into a row."""
    for field in fields(draft):
        value = getattr(draft, field.name)
        setattr(destination, field.name, list(value) if isinstance(value, tuple) else value)


def _note(session: Session, changed: Sequence[Destination], *, by: str, now: datetime) -> None:
    """Keep the versions that destinations are now."""
    session.add_all(
        DestinationRevision(
            destination_id=each.id,
            version=each.version,
            content=Draft.of(each).as_json(),
            changed_by=by,
            changed_at=now,
        )
        for each in changed
    )
    session.flush()


def get(session: Session, publisher_id: UUID, destination_id: UUID) -> Destination:
    """Return a destination of a publisher.

    Raises
    ------
    NotFound
        If there is none of that ID.
    """
    found = session.get(Destination, destination_id)
    if found is None or found.publisher_id != publisher_id:
        raise NotFound(f"there is no destination {destination_id}")
    return found


def of_creative(session: Session, creative_id: UUID) -> list[Destination]:
    """Return a creative's destinations, the oldest first."""
    wanted = select(Destination).where(Destination.creative_id == creative_id)
    return list(session.scalars(wanted.order_by(Destination.created_at, Destination.id)))


def fallback(session: Session, owner: Owner) -> Destination | None:
    """Return the fallback of a campaign or a publisher, if there is one."""
    wanted = select(Destination).where(
        Destination.publisher_id == owner.publisher_id,
        Destination.creative_id.is_(None),
        Destination.campaign_id == owner.campaign_id
        if owner.campaign_id
        else Destination.campaign_id.is_(None),
    )
    return session.scalar(wanted)


def history(
    session: Session, destination: Destination, *, limit: int, cursor: str | None = None
) -> Page[DestinationRevision]:
    """Return a page of a destination's versions, the newest first."""
    wanted = select(DestinationRevision).where(DestinationRevision.destination_id == destination.id)
    return newest_versions(session, wanted, DestinationRevision.version, limit=limit, cursor=cursor)
