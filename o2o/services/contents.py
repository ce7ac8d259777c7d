"""Contents: what a reader sees behind a picture, never nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Final
from uuid import UUID

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from o2o.models import Creative, Destination, Rule, ScanDetection
from o2o.services.creatives import format_id
from o2o.services.routing import Choices, Device, Origin, Route, Visit, bucket_of, route

NOTICE: Final = "There is nothing behind this picture right now."


@dataclass(frozen=True, slots=True)
class Content:
    """What a reader sees behind a picture.

    Attributes
    ----------
    origin : Origin
        Whether it is the picture's own or a fallback.
    destination_id : UUID or None
        None for a notice that nothing is there now.
    images : tuple of str
        The stored pictures' names.
    """

    creative_id: str
    origin: Origin
    destination_id: UUID | None
    title: str
    description: str
    link: str | None
    images: tuple[str, ...]
    alt_text: str
    price_amount: Decimal | None
    price_currency: str | None
    call_to_action: str
    locale: str | None
    publisher: str

    @property
    def image(self) -> str | None:
        """The first picture's name."""
        return self.images[0] if self.images else None

    @property
    def price(self) -> str | None:
        """Amount and currency in one text."""
        return None if self.price_amount is None else f"{self.price_amount:.2f} {self.price_currency}"


@dataclass(frozen=True, slots=True)
class Asker:
    """What is known of a reader who asks.

    Attributes
    ----------
    country : str or None
        ISO 3166-1 alpha-2, in capitals.
    languages : tuple of str
        Primary language subtags in lower case, the preferred first.
    place : int
        Where a visitor who is no reader stands among all others, 0 to 99: drawn for each visit, as nothing
        is kept by which they would be known again. A reader's is always the same, see `bucket_of`.
    """

    reader_id: UUID | None = None
    country: str | None = None
    languages: tuple[str, ...] = ()
    device: Device = Device.OTHER
    place: int = 0

    def bucket(self, creative_id: UUID) -> int:
        """Return the asker's place among all who ask for a creative, 0 to 99."""
        return bucket_of(creative_id, self.reader_id) if self.reader_id else self.place


def choices_of(session: Session, creatives: Collection[Creative]) -> Mapping[UUID, Choices]:
    """Return what creatives may lead to, in three queries however many they are."""
    ids = [creative.id for creative in creatives]
    owned: dict[UUID, list[Destination]] = {}
    for destination in session.scalars(
        select(Destination)
        .where(Destination.creative_id.in_(ids))
        .order_by(Destination.created_at, Destination.id)
    ):
        assert destination.creative_id is not None
        owned.setdefault(destination.creative_id, []).append(destination)
    rules: dict[UUID, list[Rule]] = {}
    for rule in session.scalars(select(Rule).where(Rule.creative_id.in_(ids)).order_by(Rule.position)):
        rules.setdefault(rule.creative_id, []).append(rule)
    of_campaign, of_publisher = _fallbacks(session, creatives)
    return {
        creative.id: Choices(
            creative,
            rules.get(creative.id, ()),
            owned.get(creative.id, ()),
            of_campaign.get(creative.campaign_id) if creative.campaign_id else None,
            of_publisher.get(creative.publisher_id),
        )
        for creative in creatives
    }


def _fallbacks(
    session: Session, creatives: Iterable[Creative]
) -> tuple[Mapping[UUID, Destination], Mapping[UUID, Destination]]:
    """Return the fallbacks of the creatives' campaigns and publishers, by the ID of each."""
    campaigns = {each.campaign_id for each in creatives if each.campaign_id}
    publishers = {each.publisher_id for each in creatives}
    found = session.scalars(
        select(Destination).where(
            Destination.publisher_id.in_(publishers),
            Destination.creative_id.is_(None),
            or_(Destination.campaign_id.is_(None), Destination.campaign_id.in_(campaigns)),
        )
    ).all()
    return (
        {each.campaign_id: each for each in found if each.campaign_id},
        {each.publisher_id: each for each in found if each.campaign_id is None},
    )


