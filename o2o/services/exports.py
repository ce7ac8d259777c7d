"""Exports: a publisher's whole registry as a stream of records, for a file that outlives the service."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from o2o.models import Campaign, Creative, Destination, DestinationRevision, Publisher, Rule, RuleRevision
from o2o.services import publishers
from o2o.services.paging import BATCH, batched
from o2o.services.registry_format import HEADER, record_of

Row = RowMapping

HISTORY_BYTES: Final = 32_000_000
"""What the histories in a record take at most: a reader of version 1 takes lines of 64 MB.

The histories of a record have equal shares. Of one that is longer the newest versions are written: an exit
without the oldest of tens of thousands is better than one that can't be read.
"""


def records(session: Session, publisher_id: UUID) -> Iterator[dict[str, Any]]:
    """Yield a publisher's registry: a header, the publisher, its campaigns, its creatives.

    Each record tells all of what it is about, a creative's its destinations, its rules, and the histories of
    both as far as `HISTORY_BYTES` reach. Nothing is held of what has been yielded. The session must show one
    moment: `Database.snapshot`.

    Raises
    ------
    NotFound
        If there is no such publisher.
    """
    publisher = publishers.get(session, publisher_id)
    yield dict(HEADER)
    of_all = Destination.creative_id.is_(None) & Destination.campaign_id.is_(None)
    wanted = select(Destination.__table__).where(Destination.publisher_id == publisher_id, of_all)
    fallbacks = _fallbacks(session, session.execute(wanted).mappings().all())
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
    told = dict(zip([row["campaign_id"] for row in found], _fallbacks(session, found), strict=True))
    for row in batch:
        yield {"kind": "campaign", **record_of(Campaign, row), "fallback": told.get(row["id"])}


def _creatives(session: Session, batch: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Yield creatives with all that is behind them."""
    ids = [row["id"] for row in batch]
    wanted = select(Destination.__table__).where(Destination.creative_id.in_(ids))
    found = session.execute(wanted.order_by(Destination.created_at, Destination.id)).mappings().all()
    owned = defaultdict(list)
    counts = Counter(row["creative_id"] for row in found)
    shares = {each: HISTORY_BYTES // (counts[each] + 1) for each in ids}  # one more for that of its rules
    of_destinations = _with_history(session, found, {row["id"]: shares[row["creative_id"]] for row in found})
    for row, told in zip(found, of_destinations, strict=True):
        owned[row["creative_id"]].append(told)
    rules = defaultdict(list)
    asked = select(Rule.__table__).where(Rule.creative_id.in_(ids)).order_by(Rule.position)
    for rule in session.execute(asked).mappings():
        rules[rule["creative_id"]].append(record_of(Rule, rule))
    rules_history = _histories(session, RuleRevision.creative_id, shares)
    for row in batch:
        yield {
            "kind": "creative",
            **record_of(Creative, row),
            "destinations": owned[row["id"]],
            "rules": rules[row["id"]],
            # Files from before there was one don't have it, and are written again as they were.
            **({"rules_history": rules_history[row["id"]]} if row["id"] in rules_history else {}),
        }


def _fallbacks(session: Session, found: Sequence[Row]) -> list[dict[str, Any]]:
    """Return fallbacks with their versions; a record has one, so that it may take all there is for them."""
    return _with_history(session, found, {row["id"]: HISTORY_BYTES for row in found})


def _with_history(session: Session, found: Sequence[Row], shares: Mapping[UUID, int]) -> list[dict[str, Any]]:
    """Return destinations with their versions, as far as those fit the shares by destinations' IDs."""
    history = _histories(session, DestinationRevision.destination_id, shares)
    return [record_of(Destination, row) | {"history": history.get(row["id"], [])} for row in found]


def _histories(
    session: Session, owner: InstrumentedAttribute[UUID], shares: Mapping[UUID, int]
) -> Mapping[UUID, list[dict[str, Any]]]:
    """Return the newest versions that fit the owners' shares of bytes, the oldest first."""
    kind: Any = owner.class_
    left = dict(shares)
    told: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for batch in batched(shares):
        wanted = select(kind.__table__).where(owner.in_(batch)).order_by(owner, kind.version.desc())
        for row in session.execute(wanted, execution_options={"yield_per": BATCH}).mappings():
            record, owner_id = record_of(kind, row), row[owner.key]
            left[owner_id] -= len(json.dumps(record, ensure_ascii=False).encode())
            if left[owner_id] >= 0:
                told[owner_id].append(record)
    return {owner_id: versions[::-1] for owner_id, versions in told.items()}
