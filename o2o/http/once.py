"""Requests that are safe to repeat: an ``Idempotency-Key`` gives the first answer again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any, Final, ParamSpec
from uuid import UUID

from flask import Response, current_app, g, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from o2o.errors import InvalidHeader
from o2o.http.service import service, utc_now
from o2o.services import answers
from o2o.services.answers import Answer

P = ParamSpec("P")

KEY: Final = re.compile(r"[!-~]{1,255}")

# Of an answer's headers, those that are part of what it says.
_KEPT_HEADERS: Final = ("Content-Type", "Location", "ETag")

_TRIES: Final = 2
"""Whoever comes second finds the answer of whoever was first."""


def once(
    asker_id: Callable[[], UUID],
) -> Callable[[Callable[P, Any]], Callable[P, ResponseReturnValue]]:
    """Answer a view's request under a key once; to be put on a view above its input and output.

    Parameters
    ----------
    asker_id : callable
        Returns whose key it is.
    """

    def decorate(view: Callable[P, Any]) -> Callable[P, ResponseReturnValue]:
        @wraps(view)
        def answered(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            key = request.headers.get("Idempotency-Key")
            if key is not None and not KEY.fullmatch(key):
                raise InvalidHeader("an Idempotency-Key is 1 to 255 visible ASCII characters")
            if key is None:
                return current_app.make_response(view(*args, **kwargs))
            fingerprint = _fingerprint()
            for last in (attempt == _TRIES - 1 for attempt in range(_TRIES)):
                if stored := _stored(asker_id(), key, fingerprint):
                    return stored
                try:
                    return _kept(lambda: view(*args, **kwargs), asker_id(), key, fingerprint)
                except IntegrityError:
                    if last:
                        raise
            raise AssertionError("the last try returns or raises")

        vars(answered)["answers_once"] = True  # for the API's description
        return answered

    return decorate


@contextmanager
def writing() -> Iterator[Session]:
    """One transaction; under a key it ends with the answer kept, else with the block."""
    own = service()
    stack: ExitStack | None = g.get("answer_stack")
    if stack is None:
        with own.database.begin() as session:
            yield session
        return
    session = stack.enter_context(own.database.begin())
    g.answer_session = session
    yield session


def _kept(view: Callable[[], Any], asker_id: UUID, key: str, fingerprint: bytes) -> Response:
    """Return the view's answer; if it did something, keep the answer in the same transaction."""
    try:
        with ExitStack() as stack:
            g.answer_stack = stack
            response = current_app.make_response(view())
            session: Session | None = g.pop("answer_session", None)
            if session is not None and response.status_code < 300:
                headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
                answer = Answer(response.status_code, response.get_data(as_text=True), headers)
                answers.keep(session, asker_id, key, fingerprint, answer, now=utc_now())
            return response
    finally:
        g.pop("answer_stack", None)
        g.pop("answer_session", None)


def _stored(asker_id: UUID, key: str, fingerprint: bytes) -> Response | None:
    """Return the answer that is kept under a key, if there is one."""
    with service().database.read() as session:
        found = answers.find(session, asker_id, key, fingerprint, now=utc_now())
    if found is None:
        return None
    return Response(found.body, found.status, {**found.headers, "Idempotent-Replay": "true"})


def _fingerprint() -> bytes:
    """Return a digest of what the request asks: not of how a form is cut into parts."""
    asked = request.full_path.removesuffix("?")
    digest = hashlib.sha256(f"{request.method} {asked}\n".encode(errors="surrogatepass"))
    if request.files or request.form:
        for name, value in sorted(request.form.items()):
            digest.update(f"{name}={value}\n".encode(errors="surrogatepass"))
        for name, file in sorted(request.files.items()):
            # In parts: many photos wait at once, and only those being decoded may be in memory.
            content = hashlib.file_digest(file.stream, "sha256")  # type: ignore[arg-type]
            digest.update(f"{name}:{content.hexdigest()}\n".encode())
            file.stream.seek(0)
    else:
        digest.update(request.get_data())
    return digest.digest()
