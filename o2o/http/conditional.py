"""Edits of what may have changed: an edit says which version it was made to (RFC 9110, 13)."""

from __future__ import annotations

from typing import Protocol

from flask import request

from o2o.errors import PreconditionFailed, PreconditionRequired


class Versioned(Protocol):
    """A row whose changes are counted."""

    version: int


def etag(row: Versioned) -> dict[str, str]:
    """Return the header that names a row's version."""
    return {"ETag": f'"{row.version}"'}


def expected_version() -> int:
    """Return the version that the request was made to.

    Raises
    ------
    PreconditionRequired
        If it doesn't say.
    PreconditionFailed
        If it names something that was never a version.
    """
    asked = request.headers.get("If-Match")
    if asked is None:
        raise PreconditionRequired(
            "send If-Match with the ETag that you got it with, lest you undo someone's change"
        )
    version = asked.strip().removeprefix("W/").strip('"')
    if not version.isascii() or not version.isdecimal() or len(version) > 9:
        raise PreconditionFailed("If-Match isn't an ETag of this: get it anew, then send your change again")
    return int(version)
