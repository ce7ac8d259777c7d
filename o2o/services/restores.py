"""Restores: an exported registry back into a database, row by row as it was."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, insert
from sqlalchemy.exc import DatabaseError, StatementError
from sqlalchemy.orm import Session

from o2o.errors import InvalidRequest, RegistryFileError
from o2o.models import Campaign, Creative, Destination, DestinationRevision, Publisher, Rule, RuleRevision
from o2o.services.paging import BATCH, batched
from o2o.services.registry_format import FORMAT, VERSION, Kept, row_of

Record = Mapping[str, Any]
Rows = Iterator[tuple[Kept, dict[str, Any]]]

# Each before those that refer to it.
_ORDER = (Publisher, Campaign, Creative, Destination, DestinationRevision, Rule, RuleRevision)


def load(session: Session, records: Iterable[Record]) -> Mapping[str, int]:
    """Put a registry into a database that holds none of it yet; return how many records of each kind.

    Raises
    ------
    RegistryFileError
        If it is of a later format, or a record isn't as described.
    """
    left = iter(records)
    _require_known(next(left, {}))
    counts: Counter[str] = Counter()
    publisher_id: UUID | None = None
    for number, batch in enumerate(batched(left)):
        rows: dict[Kept, list[dict[str, Any]]] = defaultdict(list)
        for offset, record in enumerate(batch):
            line = number * BATCH + offset + 2
            try:
                publisher_id = publisher_id or _publisher_id(record)
                for kind, row in _rows(record, publisher_id):
                    rows[kind].append(row)
            except (KeyError, TypeError, ValueError, AttributeError, InvalidRequest) as error:
                raise RegistryFileError(
                    f"line {line} isn't as version {VERSION} has it ({error!r})"
                ) from error
            counts[str(record["kind"])] += 1
        _insert(session, rows)
    if publisher_id is None:
        raise RegistryFileError("the registry holds no publisher: it was cut off")
    return counts


def _require_known(header: Record) -> None:
    """Check that the records are of a kind that is understood."""
    if header.get("format") != FORMAT:
        raise RegistryFileError(f"this isn't a registry: its first line has no format {FORMAT!r}")
    if header.get("version") != VERSION:
        raise RegistryFileError(
            f"the registry is of version {header.get('version')!r}, and this o2o reads version {VERSION}: "
            "take a newer o2o"
        )


def _publisher_id(record: Record) -> UUID:
    """Return whose registry it is, of which the first record tells."""
    if record["kind"] != "publisher":
        raise ValueError("the publisher comes first")
    return UUID(record["id"])


def _rows(record: Record, publisher_id: UUID) -> Rows:
    """Yield the rows that a record tells of."""
    owner = {"publisher_id": publisher_id}
    match record["kind"]:
        case "publisher":
            yield Publisher, row_of(Publisher, record)
            yield from _destination(record["fallback"], owner)
        case "campaign":
            row = row_of(Campaign, record)
            yield Campaign, row | owner
            yield from _destination(record["fallback"], owner | {"campaign_id": row["id"]})
        case "creative":
            row = row_of(Creative, record)
            yield Creative, row | owner
            for each in record["destinations"]:
                yield from _destination(each, owner | {"creative_id": row["id"]})
            for position, rule in enumerate(record["rules"]):
                yield Rule, row_of(Rule, rule) | {"creative_id": row["id"], "position": position}
            for revision in record.get("rules_history", ()):
                yield RuleRevision, row_of(RuleRevision, revision) | {"creative_id": row["id"]}
        case kind:
            raise ValueError(f"there is no kind {kind!r}")


def _destination(record: Record | None, owner: Mapping[str, UUID]) -> Rows:
    """Yield a destination's row, if there is one, and its versions'."""
    if record is None:
        return
    row = row_of(Destination, record)
    yield Destination, {"creative_id": None, "campaign_id": None, **row, **owner}
    for revision in record["history"]:
        yield DestinationRevision, row_of(DestinationRevision, revision) | {"destination_id": row["id"]}


def _insert(session: Session, rows: Mapping[Kept, list[dict[str, Any]]]) -> None:
    """Send rows to the database."""
    try:
        for kind in _ORDER:
            for batch in batched(rows.get(kind, ())):
                session.execute(insert(cast(Table, kind.__table__)), batch)
    except (DatabaseError, StatementError) as error:
        raise RegistryFileError(f"the registry contradicts itself: {error.orig}") from error
