"""What is done for each kind of job.

An actor works in two steps. It first deals with the outside world, outside any transaction, as that may
take long. It then returns what is to be written; the engine runs that in one transaction with the job's
end, so a job's effects are in the database once, or not at all and the job is due again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from o2o.db import Database
from o2o.integrations import mail
from o2o.integrations import photos as photo_files
from o2o.integrations import webhooks as sender
from o2o.integrations.outbound import Outbound, Unreachable
from o2o.services import answers, jobs, photos, pins, rollups, sessions, sketch, webhooks
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


ROLLUP_WAITS: Final = {jobs.ROLLUP_RECENT: timedelta(minutes=1), jobs.ROLLUP_ALL: timedelta(days=1)}
"""How often days are looked over."""

FORGETTING_WAIT: Final = timedelta(hours=1)
"""How often it is looked for what isn't kept any longer."""

RESTS: Final = 20
"""How many times as long as it took a rollup waits at least: it gets no more than 5 % of the time."""


def roll_up_recent(tools: Tools, _no_row: UUID) -> Record:
    """Count today and yesterday anew if they have changed."""
    started, today = tools.clock(), tools.clock().date()
    _roll_up(tools, today - rollups.ONE_DAY, today)
    return _again(tools, jobs.ROLLUP_RECENT, started)


def roll_up_all(tools: Tools, _no_row: UUID) -> Record:
    """Count every day anew that has changed: late rows, slow pins, and all at the first time."""
    started, today = tools.clock(), tools.clock().date()
    with tools.database.read() as session:
        oldest = rollups.oldest_day(session)
    _roll_up(tools, oldest or today, today)
    return _again(tools, jobs.ROLLUP_ALL, started)


def forget(tools: Tools, _no_row: UUID) -> Record:
    """Delete what isn't kept any longer: answers, sessions, and photos, those too that a crash left alone."""
    folder, now = tools.settings.photos_dir, tools.clock()
    with tools.database.read() as session:
        over = photos.expired(session, now=now)
        old = list(photo_files.older_than(folder, now - timedelta(days=1)))
        kept = photos.known(session, old)
    photo_files.delete(folder, [*over, *(each for each in old if each not in kept)])

    def record(session: Session, now: datetime) -> datetime:
        photos.forget(session, over)
        answers.forget(session, now=now)
        sessions.forget(session, now=now)
        # After a full batch there may be more that is over, and that must not wait for an hour.
        return now if len(over) >= photos.MOST_AT_ONCE else now + FORGETTING_WAIT

    return record


def _roll_up(tools: Tools, first: date, last: date) -> None:
    """Count days anew, each in its own transaction: they may be many, and again does no harm."""
    key = sketch.derive_key(tools.settings.watermark_key)
    with tools.database.read() as session:
        stale = rollups.stale_days(session, first, last)
    for day in stale:
        with tools.database.read() as session:
            counted = rollups.count(session, day, key)
        with tools.database.begin() as session:
            rollups.replace(session, counted, now=tools.clock())
        _log.info("day rolled up", day=day.isoformat(), scans=counted.tally.scans)


def _again(tools: Tools, kind: str, started: datetime) -> Record:
    """Write nothing but when to look again."""
    wait = max(ROLLUP_WAITS[kind], RESTS * (tools.clock() - started))
    return lambda _session, now: now + wait


def _no_row_to_mark(_session: Session, _no_row: UUID) -> None:
    """A recurring job stands for no row: the log tells that it is parked, a worker's start revives it."""


ACTORS: Mapping[str, Actor] = {
    jobs.PIN_SAVE: Actor(save_pin, pins.give_up),
    jobs.WEBHOOK_DELIVER: Actor(deliver_webhook, webhooks.give_up),
    jobs.LOGIN_MAIL: Actor(mail_login_link, sessions.drop_link),
    jobs.FORGET: Actor(forget, _no_row_to_mark),
    jobs.ROLLUP_RECENT: Actor(roll_up_recent, _no_row_to_mark),
    jobs.ROLLUP_ALL: Actor(roll_up_all, _no_row_to_mark),
}

RECURRING: Final = (jobs.ROLLUP_RECENT, jobs.ROLLUP_ALL, jobs.FORGET)
"""The kinds that there is always a job of."""
