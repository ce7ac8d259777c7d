"""Edits of what may have changed: an edit says which version it was made to (RFC 9110, 13)."""

from __future__ import annotations

import re
from typing import Final, Protocol

from flask import request

from o2o.errors import InvalidHeader, PreconditionRequired

ETAG: Final = re.compile(r'"[0-9]{1,9}"')


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
    InvalidHeader
        If it names something that was never a version.
    """
    asked = request.headers.get("If-Match")
    if asked is None:
        raise PreconditionRequired(
            "send If-Match with the ETag that you got it with, lest you undo someone's change"
        )
    version = asked.strip()[1:-1]
    if not ETAG.fullmatch(asked.strip()):
        raise InvalidHeader("If-Match takes the ETag that it came with, in its quotes")
    return int(version)
