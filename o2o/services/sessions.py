"""Sessions: members at work on the admin pages, and the ways in.

A session yields the same `Actor` as a key does, and what it may do is looked up at every request: it ends
at once when its member leaves or the key that opened it is revoked.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from o2o.errors import Unauthorized
from o2o.models import ApiKey, Login, LoginLink, Member
from o2o.roles import ROLE_SCOPES
from o2o.services import jobs, keys, members, publishers
from o2o.services.keys import Actor

LIFETIME: Final = timedelta(days=7)
IDLE: Final = timedelta(hours=12)
"""Whoever does nothing for so long has to log in again."""

SEEN_EVERY: Final = timedelta(minutes=5)
"""A request within so long of the last one noted isn't: reading pages shouldn't write."""

LINK_LIFETIME: Final = timedelta(minutes=15)
MOST_LINKS: Final = 5
"""Links that wait for one member: nobody's letter box is to be filled by strangers."""

TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is at work on the pages.

    Attributes
    ----------
    was_seen : bool
        Whether `see` needn't be called yet.
    """

    actor: Actor
    login_id: UUID
    member_name: str
    was_seen: bool


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom a login link is for."""

    email: str
    name: str
    publisher: str


def open_with_key(session: Session, text: str, *, now: datetime) -> str:
    """Open a session for whom a key stands for; return its token, which is shown this once.

    Raises
    ------
    Unauthorized
        If the key is nobody's or has ended.
    """
    key = keys.find(session, text, now=now)
    if key is None:
        raise Unauthorized("this key is nobody's or has ended: ask an owner for another")
    return _open(session, key.member, key, now=now)


def open_with_link(session: Session, token: str, *, now: datetime) -> str:
    """Use a login link up; return the token of the session that it opens.

    Raises
    ------
    Unauthorized
        If it was used before, is too old, or its member has left.
    """
    usable = (LoginLink.token_hash == _hash(token), LoginLink.used_at.is_(None), LoginLink.expires_at > now)
    # One statement finds it and uses it up, so that of two at once one comes too late.
    link = session.scalar(update(LoginLink).where(*usable).values(used_at=now).returning(LoginLink))
    if link is None or link.member.removed_at is not None:
        raise Unauthorized("this link was used before or is too old: ask for another")
    return _open(session, link.member, None, now=now)


def holder_of_link(session: Session, token: str, *, now: datetime) -> Member | None:
    """Return whom a login link would log in; it stays unused."""
    link = session.scalar(select(LoginLink).where(LoginLink.token_hash == _hash(token)))
    if link is None or link.used_at or link.expires_at <= now or link.member.removed_at:
        return None
    return link.member


def issue_link(session: Session, publisher_id: UUID, member_id: UUID, *, now: datetime) -> str:
    """Make a link that logs a member in once; return its token, which is kept nowhere.

    Raises
    ------
    NotFound
        If the publisher has no such member.
    """
    link = _new_link(session, members.get(session, publisher_id, member_id), now=now)
    token = new_token()
    arm_link(session, link.id, token, now=now)
    return token


def ask_for_links(session: Session, email: str, *, now: datetime) -> None:
    """Have a link mailed to the members of an address, one for each publisher; nothing tells whether any is.

    The letters are written by a job: whether an address is known shows in no answer's time either.
    """
    wanted = select(Member).where(Member.email == email.strip().lower(), Member.removed_at.is_(None))
    for member in session.scalars(wanted).all():
        waiting = select(LoginLink.id).where(
            LoginLink.member_id == member.id, LoginLink.used_at.is_(None), LoginLink.expires_at > now
        )
        if len(session.scalars(waiting.limit(MOST_LINKS)).all()) < MOST_LINKS:
            jobs.enqueue(session, jobs.LOGIN_MAIL, _new_link(session, member, now=now).id, now=now)


def addressee(session: Session, link_id: UUID, *, now: datetime) -> Addressee | None:
    """Return whom to send a link to; None if it waits no longer."""
    link = session.get(LoginLink, link_id)
    if link is None or link.used_at or link.expires_at <= now or link.member.removed_at:
        return None
    publisher = publishers.get(session, link.publisher_id)
    return Addressee(link.member.email, link.member.name, publisher.name)


def new_token() -> str:
    """Draw a token that nobody guesses."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def arm_link(session: Session, link_id: UUID, token: str, *, now: datetime) -> None:
    """Have a token stand for a link, in place of any before it; its time begins now."""
    session.execute(
        update(LoginLink)
        .where(LoginLink.id == link_id, LoginLink.used_at.is_(None))
        .values(token_hash=_hash(token), expires_at=now + LINK_LIFETIME)
    )


def drop_link(session: Session, link_id: UUID) -> None:
    """Delete a link whose letter couldn't be sent."""
    session.execute(delete(LoginLink).where(LoginLink.id == link_id))


def who(session: Session, token: str, *, now: datetime) -> Visitor | None:
    """Return who a session's token stands for, if it hasn't ended."""
    found = session.scalar(select(Login).where(Login.token_hash == _hash(token)))
    if found is None or found.expires_at <= now or found.seen_at + IDLE <= now:
        return None
    member, key = found.member, found.key
    if member.removed_at is not None or (key is not None and not keys.is_valid(key, now)):
        return None
    scopes = keys.scopes_of(key) if key is not None else ROLE_SCOPES[member.role]
    actor = Actor(
        publisher_id=found.publisher_id,
        member_id=member.id,
        name=f"{member.name} <{member.email}> on the admin pages",
        scopes=scopes,
    )
    return Visitor(actor, found.id, member.name, was_seen=now < found.seen_at + SEEN_EVERY)


def see(session: Session, login_id: UUID, *, now: datetime) -> None:
    """Note that a session is in use."""
    session.execute(update(Login).where(Login.id == login_id).values(seen_at=now))


def close(session: Session, login_id: UUID) -> None:
    """End a session; one that has ended stays so."""
    session.execute(delete(Login).where(Login.id == login_id))


def forget(session: Session, *, now: datetime) -> None:
    """Delete what has ended."""
    session.execute(delete(Login).where(or_(Login.expires_at <= now, Login.seen_at <= now - IDLE)))
    session.execute(delete(LoginLink).where(LoginLink.expires_at <= now))


def _open(session: Session, member: Member, key: ApiKey | None, *, now: datetime) -> str:
    """Open a session and clear away old ones."""
    forget(session, now=now)
    token = new_token()
    session.add(
        Login(
            publisher_id=member.publisher_id,
            member=member,
            key=key,
            token_hash=_hash(token),
            created_at=now,
            seen_at=now,
            expires_at=now + LIFETIME,
        )
    )
    session.flush()
    return token


def _new_link(session: Session, member: Member, *, now: datetime) -> LoginLink:
    link = LoginLink(
        publisher_id=member.publisher_id, member=member, created_at=now, expires_at=now + LINK_LIFETIME
    )
    session.add(link)
    session.flush()
    return link


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
