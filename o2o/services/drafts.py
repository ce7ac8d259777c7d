"""Drafts: what a destination is to hold, before it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final, Self

from o2o.errors import InvalidRequest
from o2o.models import Destination, DestinationState
from o2o.services.checks import (
    all_checked,
    checked_currency,
    checked_images,
    checked_link,
    checked_locale,
    checked_pin,
    checked_text,
)

MAX_PRICE: Final = Decimal("9999999999.99")


@dataclass(frozen=True, slots=True)
class Draft:
    """What a destination is to hold; the names are `Destination`'s."""

    title: str
    state: DestinationState = DestinationState.DRAFT
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    description: str = ""
    link: str | None = None
    images: tuple[str, ...] = ()
    alt_text: str = ""
    price_amount: Decimal | None = None
    price_currency: str | None = None
    call_to_action: str = ""
    master_pin: str | None = None
    locale: str | None = None

    @classmethod
    def of(cls, destination: Destination) -> Self:
        """Return what a destination holds now."""
        held = {field.name: getattr(destination, field.name) for field in fields(cls)}
        return cls(**held | {"images": tuple(destination.images)})

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """Return the draft with some of its fields changed."""
        return replace(self, **changes)

    def checked(self) -> Self:
        """Return the draft as it can be kept.

        Raises
        ------
        InvalidRequest
            If a field can't be: a text is too long, the link no web address, the schedule ends before it
            begins.
        """
        texts = {"description": 800, "alt_text": 500, "call_to_action": 30}
        checks: dict[str, Callable[[], Any]] = {
            "title": lambda: checked_text("title", self.title, max_length=100),
            "ends_at": self._checked_end,
            "link": lambda: checked_link("link", self.link),
            "images": lambda: checked_images("images", self.images),
            "price_amount": self._checked_amount,
            "price_currency": lambda: checked_currency("price_currency", self.price_currency),
            "master_pin": lambda: checked_pin("master_pin", self.master_pin),
            "locale": lambda: checked_locale("locale", self.locale),
        }
        for name, most in texts.items():
            text = getattr(self, name)
            checks[name] = partial(checked_text, name, text, min_length=0, max_length=most)
        return replace(self, **all_checked(checks))

    def _checked_end(self) -> datetime | None:
        """Return the schedule's end, if it comes after its beginning."""
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise InvalidRequest("ends_at must lie after starts_at", field="ends_at")
        return self.ends_at

    def _checked_amount(self) -> Decimal | None:
        """Return the price's amount, if it has a currency and no fraction of a cent."""
        amount = self.price_amount
        if (amount is None) != (self.price_currency is None):
            raise InvalidRequest(
                "a price is price_amount and price_currency, or neither", field="price_amount"
            )
        if amount is None:
            return None
        exponent = amount.as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -2 or not 0 <= amount <= MAX_PRICE:
            raise InvalidRequest(
                f"price_amount lies between 0 and {MAX_PRICE}, with up to two decimals", field="price_amount"
            )
        return amount

    def as_json(self) -> dict[str, Any]:
        """Return the draft as JSON can hold it."""
        held = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _plain(value) for name, value in held.items()}


def _plain(value: Any) -> Any:
    """Return a field's value as JSON can hold it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return list(value) if isinstance(value, tuple) else value
