"""What is done for each kind of job.

An actor works in two steps. It first deals with the outside world, outside any transaction, as that may
take long. It then returns what is to be written; the engine runs that in one transaction with the job's
end, so a job's effects are in the database once, or not at all and the job is due again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from o2o.db import Database
from o2o.integrations import mail
from o2o.integrations import webhooks as sender
from o2o.integrations.outbound import Outbound, Unreachable
from o2o.services import jobs, pins, sessions, webhooks
from o2o.services.webhooks import Attempt
from o2o.settings import Settings

Record = Callable[[Session, datetime], datetime | None]
"""Writes what came of a job; returns when to run it again, or None if it is done."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Tools:
    """What actors work with."""

    settings: Settings
    database: Database
    outbound: Outbound
    rng: Random
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Actor:
    """A kind of job.

    Attributes
    ----------
    perform : callable
        Does the work on the row of that ID; returns what is to be written.
    give_up : callable
        Marks the row when the job has failed too often.
    """

    perform: Callable[[Tools, UUID], Record]
    give_up: Callable[[Session, UUID], None]


def save_pin(tools: Tools, pin_id: UUID) -> Record:
    """Put a pin on its board and announce it: all in the database, so all in one transaction."""

    def record(session: Session, now: datetime) -> None:
        saved = pins.save(session, pin_id, now=now)
        if saved is not None:
            webhooks.announce_pin(session, saved, public_url=tools.settings.public_url, now=now)

    return record


def deliver_webhook(tools: Tools, delivery_id: UUID) -> Record:
    """Send an event to an endpoint; after a crash between sending and writing, once more."""
    with tools.database.read() as session:
        message = webhooks.message(session, delivery_id)
    attempt = _attempt(tools, message) if message else None

    def record(session: Session, now: datetime) -> datetime | None:
        waits_s = tools.settings.webhook_waits_s
        retry_at = webhooks.record(session, delivery_id, attempt, waits_s=waits_s, rng=tools.rng, now=now)
        if attempt is not None and not attempt.is_acknowledged:
            _log.warning(
                "delivery failed, trying again" if retry_at else "delivery failed, given up",
                delivery=str(delivery_id),
                status=attempt.status,
                error=attempt.error,
            )
        return retry_at

    return record


def _attempt(tools: Tools, message: webhooks.Message) -> Attempt:
    """Send a message; no answer is a result as well."""
    now = tools.clock()
    try:
        reply = sender.send(
            tools.outbound,
            url=message.url,
            secret=message.secret,
            message_id=message.id,
            body=message.body,
            now=now,
        )
    except Unreachable as failure:
        return Attempt(error=str(failure))
    return Attempt(status=reply.status, retry_after_s=sender.retry_after_s(reply, now=now))


def mail_login_link(tools: Tools, link_id: UUID) -> Record:
    """Send a member a login link.

    Its token is drawn here and only its hash written, after the letter is taken: no letter, no link.
    """
    with tools.database.read() as session:
        addressee = sessions.addressee(session, link_id, now=tools.clock())
    token = sessions.new_token()
    if addressee is not None:
        mail.send(
            tools.settings.smtp_url,
            sender=tools.settings.mail_from,
            to=addressee.email,
            subject=f"Log in to {addressee.publisher}",
            text=(
                f"Hello {addressee.name},\n\nthis link logs you in to the pages of {addressee.publisher}, "
                f"once, within 15 minutes:\n\n{tools.settings.public_url}/admin/login/{token}\n\n"
                "If you didn't ask for it, do nothing: without it nobody gets in.\n"
            ),
        )

    def record(session: Session, now: datetime) -> None:
        if addressee is not None:
            sessions.arm_link(session, link_id, token, now=now)

    return record


ACTORS: Mapping[str, Actor] = {
    jobs.PIN_SAVE: Actor(save_pin, pins.give_up),
    jobs.WEBHOOK_DELIVER: Actor(deliver_webhook, webhooks.give_up),
    jobs.LOGIN_MAIL: Actor(mail_login_link, sessions.drop_link),
}
