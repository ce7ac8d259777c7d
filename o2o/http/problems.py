"""Errors as problem documents (RFC 9457): every one, mapped in this one place."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from json import JSONDecodeError
from typing import Any

import structlog
from apiflask import APIFlask, HTTPError
from flask import Response, json, request
from marshmallow.exceptions import SCHEMA
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError

from o2o.errors import (
    Busy,
    Fault,
    InvalidRequest,
    O2oError,
    Passing,
    PreconditionFailed,
    TooManyRequests,
    Unauthorized,
    pointer_part,
)
from o2o.http.bodies import discard_body
from o2o.http.requests import request_id

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 1000
"""Faults that one answer lists; its detail says how many there are."""

BUSY_RETRY_S = 5
"""When to come back to a database whose connections were all in use; who waited for one came by chance."""

_log = structlog.get_logger()


def register(app: APIFlask) -> None:
    """Have an application answer all its errors with problem documents."""
    app.register_error_handler(O2oError, answer)
    app.register_error_handler(StaleDataError, _stale)
    app.register_error_handler(PoolTimeoutError, lambda error: answer(busy(error)))
    app.register_error_handler(RecursionError, _too_deep)
    app.register_error_handler(Exception, _unexpected)
    app.error_processor(_http)


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return a problem document.

    Its type is a fragment of the documentation page, where the problem is explained.
    """
    document: dict[str, Any] = {
        "type": f"/docs#{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id(),
    }
    if errors:
        document["errors"] = errors
    # In ASCII: what a request is blamed for may be text that UTF-8 can't hold.
    return Response(json.dumps(document), status, headers=headers, content_type=MEDIA_TYPE)


def answer(error: O2oError) -> Response:
    """Return the problem document of one of our own errors."""
    headers = retry_header(error)
    if error.status >= 500 and not headers:
        _log.error("request failed", code=error.code, detail=error.detail)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, Unauthorized | TooManyRequests):
        discard_body()  # It may be a photo.
    faults = error.faults if isinstance(error, InvalidRequest) else ()
    errors = [{"pointer": f"/{fault.field}", "detail": fault.detail} for fault in faults[:MOST_ERRORS]]
    return problem(error.status, error.code, error.title, error.detail, errors=errors, headers=headers)


def retry_header(error: O2oError) -> dict[str, str]:
    """Return the header that says when to come back, for errors that pass."""
    if isinstance(error, Passing):
        return {"Retry-After": str(error.retry_after_s)}
    return {}


def busy(_error: PoolTimeoutError) -> Busy:
    """Return what it means for a request that no connection to the database got free in time."""
    _log.warning("no connection to the database got free")
    discard_body()  # It may be a photo.
    return Busy(
        "many requests are under way: send this one again when Retry-After says", retry_after_s=BUSY_RETRY_S
    )


def _stale(_error: StaleDataError) -> Response:
    """Two edits of one version at the same moment: the second is told, as if it had come later."""
    return answer(
        PreconditionFailed("it was changed in the meantime: get it anew, then send your change again")
    )


def _too_deep(_error: RecursionError) -> Response:
    """JSON in JSON in JSON: no parser goes on for ever."""
    return problem(400, "bad-request", "Bad Request", _ADVICE[400])


def _http(error: HTTPError) -> Response:
    """Errors of Flask's own, and those found when a request was held against its schema."""
    errors = _pointers(error.detail) if isinstance(error.detail, dict) else []
    if errors and (taken := _type_to_send(error.detail)):
        sent = request.mimetype or "no stated type"
        detail = f"the body is {taken} here, not {sent}: send it with its Content-Type"
        phrase = HTTPStatus.UNSUPPORTED_MEDIA_TYPE.phrase
        return problem(415, "unsupported-media-type", phrase, detail)
    if errors:
        # What is wrong with a header is wrong with the request's form, not with its content.
        status = 400 if "headers" in error.detail else error.status_code
        detail = "; ".join(f"{e['pointer']}: {e['detail']}" for e in errors)
        return problem(status, "invalid-request", "The request isn't as described", detail, errors=errors)
    status = HTTPStatus(error.status_code)
    if status == 413:
        discard_body()
    headers = {
        name: str(value)
        for name, value in dict(error.headers or {}).items()
        if name.lower() in {"allow", "retry-after"}
    }
    code = "request-too-large" if status == 413 else status.phrase.lower().replace(" ", "-")
    advice = _ADVICE.get(status, status.description)
    if status == 413 and request.max_content_length:
        advice = f"more than {request.max_content_length:,} bytes aren't taken here: send a smaller file"
    if status == 400 and request.is_json:
        advice = _fault_of_json() or advice
    return problem(status, code, status.phrase, advice, headers=headers)


def _fault_of_json() -> str | None:
    """Say where the body stops being JSON; None if it is some."""
    try:
        json.loads(request.get_data())
    except JSONDecodeError as error:
        return f"the body isn't JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    except (UnicodeDecodeError, RecursionError):
        return "the body isn't JSON in UTF-8"
    return None


def _type_to_send(detail: dict[str, Any]) -> str | None:
    """The media type of a body in which nothing was found as it came with another; None if none came."""
    if not (request.mimetype or request.content_length):
        return None
    if "json" in detail and not request.is_json:
        return "application/json"
    if {"files", "form_and_files"} & detail.keys() and request.mimetype != "multipart/form-data":
        return "multipart/form-data"
    return None


_ADVICE = {
    400: "the request can't be parsed: see /docs for its form",
    404: "nothing is here: see /docs for what there is",
    405: "this address takes other methods: the Allow header lists them",
    413: "the request is larger than is taken: send a smaller file",
    415: "this address takes another media type: see /docs",
}


def _unexpected(error: Exception) -> Response:
    _log.error("request failed", exc_info=error)
    return problem(500, O2oError.code, O2oError.title, "it is logged: try again later")


def _pointers(detail: dict[str, Any]) -> list[dict[str, str]]:
    """Flatten ``{location: {field: [message]}}`` to pointers into the request."""
    return [
        {"pointer": f"/{fault.field}", "detail": fault.detail}
        for fields in detail.values()
        for fault in faults_of(fields)
    ]


def faults_of(messages: Any, place: str = "") -> Iterator[Fault]:
    """Yield what a schema found, ``{field: [message]}`` with fields in fields, as faults."""
    if isinstance(messages, dict):
        for field, inner in messages.items():
            part = "" if field == SCHEMA else pointer_part(str(field))
            yield from faults_of(inner, f"{place}/{part}" if place and part else part or place)
        return
    for message in messages if isinstance(messages, list) else [messages]:
        yield Fault(place, _uncapitalized(str(message).removesuffix(".")))


def _uncapitalized(sentence: str) -> str:
    """Return a sentence as it goes on after a colon; words of capitals stay so."""
    return sentence if sentence[1:2].isupper() else sentence[:1].lower() + sentence[1:]
