"""Photos that are kept: only where the publisher's setting and the reader both say so, and for a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from o2o.errors import NotFound
from o2o.models import Creative, KeptPhoto, Publisher, Scan, ScanDetection
from o2o.services.paging import Page, batched, newest_first

MOST_AT_ONCE: Final = 1000
"""Photos that are forgotten in one go; where there were so many, there may be more."""


def keep(session: Session, scan_id: UUID, *, now: datetime) -> datetime | None:
    """Note that a scan's photo is kept, its reader agreeing; return until when, or None if it may not be.

    It may be if it shows pictures of one publisher, who keeps photos. One that shows those of several is
    thrown away: none of them is to see what another prints through the reader's eyes.
    """
    publishers = session.scalars(
        select(Publisher)
        .distinct()
        .join(Creative, Creative.publisher_id == Publisher.id)
        .join(ScanDetection, ScanDetection.creative_id == Creative.id)
        .where(ScanDetection.scan_id == scan_id)
    ).all()
    if len(publishers) != 1 or publishers[0].keep_photos_days is None:
        return None
    until = now + timedelta(days=publishers[0].keep_photos_days)
    session.add(KeptPhoto(scan_id=scan_id, publisher_id=publishers[0].id, created_at=now, kept_until=until))
    session.flush()
    return until


def page(
    session: Session, publisher_id: UUID, *, limit: int, cursor: str | None, now: datetime
) -> Page[KeptPhoto]:
    """Return a page of the photos that a publisher keeps, the newest first."""
    wanted = select(KeptPhoto).where(KeptPhoto.publisher_id == publisher_id, KeptPhoto.kept_until > now)
    return newest_first(session, wanted, KeptPhoto.created_at, KeptPhoto.scan_id, limit=limit, cursor=cursor)


def require(session: Session, publisher_id: UUID, scan_id: UUID, *, now: datetime) -> None:
    """Check that a publisher keeps a scan's photo.

    Raises
    ------
    NotFound
        If it doesn't, or no longer.
    """
    found = session.get(KeptPhoto, scan_id)
    if found is None or found.publisher_id != publisher_id or found.kept_until <= now:
        raise NotFound(f"there is no photo of a scan {scan_id}")


def withdraw(session: Session, reader_id: UUID, scan_id: UUID) -> None:
    """Forget a photo because its reader wants it so; one that isn't kept stays so.

    Raises
    ------
    NotFound
        If the reader has no such scan.
    """
    scan = session.get(Scan, scan_id)
    if scan is None or scan.reader_id != reader_id:
        raise NotFound(f"there is no scan {scan_id}")
    forget(session, [scan_id])


def expired(session: Session, *, now: datetime) -> Sequence[UUID]:
    """Return scans whose photos' time is over, the oldest first, `MOST_AT_ONCE` at most."""
    over = select(KeptPhoto.scan_id).where(KeptPhoto.kept_until <= now)
    return session.scalars(over.order_by(KeptPhoto.kept_until).limit(MOST_AT_ONCE)).all()


def known(session: Session, scan_ids: Collection[UUID]) -> set[UUID]:
    """Return those of some scans whose photos are kept."""
    found: set[UUID] = set()
    for batch in batched(scan_ids):  # a statement takes only so many values
        found.update(session.scalars(select(KeptPhoto.scan_id).where(KeptPhoto.scan_id.in_(batch))))
    return found


def forget(session: Session, scan_ids: Collection[UUID]) -> None:
    """Forget that photos are kept; their files are deleted first."""
    session.execute(delete(KeptPhoto).where(KeptPhoto.scan_id.in_(scan_ids)))
