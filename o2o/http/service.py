"""What the views work with, and who is asking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn, cast
from uuid import UUID

from apiflask import HTTPError, HTTPTokenAuth
from flask import current_app
from structlog.contextvars import bind_contextvars

from o2o.db import Database
from o2o.errors import Forbidden, Unauthorized
from o2o.http import limits
from o2o.http.metrics import Metrics
from o2o.http.uploads import Uploads
from o2o.services import keys, readers
from o2o.services.keys import Actor
from o2o.services.scans import Read
from o2o.settings import Settings


@dataclass(frozen=True, slots=True)
class Service:
    """One application's settings and connections.

    Attributes
    ----------
    uploads : Uploads
        The places for photos on their way in.
    metrics : Metrics
        The figures of this process.
    read_only : bool
        Whether it serves a registry file's private copy, and so keeps nothing.
    """

    settings: Settings
    database: Database
    read: Read
    uploads: Uploads
    metrics: Metrics
    read_only: bool = False


def service() -> Service:
    """Return the current application's."""
    return cast(Service, current_app.extensions["o2o"])


def utc_now() -> datetime:
    """Return the time of the request being answered."""
    return datetime.now(UTC)


auth = HTTPTokenAuth(name="ReaderToken", description="A reader's token, as `POST /v1/readers` gives it.")

key_auth = HTTPTokenAuth(
    name="PublisherKey", description="A publisher's key, as `POST /v1/keys` or `o2o key add` gives it."
)


@auth.verify_token  # type: ignore[untyped-decorator]
def verify_token(token: str) -> UUID | None:
    """Return the ID of the reader whose token came with the request."""
    if not token:
        return None
    with service().database.read() as session:
        found = readers.authenticate(session, token)
    if found is not None:
        limits.recognise()
    return found


@auth.error_processor
def refuse(_error: object) -> NoReturn:
    """Answer a request without a valid token like any other error."""
    raise Unauthorized("send `Authorization: Bearer <token>` with a token that POST /v1/readers gave")


@key_auth.verify_token  # type: ignore[untyped-decorator]
def verify_key(text: str) -> Actor | None:
    """Return who acts with the key that came with the request."""
    if not text:
        return None
    with service().database.read() as session:
        found = keys.authenticate(session, text, now=utc_now())
    if found is not None:
        limits.recognise()
        bind_contextvars(publisher_id=str(found.publisher_id))
    return found


@key_auth.get_user_roles  # type: ignore[untyped-decorator]
def scopes_of(found: Actor) -> list[str]:
    """Return what an actor may do."""
    return list(found.scopes)


@key_auth.error_processor
def refuse_key(error: HTTPError) -> NoReturn:
    """Answer a request without a key, or with one that may not do this, like any other error."""
    if error.status_code == 403:
        raise Forbidden("this key lacks the scope that this takes: ask an owner for one that has it")
    raise Unauthorized("send `Authorization: Bearer <key>` with a key that is valid: an owner makes them")


def actor() -> Actor:
    """Return who is asking; for views that require a key."""
    return cast(Actor, key_auth.current_user)


def publisher_id() -> UUID:
    """Return whom the asker acts for; for views that require a key."""
    return actor().publisher_id


def reader_id() -> UUID:
    """Return the ID of the reader who is asking; for views that require a token."""
    return cast(UUID, auth.current_user)
