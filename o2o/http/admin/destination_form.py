"""The form of a destination: its fields, the card that they make, and what has changed in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage, MultiDict

from o2o.errors import InvalidRequest
from o2o.http.admin import forms
from o2o.http.admin.access import FILTERS
from o2o.http.admin.forms import Errors
from o2o.http.pictures import require_stored, store
from o2o.http.registry_schemas import DestinationFields
from o2o.integrations.storage import NAME
from o2o.models import Destination, DestinationRevision, DestinationState
from o2o.services import destinations
from o2o.services.checks import MAX_IMAGES, checked_link, checked_locale
from o2o.services.destinations import Draft, Owner

MOST_VERSIONS: Final = 50
"""In a history on a page: the newest; the API has all."""

LABELS: Final[Mapping[str, str]] = {
    "title": "Title",
    "description": "Description",
    "link": "Link",
    "call_to_action": "Call to action",
    "images": "Pictures",
    "alt_text": "Pictures in words",
    "price_amount": "Price",
    "price_currency": "Currency",
    "state": "State",
    "starts_at": "Starts",
    "ends_at": "Ends",
    "locale": "Language",
    "master_pin": "Pinterest pin",
}
"""A draft's fields in the order of the form, as it calls them."""

_CONVERT: Final[dict[str, forms.Convert]] = {
    "title": forms.text,
    "state": forms.text,
    "starts_at": forms.moment,
    "ends_at": forms.moment,
    "description": forms.text,
    "link": forms.optional,
    "alt_text": forms.text,
    "price_amount": lambda value: value.strip().replace(",", ".") or None,
    "price_currency": lambda value: value.strip().upper() or None,
    "call_to_action": forms.text,
    "master_pin": forms.optional,
    "locale": forms.optional,
}

Form = MultiDict[str, str]


@dataclass(frozen=True, slots=True)
class Place:
    """Whose destination it is, as a page says it."""

    owner: Owner
    title: str
    watermark_id: int | None = None
    campaign_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One version in a destination's history.

    Attributes
    ----------
    rows : list of tuple of str
        What was different from the version before: label, before, after. Empty for the first.
    """

    version: int
    by: str
    at: datetime
    rows: list[tuple[str, str, str]]


def images(form: Form, chosen: Sequence[FileStorage], errors: Errors) -> list[str]:
    """Return the pictures that a form keeps, and those that were chosen anew, which are kept at once."""
    kept = [name for name in form.getlist("images") if NAME.fullmatch(name)][:MAX_IMAGES]
    require_stored(kept)
    for picture in chosen:
        if len(kept) == MAX_IMAGES:
            errors.by_field["images"] = f"Up to {MAX_IMAGES} pictures."
            break
        with errors.caught("images"):
            kept.append(store(picture).picture)
    return list(dict.fromkeys(kept))


def changes_of(form: Form, kept: list[str], errors: Errors) -> dict[str, Any]:
    """Return a form's fields as a draft takes them."""
    raw = {name: convert(form.get(name, "")) for name, convert in _CONVERT.items()} | {"images": kept}
    loaded = errors.load(DestinationFields, raw)
    if errors:
        return {}
    return loaded | {"state": DestinationState(loaded["state"]), "images": tuple(kept)}


def typed(form: Form, kept: list[str]) -> dict[str, Any]:
    """Return a form's fields as they were typed."""
    return {name: form.get(name, "") for name in (*_CONVERT, "version")} | {"images": kept}


def values_of(destination: Destination) -> dict[str, Any]:
    """Return a destination's fields as the form shows them."""
    held = Draft.of(destination).as_json()
    return {name: _shown(name, value) for name, value in held.items()} | {"version": destination.version}


def preview(values: Mapping[str, Any], publisher: str) -> dict[str, Any]:
    """Return what a reader would see of a form's fields; what can't be kept yet is left out."""
    amount = str(values.get("price_amount") or "").replace(",", ".")
    currency = str(values.get("price_currency") or "").strip().upper()
    names = values.getlist("images") if isinstance(values, MultiDict) else values.get("images", [])
    return {
        "publisher": publisher,
        "title": values.get("title", "").strip(),
        "description": values.get("description", "").strip(),
        "link": _allowed(checked_link, values.get("link", "").strip()),
        "image": next((name for name in names if NAME.fullmatch(name)), None),
        "alt_text": values.get("alt_text", ""),
        "price": f"{Decimal(amount):.2f} {currency}" if _is_amount(amount) and currency else None,
        "call_to_action": values.get("call_to_action", "").strip(),
        "locale": _allowed(checked_locale, values.get("locale", "").strip()),
    }


def differences(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the fields in which two forms differ: label, mine, theirs."""
    return [
        (label, _in_words(mine.get(name)), _in_words(theirs.get(name)))
        for name, label in LABELS.items()
        if _in_words(mine.get(name)) != _in_words(theirs.get(name))
    ]


def history(session: Session, destination: Destination) -> tuple[list[Change], bool]:
    """Return a destination's newest versions, and whether there are more.

    The newest first, each with what was different from the one before.
    """
    # One more than is shown: the last one shown has a version before it, too.
    found = destinations.history(session, destination, limit=MOST_VERSIONS + 1).items
    before: list[DestinationRevision | None] = [*found[1:], None]
    changes = [
        Change(
            each.version,
            each.changed_by,
            each.changed_at,
            differences(_plain(old.content), _plain(each.content)) if old else [],
        )
        for each, old in zip(found, before, strict=True)
    ]
    return changes[:MOST_VERSIONS], len(found) > MOST_VERSIONS


def _plain(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a kept version as the form would show it."""
    return {name: _shown(name, value) for name, value in content.items()}


def _shown(name: str, value: Any) -> Any:
    """Return a kept field as the form shows it."""
    if name in {"starts_at", "ends_at"}:
        return FILTERS["field_time"](datetime.fromisoformat(value)) if value else ""
    if value is None:
        return ""
    if name == "price_amount":
        return f"{Decimal(value):.2f}"
    return list(value) if name == "images" else str(value)


def _in_words(value: Any) -> str:
    """Return a form's value as a person reads it."""
    if isinstance(value, list):
        return f"{len(value)} ({', '.join(name[:8] for name in value)})" if value else "none"
    return str(value or "").strip() or "none"


def _allowed(check: Any, value: str) -> str | None:
    """Return a value if it can be kept."""
    try:
        found: str | None = check("", value)
    except InvalidRequest:
        return None
    return found


def _is_amount(text: str) -> bool:
    """Whether a text is an amount of money."""
    whole, _, cents = text.partition(".")
    return text.isascii() and whole.isdecimal() and len(whole) <= 10 and (not cents or cents.isdecimal())
