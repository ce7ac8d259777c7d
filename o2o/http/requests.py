"""What every request has: an ID, a clock, and one line in the log that tells nothing private."""

from __future__ import annotations

import re
import time
from typing import Final
from uuid import uuid4

import structlog
from apiflask import APIFlask
from flask import Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars

HEADER: Final = "X-Request-Id"

_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
"""Of an ID that a proxy or client has given: nothing that could break a log line or an answer."""

_log = structlog.get_logger()


def register(app: APIFlask) -> None:
    """Give an application's requests an ID and a line in the log; before all else that looks at requests."""
    app.before_request(_begin)
    app.after_request(_finish)  # What is registered first comes last here.


def request_id() -> str:
    """Return the ID of the request being answered."""
    found: str = g.request_id
    return found


def elapsed_s() -> float:
    """Return how long the request has taken so far."""
    taken: float = time.perf_counter() - g.started_s
    return taken


def route() -> str | None:
    """Return the rule that the request's address follows: an ID of a board is all that protects it."""
    return request.url_rule.rule if request.url_rule else None


def _begin() -> None:
    g.started_s = time.perf_counter()
    given = request.headers.get(HEADER, "")
    g.request_id = given if _WELL_FORMED.fullmatch(given) else uuid4().hex
    clear_contextvars()  # The thread has answered others before.
    bind_contextvars(request_id=g.request_id)


def _finish(response: Response) -> Response:
    response.headers[HEADER] = request_id()
    _log.info(
        "request",
        method=request.method,
        route=route(),
        status=response.status_code,
        ms=round(1000 * elapsed_s(), 1),
    )
    return response
