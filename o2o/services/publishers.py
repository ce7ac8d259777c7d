"""Publishers: who puts marked pictures into print."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from o2o.errors import InvalidRequest, NotFound
from o2o.models import Publisher
from o2o.models.publisher import MAX_KEEP_PHOTOS_DAYS
from o2o.services.checks import checked_text, require_version
from o2o.services.paging import Page, newest_first


def add(session: Session, name: str, *, now: datetime) -> Publisher:
    """Register a publisher.

    Raises
    ------
    InvalidRequest
        If the name is empty or longer than 200 characters.
    """
    name = checked_text("name", name, max_length=200)
    publisher = Publisher(name=name, created_at=now, updated_at=now)
    session.add(publisher)
    session.flush()
    return publisher


def edit(
    session: Session,
    publisher: Publisher,
    *,
    version: int,
    name: str,
    keep_photos_days: int | None,
    now: datetime,
) -> Publisher:
    """Change a publisher's name, and how long photos are kept whose readers agree to it.

    Raises
    ------
    PreconditionFailed
        If it was changed since that version.
    InvalidRequest
        If a field can't be kept.
    """
    require_version(publisher.version, version)
    if keep_photos_days is not None and not 1 <= keep_photos_days <= MAX_KEEP_PHOTOS_DAYS:
        raise InvalidRequest(
            f"keep_photos_days lies between 1 and {MAX_KEEP_PHOTOS_DAYS}, or is null",
            field="keep_photos_days",
        )
    publisher.name = checked_text("name", name, max_length=200)
    publisher.keep_photos_days = keep_photos_days
    publisher.updated_at = now
    session.flush()
    return publisher


def page(session: Session, *, limit: int, cursor: str | None) -> Page[Publisher]:
    """Return a page of all publishers, the newest first: for who runs the service, not for any of them."""
    return newest_first(
        session, select(Publisher), Publisher.created_at, Publisher.id, limit=limit, cursor=cursor
    )


def get(session: Session, publisher_id: UUID) -> Publisher:
    """Return a publisher.

    Raises
    ------
    NotFound
        If there is none of that ID.
    """
    publisher = session.get(Publisher, publisher_id)
    if publisher is None:
        raise NotFound(f"there is no publisher {publisher_id}: add one with `o2o publisher add NAME`")
    return publisher
