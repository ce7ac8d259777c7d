"""Destinations: what readers get behind a picture, changed after print as often as need be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Self
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from o2o.errors import Conflict, InvalidRequest, NotFound
from o2o.models import Creative, Destination, DestinationRevision, DestinationState, Rule
from o2o.services.checks import checked_link, checked_locale, checked_text, require_version

MAX_IMAGES: Final = 5
"""As many as a pin of several pictures takes."""

MAX_PRICE: Final = Decimal("9999999999.99")

_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_PIN: Final = re.compile(r"[0-9]{1,20}")


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
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise InvalidRequest("ends_at must lie after starts_at", field="ends_at")
        if len(self.images) > MAX_IMAGES:
            raise InvalidRequest(f"images takes up to {MAX_IMAGES} pictures", field="images")
        if self.master_pin and not _PIN.fullmatch(self.master_pin):
            raise InvalidRequest("master_pin is the number at the end of a pin's address", field="master_pin")
        self._check_price()
        return replace(
            self,
            title=checked_text("title", self.title, max_length=100),
            description=checked_text("description", self.description, min_length=0, max_length=800),
            link=checked_link("link", self.link),
            alt_text=checked_text("alt_text", self.alt_text, min_length=0, max_length=500),
            call_to_action=checked_text("call_to_action", self.call_to_action, min_length=0, max_length=30),
            master_pin=self.master_pin or None,
            locale=checked_locale("locale", self.locale),
        )

    def _check_price(self) -> None:
        """Check that a price is an amount with a currency."""
        if (self.price_amount is None) != (self.price_currency is None):
            raise InvalidRequest(
                "a price is price_amount and price_currency, or neither", field="price_amount"
            )
        if self.price_currency is not None and not _CURRENCY.fullmatch(self.price_currency):
            raise InvalidRequest("price_currency is a code by ISO 4217, such as EUR", field="price_currency")
        if self.price_amount is None:
            return
        exponent = self.price_amount.as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -2 or not 0 <= self.price_amount <= MAX_PRICE:
            raise InvalidRequest(
                f"price_amount lies between 0 and {MAX_PRICE}, with up to two decimals", field="price_amount"
            )

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
    destination = Destination(
        publisher_id=owner.publisher_id,
        creative_id=owner.creative_id,
        campaign_id=owner.campaign_id,
        created_at=now,
        updated_at=now,
    )
    _fill(destination, draft.checked())
    try:
        with session.begin_nested():
            session.add(destination)
    except IntegrityError as error:
        if owner.creative_id is None and fallback(session, owner) is not None:
            raise Conflict("there is a fallback already: change it instead") from error
        raise
    _note(session, destination, by=by, now=now)
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
    _note(session, destination, by=by, now=now)
    return destination


def _fill(destination: Destination, draft: Draft) -> None:
    """Write a checked draft into a row."""
    for field in fields(draft):
        value = getattr(draft, field.name)
        setattr(destination, field.name, list(value) if isinstance(value, tuple) else value)


def _note(session: Session, destination: Destination, *, by: str, now: datetime) -> None:
    """Keep the version that a destination is now."""
    session.add(
        DestinationRevision(
            destination_id=destination.id,
            version=destination.version,
            content=Draft.of(destination).as_json(),
            changed_by=by,
            changed_at=now,
        )
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


def history(session: Session, destination: Destination) -> list[DestinationRevision]:
    """Return all versions of a destination, the newest first."""
    wanted = select(DestinationRevision).where(DestinationRevision.destination_id == destination.id)
    return list(session.scalars(wanted.order_by(DestinationRevision.version.desc())))


def set_rules(
    session: Session, creative: Creative, rules: list[Rule], *, version: int, now: datetime
) -> list[Rule]:
    """Put other rules in place of a creative's.

    Parameters
    ----------
    rules : list of Rule
        In order; creative and position are set here.
    version : int
        The creative's.

    Raises
    ------
    PreconditionFailed
        If the creative was changed since that version.
    InvalidRequest
        If a rule leads elsewhere than to the creative's destinations, or the shares come to more than all.
    """
    require_version(creative.version, version)
    own = {each.id for each in of_creative(session, creative.id)}
    for position, rule in enumerate(rules):
        if rule.destination_id not in own:
            raise InvalidRequest(
                f"there is no destination {rule.destination_id} of this creative",
                field=f"rules/{position}/destination_id",
            )
        if rule.since and rule.until and rule.until <= rule.since:
            raise InvalidRequest("until must lie after since", field=f"rules/{position}/until")
        if rule.min_scans is not None and rule.max_scans is not None and rule.max_scans < rule.min_scans:
            raise InvalidRequest("max_scans can't lie below min_scans", field=f"rules/{position}/max_scans")
    if sum(rule.share_percent or 0 for rule in rules) > 100:
        raise InvalidRequest("the shares come to more than 100 percent", field="rules")
    for old in rules_of(session, creative.id):
        session.delete(old)
    creative.updated_at = now
    session.flush()
    for position, rule in enumerate(rules):
        rule.creative_id, rule.position = creative.id, position
    session.add_all(rules)
    session.flush()
    return rules


def rules_of(session: Session, creative_id: UUID) -> list[Rule]:
    """Return a creative's rules, in order."""
    return list(session.scalars(select(Rule).where(Rule.creative_id == creative_id).order_by(Rule.position)))
