"""Edits of what may have changed: an edit says which version it was made to (RFC 9110, 13)."""

from __future__ import annotations

import re
from typing import Final, Protocol

from flask import request

from o2o.errors import InvalidHeader, PreconditionFailed, PreconditionRequired

_TAG: Final = r'(W/)?"[!#-~\x80-\xff]*"'
IF_MATCH: Final = re.compile(rf"(\*|(,[ \t]*)*{_TAG}([ \t]*,([ \t]*{_TAG})?)*)")
"""What the header may hold (RFC 9110, 13.1.1): `*`, or a list in which places may be empty (5.6.1)."""


class Versioned(Protocol):
    """A row whose changes are counted."""

    version: int


def etag(row: Versioned) -> dict[str, str]:
    """Return the header that names a row's version."""
    return {"ETag": f'"{row.version}"'}


def expected_version(row: Versioned) -> int:
    """Return a row's version, if it is one that the request was made to.

    Raises
    ------
    PreconditionRequired
        If the request doesn't say.
    InvalidHeader
        If it says so in another form.
    PreconditionFailed
        If it was made to others; a weak tag is none to make a change by.
    """
    asked = request.headers.get("If-Match")
    if asked is None:
        raise PreconditionRequired(
            "send If-Match with the ETag that you got it with, lest you undo someone's change"
        )
    if not IF_MATCH.fullmatch(asked.strip()):
        raise InvalidHeader("If-Match takes the ETag that it came with, in its quotes, or * for any")
    if str(row.version) not in request.if_match:
        raise PreconditionFailed("it was changed in the meantime: get it anew, then send your change again")
    return row.version
