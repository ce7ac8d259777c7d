"""Keys: what programs act for a publisher with, and what they may do.

A key's scopes never reach beyond its member's role: a member who is demoted or leaves takes their keys along.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import select
from sqlalchemy.orm import Session

from o2o.errors import Conflict, InvalidRequest, NotFound
from o2o.models import ApiKey, Member
from o2o.roles import ROLE_SCOPES, Scope
from o2o.services.checks import checked_text
from o2o.services.paging import Page, newest_first

PREFIX: Final = "o2o_"
PUBLIC_BYTES: Final = 8
SECRET_BYTES: Final = 32

# A secret has 256 random bits: nobody guesses it, so that the hash needn't be slow. 8 MiB and one pass take a
# few milliseconds; secrets that people make up would need the library's defaults.
_HASHER: Final = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts for a publisher.

    Attributes
    ----------
    name : str
        As history names them.
    """

    publisher_id: UUID
    member_id: UUID
    name: str
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key, and its text, which is shown this once."""

    key: ApiKey
    text: str


def issue(
    session: Session,
    holder: Member,
    *,
    label: str,
    scopes: Collection[Scope],
    now: datetime,
    expires_at: datetime | None = None,
) -> IssuedKey:
    """Make a key for a member.

    Raises
    ------
    InvalidRequest
        If it has no scope, or one that the member's role hasn't; or ends before it begins.
    """
    if not scopes:
        raise InvalidRequest("a key needs at least one scope", field="scopes")
    if beyond := sorted(set(scopes) - ROLE_SCOPES[holder.role]):
        raise InvalidRequest(f"an {holder.role} can't have {', '.join(beyond)}", field="scopes")
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest("expires_at lies in the past", field="expires_at")
    public_id, secret = secrets.token_hex(PUBLIC_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    key = ApiKey(
        publisher_id=holder.publisher_id,
        member=holder,
        public_id=public_id,
        secret_hash=_HASHER.hash(secret),
        label=checked_text("label", label, max_length=100),
        scopes=sorted(scopes),
        created_at=now,
        expires_at=expires_at,
        lifetime_s=max(1, round((expires_at - now).total_seconds())) if expires_at else None,
    )
    session.add(key)
    session.flush()
    return IssuedKey(key, f"{PREFIX}{public_id}_{secret}")


def page(session: Session, publisher_id: UUID, *, limit: int, cursor: str | None) -> Page[ApiKey]:
    """Return a page of a publisher's keys, the newest first, those that have ended too."""
    wanted = select(ApiKey).where(ApiKey.publisher_id == publisher_id)
    return newest_first(session, wanted, ApiKey.created_at, ApiKey.id, limit=limit, cursor=cursor)


def get(session: Session, publisher_id: UUID, key_id: UUID) -> ApiKey:
    """Return a key of a publisher.

    Raises
    ------
    NotFound
        If there is none of that ID.
    """
    found = session.get(ApiKey, key_id)
    if found is None or found.publisher_id != publisher_id:
        raise NotFound(f"there is no key {key_id}")
    return found


def rotate(
    session: Session, publisher_id: UUID, key_id: UUID, *, overlap: timedelta, now: datetime
) -> IssuedKey:
    """Make a key like another, which ends after an overlap: time to bring the new one to where it is used.

    Whoever didn't get the answer may do it again as long as the other is valid: that gives another key of the
    same lifetime, and doesn't put the end of the old one off.

    Raises
    ------
    NotFound
        If there is none of that ID.
    Conflict
        If it has ended already.
    """
    old = get(session, publisher_id, key_id)
    if not is_valid(old, now):
        raise Conflict("this key has ended: make a new one")
    expires_at = now + timedelta(seconds=old.lifetime_s) if old.lifetime_s else None
    scopes = {Scope(scope) for scope in old.scopes} & ROLE_SCOPES[old.member.role]
    issued = issue(session, old.member, label=old.label, scopes=scopes, now=now, expires_at=expires_at)
    ends_at = now + overlap
    old.expires_at = min(old.expires_at, ends_at) if old.expires_at else ends_at
    session.flush()
    return issued


def revoke(session: Session, publisher_id: UUID, key_id: UUID, *, now: datetime) -> None:
    """End a key at once; one that has ended stays so.

    Raises
    ------
    NotFound
        If there is none of that ID.
    """
    found = get(session, publisher_id, key_id)
    found.revoked_at = found.revoked_at or now
    session.flush()


def is_valid(found: ApiKey, now: datetime) -> bool:
    """Whether a key may be used at a time."""
    ended = found.revoked_at is not None or (found.expires_at is not None and found.expires_at <= now)
    return not ended and found.member.removed_at is None


def find(session: Session, text: str, *, now: datetime) -> ApiKey | None:
    """Return the key of a text, if it is one that is valid now."""
    public_id, _, secret = text.removeprefix(PREFIX).partition("_")
    if not text.startswith(PREFIX) or not secret:
        return None
    found = session.scalar(select(ApiKey).where(ApiKey.public_id == public_id))
    if found is None or not is_valid(found, now) or not _agrees(found.secret_hash, secret):
        return None
    return found


def scopes_of(key: ApiKey) -> frozenset[Scope]:
    """Return what a key may do as far as its member still may."""
    return frozenset(Scope(scope) for scope in key.scopes) & ROLE_SCOPES[key.member.role]


def authenticate(session: Session, text: str, *, now: datetime) -> Actor | None:
    """Return who a key's text stands for, if it is one that is valid now."""
    found = find(session, text, now=now)
    if found is None:
        return None
    holder = found.member
    return Actor(
        publisher_id=found.publisher_id,
        member_id=holder.id,
        name=f"{holder.name} <{holder.email}> with key {found.label}",
        scopes=scopes_of(found),
    )


@lru_cache(maxsize=1024)
def _verified(secret_hash: str, secret: str) -> bool:
    """Verify a secret; remembered, as a program sends the same key with every request."""
    return _HASHER.verify(secret_hash, secret)


def _agrees(secret_hash: str, secret: str) -> bool:
    """Whether a hash is that of a secret; what disagrees isn't remembered, lest guesses push keys out."""
    try:
        return _verified(secret_hash, secret)
    except VerifyMismatchError:
        return False
