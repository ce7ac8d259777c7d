"""Exports: a publisher's whole registry as a stream of records, for a file that outlives the service."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Select, select
from sqlalchemy.orm import Session

from o2o.models import Campaign, Creative, Destination, DestinationRevision, Publisher, Rule
from o2o.services import publishers
from o2o.services.paging import BATCH
from o2o.services.registry_format import HEADER, record_of

Row = RowMapping


def records(session: Session, publisher_id: UUID) -> Iterator[dict[str, Any]]:
    """Yield a publisher's registry: a header, the publisher, its campaigns, its creatives.

    Each record tells all of what it is about, a creative's its destinations, their histories and its rules.
    Nothing is held of what has been yielded. The session must show one moment: `Database.snapshot`.

    Raises
    ------
    NotFound
        If there is no such publisher.
    """
    publisher = publishers.get(session, publisher_id)
    yield dict(HEADER)
    of_all = Destination.creative_id.is_(None) & Destination.campaign_id.is_(None)
    wanted = select(Destination.__table__).where(Destination.publisher_id == publisher_id, of_all)
    fallbacks = _with_history(session, session.execute(wanted).mappings().all())
    own = session.execute(select(Publisher.__table__).where(Publisher.id == publisher.id)).mappings().one()
    yield {"kind": "publisher", **record_of(Publisher, own), "fallback": next(iter(fallbacks), None)}
    for batch in _batches(session, _ordered(Campaign, publisher_id)):
        yield from _campaigns(session, publisher_id, batch)
    for batch in _batches(session, _ordered(Creative, publisher_id)):
        yield from _creatives(session, batch)


def pictures_of(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the stored pictures that a record speaks of, in its history too."""
    yield from (record[name] for name in ("picture", "thumbnail") if record.get(name))
    for destination in (*record.get("destinations", ()), record.get("fallback")):
        if destination is None:
            continue
        yield from destination["images"]
        for revision in destination["history"]:
            yield from revision["content"].get("images", ())


def _ordered(kind: type[Campaign | Creative], publisher_id: UUID) -> Select[Any]:
    """Select a publisher's rows, the oldest first."""
    return select(kind.__table__).where(kind.publisher_id == publisher_id).order_by(kind.created_at, kind.id)


def _batches(session: Session, wanted: Select[Any]) -> Iterator[Sequence[Row]]:
    """Yield rows some at a time."""
    found = session.execute(wanted, execution_options={"yield_per": BATCH})
    yield from found.mappings().partitions()


def _campaigns(session: Session, publisher_id: UUID, batch: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Yield campaigns with their fallbacks."""
    ids = [row["id"] for row in batch]
    wanted = select(Destination.__table__).where(
        Destination.publisher_id == publisher_id, Destination.campaign_id.in_(ids)
    )
    found = session.execute(wanted).mappings().all()
    told = dict(zip([row["campaign_id"] for row in found], _with_history(session, found), strict=True))
    for row in batch:
        yield {"kind": "campaign", **record_of(Campaign, row), "fallback": told.get(row["id"])}


def _creatives(session: Session, batch: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Yield creatives with all that is behind them."""
    ids = [row["id"] for row in batch]
    wanted = select(Destination.__table__).where(Destination.creative_id.in_(ids))
    found = session.execute(wanted.order_by(Destination.created_at, Destination.id)).mappings().all()
    owned = defaultdict(list)
    for row, told in zip(found, _with_history(session, found), strict=True):
        owned[row["creative_id"]].append(told)
    rules = defaultdict(list)
    asked = select(Rule.__table__).where(Rule.creative_id.in_(ids)).order_by(Rule.position)
    for rule in session.execute(asked).mappings():
        rules[rule["creative_id"]].append(record_of(Rule, rule))
    for row in batch:
        yield {
            "kind": "creative",
            **record_of(Creative, row),
            "destinations": owned[row["id"]],
            "rules": rules[row["id"]],
        }


def _with_history(session: Session, found: Sequence[Row]) -> list[dict[str, Any]]:
    """Return destinations with all their versions, the oldest first."""
    history = defaultdict(list)
    wanted = select(DestinationRevision.__table__).where(
        DestinationRevision.destination_id.in_([row["id"] for row in found])
    )
    for revision in session.execute(wanted.order_by(DestinationRevision.version)).mappings():
        history[revision["destination_id"]].append(record_of(DestinationRevision, revision))
    return [record_of(Destination, row) | {"history": history[row["id"]]} for row in found]