def contents_of(
    session: Session, creatives: Collection[Creative], asker: Asker, *, now: datetime
) -> Mapping[UUID, Content]:
    """Return what a reader sees now behind each creative, by the creatives' row IDs."""
    if not creatives:
        return {}
    return {
        creative_id: content(choices.creative, route(choices, visit(session, choices, asker, now=now)))
        for creative_id, choices in choices_of(session, creatives).items()
    }


def visit(
    session: Session,
    choices: Choices,
    asker: Asker,
    *,
    now: datetime,
    scans: int | None = None,
    bucket: int | None = None,
) -> Visit:
    """Return a reader's visit to a creative, as rules see it.

    Parameters
    ----------
    scans : int, optional
        How many scans are to be taken for counted; if it isn't given the true number, up to where no rule
        tells it from more. It is counted once for all rules, and only where one asks.
    bucket : int, optional
        The asker's place, 0 to 99; the true one if it isn't given.
    """
    creative_id = choices.creative.id

    @cache
    def count() -> int:
        return scans if scans is not None else _scans(session, creative_id, _most_told(choices.rules))

    return Visit(
        at=now,
        country=asker.country,
        languages=asker.languages,
        device=asker.device,
        bucket=bucket if bucket is not None else asker.bucket(creative_id),
        scans=count,
    )


def _most_told(rules: Iterable[Rule]) -> int:
    """The number of scans from which on no rule tells one from more."""
    return 1 + max(
        (bound for rule in rules for bound in (rule.min_scans, rule.max_scans) if bound), default=0
    )


def _scans(session: Session, creative_id: UUID, most: int) -> int:
    """Count the photos that a creative was read in, as analytics does; no more of them than `most`.

    A photo with two copies of it is its first one's: unlike DISTINCT, that can stop as soon as it has enough.
    """
    other = aliased(ScanDetection)
    before = exists().where(
        other.scan_id == ScanDetection.scan_id,
        other.position < ScanDetection.position,
        other.creative_id == ScanDetection.creative_id,
    )
    is_first = or_(ScanDetection.position == 0, ~before)
    wanted = select(ScanDetection.scan_id).where(ScanDetection.creative_id == creative_id, is_first)
    return session.scalar(select(func.count()).select_from(wanted.limit(most).subquery())) or 0


def content(creative: Creative, found: Route) -> Content:
    """Return what a reader sees of a route's end."""
    destination = found.destination
    if destination is None:
        return Content(
            creative_id=format_id(creative.watermark_id),
            origin=found.origin,
            destination_id=None,
            title=creative.publisher.name[:100],
            description=NOTICE,
            link=None,
            images=(),
            alt_text="",
            price_amount=None,
            price_currency=None,
            call_to_action="",
            locale=None,
            publisher=creative.publisher.name,
        )
    return shown(creative, destination, found.origin)


def kept(creative: Creative, destination: Destination | None) -> Content:
    """Return what a reader has pinned as it is now, also once it is live no more."""
    if destination is None:
        return content(creative, Route(Origin.NOTICE, None, ()))
    is_own = destination.creative_id is not None
    is_campaigns = destination.campaign_id is not None
    fallback = Origin.CAMPAIGN_FALLBACK if is_campaigns else Origin.PUBLISHER_FALLBACK
    return shown(creative, destination, Origin.DESTINATION if is_own else fallback)


def shown(creative: Creative, destination: Destination, origin: Origin) -> Content:
    """Return a destination as a reader sees it: without pictures of its own, with the creative's."""
    images, alt_text = tuple(destination.images), destination.alt_text
    if not images and creative.picture and destination.creative_id == creative.id:
        images, alt_text = (creative.picture,), alt_text or creative.title
    return Content(
        creative_id=format_id(creative.watermark_id),
        origin=origin,
        destination_id=destination.id,
        title=destination.title,
        description=destination.description,
        link=destination.link,
        images=images,
        alt_text=alt_text,
        price_amount=destination.price_amount,
        price_currency=destination.price_currency,
        call_to_action=destination.call_to_action,
        locale=destination.locale,
        publisher=creative.publisher.name,
    )
