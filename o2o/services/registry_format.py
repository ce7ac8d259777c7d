"""The registry file's records: which fields of which rows, and how JSON writes them.

Version 1, as ``docs/reference/registry-file.md`` publishes it. Fields are listed here one by one, so that a
new column of a table is a decision and not an accident.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from o2o.db import Base
from o2o.models import (
    ApiKey,
    Board,
    Campaign,
    Creative,
    CreativeRollup,
    Destination,
    DestinationRevision,
    IdempotencyKey,
    Job,
    KeptPhoto,
    Login,
    LoginLink,
    Member,
    PhotoRollup,
    Pin,
    Publisher,
    Reader,
    ReaderSketch,
    RollupDay,
    Rule,
    RuleRevision,
    Scan,
    ScanDetection,
    StoredAnswer,
    WebhookDelivery,
    WebhookEndpoint,
)
from o2o.services import creatives

FORMAT: Final = "o2o-registry"
VERSION: Final = 1

HEADER: Final[Mapping[str, Any]] = {"format": FORMAT, "version": VERSION}
"""The first record."""

Kept = type[Base]

FIELDS: Final[Mapping[Kept, tuple[str, ...]]] = {
    Publisher: ("id", "name", "keep_photos_days", "version", "created_at", "updated_at"),
    Campaign: (
        "id", "title", "page_count", "on_sale_on", "off_sale_on", "version", "created_at", "updated_at",
    ),
    Creative: (
        "id", "watermark_id", "campaign_id", "title", "page", "print_width_in", "print_height_in",
        "fingerprint", "picture", "thumbnail", "version", "created_at", "updated_at", "withdrawn_at",
    ),
    Destination: (
        "id", "state", "starts_at", "ends_at", "title", "description", "link", "images", "alt_text",
        "price_amount", "price_currency", "call_to_action", "master_pin", "locale", "version",
        "created_at", "updated_at",
    ),
    DestinationRevision: ("version", "content", "changed_by", "changed_at"),
    Rule: (
        "destination_id", "since", "until", "countries", "languages", "devices", "min_scans", "max_scans",
        "share_percent",
    ),
    RuleRevision: ("version", "rules", "changed_by", "changed_at"),
}  # fmt: skip
"""What is written of each row, in this order."""

IMPLIED: Final[Mapping[Kept, frozenset[str]]] = {
    Publisher: frozenset(),
    Campaign: frozenset({"publisher_id"}),
    Creative: frozenset({"publisher_id"}),
    Destination: frozenset({"publisher_id", "creative_id", "campaign_id"}),
    DestinationRevision: frozenset({"destination_id"}),
    Rule: frozenset({"creative_id", "position"}),
    RuleRevision: frozenset({"creative_id"}),
}
"""What a row's place in the file says."""

LEFT_OUT: Final[frozenset[Kept]] = frozenset(
    {
        # Who works for the publisher, and how they come in.
        ApiKey, Login, LoginLink, Member,
        # What is readers' own, and what they did.
        Board, KeptPhoto, Pin, Reader, Scan, ScanDetection,
        CreativeRollup, PhotoRollup, ReaderSketch, RollupDay,
        # What the service has to do, and what it answered.
        IdempotencyKey, Job, StoredAnswer, WebhookDelivery, WebhookEndpoint,
    }
)  # fmt: skip
"""What doesn't leave with a registry; all else must be in `FIELDS`, so that a new table is a decision too."""


def record_of(kind: Kept, row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row as the file has it."""
    return {name: _plain(name, row[name]) for name in FIELDS[kind]}


def row_of(kind: Kept, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row that a record tells of, without what its place says.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it isn't a record of that kind. Fields that aren't known are ignored.
    """
    return {name: _typed(kind, name, record[name]) for name in FIELDS[kind]}


def _plain(name: str, value: Any) -> Any:
    """Return a field's value as JSON can hold it."""
    if name == "watermark_id":
        return creatives.format_id(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return str(value) if isinstance(value, UUID) else value


_READ: Final[Mapping[type, Callable[[Any], Any]]] = {
    UUID: UUID,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    Decimal: Decimal,
}


def _typed(kind: Kept, name: str, value: Any) -> Any:
    """Return the value that JSON holds for a field."""
    if value is None:
        return None
    if name == "watermark_id":
        return creatives.parse_id(value)
    of_column = kind.__table__.c[name].type.python_type
    if issubclass(of_column, Enum):
        return of_column(value)
    return _READ.get(of_column, _as_it_is)(value)


def _as_it_is(value: Any) -> Any:
    """Return texts, numbers, lists and objects: JSON's own."""
    return value
