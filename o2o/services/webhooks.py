"""Webhooks: what integrators are told, and what becomes of it.

By Standard Webhooks 1.0: an event's body and ID are fixed when it happens, every attempt is signed
with the endpoint's secret, and attempts go on over days until one is acknowledged.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from o2o.models import Creative, DeliveryStatus, Pin, WebhookDelivery, WebhookEndpoint
from o2o.services import jobs, publishers
from o2o.services.pins import PinAnswer

PIN_SAVED: Final = "pin.saved"

MAX_RETRY_AFTER_S: Final = 86_400.0
"""A receiver may ask for patience, up to the schedule's own longest wait."""

JITTER: Final = 0.25
"""Waits are spread by up to this share, so that what failed together doesn't come back together."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent to an endpoint: the same at every attempt, but for time and signature."""

    id: str
    url: str
    secret: str
    body: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an attempt came to.

    Attributes
    ----------
    status : int or None
        The response's HTTP status, if there was a response.
    error : str or None
        Why there was none.
    retry_after_s : float or None
        For how long the receiver asked to be left alone.
    """

    status: int | None = None
    error: str | None = None
    retry_after_s: float | None = None

    @property
    def is_acknowledged(self) -> bool:
        """Whether the receiver has taken the event; a redirect is no such thing."""
        return self.status is not None and 200 <= self.status < 300


def add_endpoint(
    session: Session, publisher_id: UUID, url: str, secret: str, *, now: datetime
) -> WebhookEndpoint:
    """Register an endpoint for all of a publisher's events; the address must be checked before.

    Raises
    ------
    NotFound
        If there is no such publisher.
    """
    publisher = publishers.get(session, publisher_id)
    endpoint = WebhookEndpoint(publisher_id=publisher.id, url=url, secret=secret, created_at=now)
    session.add(endpoint)
    session.flush()
    return endpoint


def announce_pin(session: Session, pin: PinAnswer, *, public_url: str, now: datetime) -> None:
    """Make a delivery and its job for each endpoint that a saved pin concerns."""
    endpoints = session.scalars(
        select(WebhookEndpoint)
        .join(Creative, Creative.publisher_id == WebhookEndpoint.publisher_id)
        .join(Pin, Pin.creative_id == Creative.id)
        .where(Pin.id == pin.id, WebhookEndpoint.disabled_at.is_(None))
    )
    body = json.dumps(
        {"type": PIN_SAVED, "timestamp": now.isoformat(), "data": pin_event(pin, public_url)},
        ensure_ascii=False,
    )
    for endpoint in endpoints:
        delivery = WebhookDelivery(
            endpoint_id=endpoint.id,
            event=PIN_SAVED,
            subject_id=pin.id,
            body=body,
            status=DeliveryStatus.PENDING,
            created_at=now,
        )
        session.add(delivery)
        session.flush()
        jobs.enqueue(session, jobs.WEBHOOK_DELIVER, delivery.id, now=now)


def pin_event(pin: PinAnswer, public_url: str) -> dict[str, Any]:
    """Return a pin as events tell of it, with addresses that hold everywhere."""
    content = pin.content
    return {
        "id": str(pin.id),
        "status": pin.status.value,
        "creative_id": content.creative_id,
        "board_id": str(pin.board_id),
        "board_url": f"{public_url}/boards/{pin.board_id}",
        "title": content.title,
        "link": content.link,
        "image_url": f"{public_url}/media/{content.image}" if content.image else None,
        "alt_text": content.alt_text,
        "publisher": content.publisher,
        "created_at": pin.created_at.isoformat(),
        "saved_at": pin.saved_at.isoformat() if pin.saved_at else None,
    }


def message(session: Session, delivery_id: UUID) -> Message | None:
    """Return what is to be sent; None if the delivery is settled or its endpoint disabled."""
    delivery = session.get_one(WebhookDelivery, delivery_id)
    if delivery.status is not DeliveryStatus.PENDING or delivery.endpoint.disabled_at is not None:
        return None
    endpoint = delivery.endpoint
    return Message(f"msg_{delivery.id.hex}", endpoint.url, endpoint.secret, delivery.body)


def record(
    session: Session,
    delivery_id: UUID,
    attempt: Attempt | None,
    *,
    waits_s: Sequence[float],
    rng: Random,
    now: datetime,
) -> datetime | None:
    """Note what an attempt came to; return when to try again, or None if it is settled.

    Parameters
    ----------
    attempt : Attempt or None
        None if nothing was sent, as `message` gave nothing to send.
    waits_s : sequence of float
        The schedule: the wait before each further attempt.
    """
    delivery = session.get_one(WebhookDelivery, delivery_id, with_for_update={"of": WebhookDelivery})
    if delivery.status is not DeliveryStatus.PENDING:
        return None
    if attempt is None:
        delivery.status = DeliveryStatus.FAILED
        session.flush()
        return None
    entry = {"at": now.isoformat(), "status": attempt.status, "error": attempt.error}
    delivery.attempts = [*delivery.attempts, entry]  # a new list: a changed one wouldn't be noticed
    if attempt.is_acknowledged:
        delivery.status = DeliveryStatus.DELIVERED
        delivery.delivered_at = now
        retry_at = None
    else:
        retry_at = _retry_at(delivery, attempt, waits_s=waits_s, rng=rng, now=now)
    session.flush()
    return retry_at


def _retry_at(
    delivery: WebhookDelivery, attempt: Attempt, *, waits_s: Sequence[float], rng: Random, now: datetime
) -> datetime | None:
    """When to try a refused delivery again; None, and failed, if it is given up."""
    if attempt.status == 410:
        delivery.endpoint.disabled_at = now
        delivery.endpoint.disabled_reason = "the endpoint answered 410 Gone"
    made = len(delivery.attempts)
    if attempt.status == 410 or made > len(waits_s):
        delivery.status = DeliveryStatus.FAILED
        return None
    wait_s = waits_s[made - 1] * rng.uniform(1, 1 + JITTER)
    asked_s = min(attempt.retry_after_s or 0.0, MAX_RETRY_AFTER_S)
    return now + timedelta(seconds=max(wait_s, asked_s))


def give_up(session: Session, delivery_id: UUID) -> None:
    """Mark a delivery that can't be sent."""
    delivery = session.get_one(WebhookDelivery, delivery_id, with_for_update={"of": WebhookDelivery})
    if delivery.status is DeliveryStatus.PENDING:
        delivery.status = DeliveryStatus.FAILED
        session.flush()
