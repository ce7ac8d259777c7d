"""Who is at work on the admin pages, and whether a form that comes is one of theirs.

One cookie holds a random token and nothing else: there is nothing in it to sign. Before login it is nobody's;
at login another takes its place. Each form carries a token made from the cookie's, which no other site knows.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from functools import wraps
from typing import Any, Final, ParamSpec, cast
from urllib.parse import urlsplit
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import RequestEntityTooLarge

from o2o.errors import Forbidden, ImageTooLarge, O2oError, PreconditionFailed, Unauthorized
from o2o.http import problems
from o2o.http.bodies import discard_body
from o2o.http.pictures import MULTIPART_OVERHEAD_BYTES
from o2o.http.service import service, utc_now
from o2o.roles import Scope
from o2o.services import sessions
from o2o.services.keys import Actor
from o2o.services.sessions import LIFETIME, Visitor

P = ParamSpec("P")

FORM_TOKEN: Final = "form_token"  # noqa: S105  a field's name
MAX_PICTURES: Final = 5
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

SAID: Final = {
    "added": "Added.",
    "saved": "Saved.",
    "unchanged": "Nothing was different, so nothing was changed.",
    "removed": "Removed.",
    "withdrawn": "Withdrawn. Its ID leads to the fallback from now on.",
    "revoked": "The key has ended.",
    "rules": "The rules are set.",
    "out": "You are logged out.",
    "asked": "If that address is a member's, a link is on its way. It works once, for 15 minutes.",
}
"""What a page says of what was just done; by name, so that no link can put words into its mouth."""

FILTERS: Final[dict[str, Callable[..., str]]] = {
    "when": lambda at: f"{at.day} {at:%b %Y, %H:%M} UTC" if at else "",
    "day": lambda day: f"{day.day} {day:%b %Y}" if day else "",
    "count": lambda number: "–" if number is None else f"{number:,}",
    "field_time": lambda at: _field_time(at) if at else "",
}


def _field_time(at: datetime) -> str:
    """Return a time as a date-and-time field holds it: as fine as it is, to the milliseconds it takes."""
    if at.microsecond:
        return at.replace(tzinfo=None).isoformat(timespec="milliseconds")
    return f"{at:%Y-%m-%dT%H:%M:%S}" if at.second else f"{at:%Y-%m-%dT%H:%M}"


def admin_blueprint(name: str, *, is_public: bool = False, takes_pictures: bool = False) -> APIBlueprint:
    """Return a blueprint for admin pages.

    Parameters
    ----------
    is_public : bool, optional
        Whether its pages are for those who aren't logged in, too.
    takes_pictures : bool, optional
        Whether its forms may hold pictures.
    """
    blueprint = APIBlueprint(f"admin_{name}", __name__, enable_openapi=False)

    @blueprint.before_request
    def guard() -> ResponseReturnValue | None:
        return _guard(is_public=is_public, takes_pictures=takes_pictures)

    @blueprint.teardown_request
    def leave(_error: BaseException | None) -> None:
        g.pop("inside", ExitStack()).close()

    blueprint.after_request(_finish)
    blueprint.context_processor(_shared)
    blueprint.register_error_handler(O2oError, _problem)
    blueprint.register_error_handler(StaleDataError, _stale)
    blueprint.register_error_handler(PoolTimeoutError, lambda error: _problem(problems.busy(error)))
    blueprint.register_error_handler(RequestEntityTooLarge, _too_large)
    return blueprint


def needs(scope: Scope) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """Keep a view for those who may do what a scope allows."""

    def decorate(view: Callable[P, Any]) -> Callable[P, Any]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> Any:
            require(scope)
            return view(*args, **kwargs)

        return checked

    return decorate


def require(scope: Scope) -> None:
    """Check that who is at work may do what a scope allows.

    Raises
    ------
    Forbidden
        If they may not.
    """
    if not may(scope):
        raise Forbidden("your role, or the key that you logged in with, doesn't allow this: ask an owner")


def visitor() -> Visitor | None:
    """Return who is at work; None if nobody is logged in."""
    return cast("Visitor | None", g.get("visitor"))


def actor() -> Actor:
    """Return who is at work; for views that aren't public."""
    found = visitor()
    assert found is not None
    return found.actor


def publisher_id() -> UUID:
    """Return whom they work for; for views that aren't public."""
    return actor().publisher_id


def may(scope: str) -> bool:
    """Whether who is at work may do what a scope allows."""
    found = visitor()
    return found is not None and Scope(scope) in found.actor.scopes


def done(said: str, endpoint: str, **values: Any) -> Response:
    """Lead on from a form to a page that says what was done."""
    return cast(Response, redirect(url_for(endpoint, said=said, **values), 303))


def set_cookie(response: Response, token: str) -> None:
    """Have the browser keep a token: no script can read it, no other site's form sends it."""
    response.set_cookie(
        _cookie_name(),
        token,
        max_age=LIFETIME,
        path="/",
        secure=_is_secure(),
        httponly=True,
        samesite="Lax",
    )


def form_token() -> str:
    """Return what this browser's forms must carry."""
    return hmac.new(g.browser_token.encode(), b"a form of the admin pages", hashlib.sha256).hexdigest()


def _guard(*, is_public: bool, takes_pictures: bool) -> ResponseReturnValue | None:
    """Find out who it is; let nobody in who isn't logged in, and no form that isn't theirs."""
    if takes_pictures:
        limit = MAX_PICTURES * service().settings.max_photo_bytes + MULTIPART_OVERHEAD_BYTES
        request.max_content_length = limit
    sent = request.cookies.get(_cookie_name())
    g.browser_token = sent or sessions.new_token()
    g.is_new_browser = sent is None
    g.visitor = _visitor(sent) if sent else None
    is_safe = request.method in _SAFE_METHODS
    if g.visitor is None and not is_public:
        if is_safe:
            here = request.full_path.rstrip("?")
            return redirect(url_for("admin_login.show_login", next=here), 303)
        raise Unauthorized("you aren't logged in any more: log in, then send the form again")
    if not is_safe:
        if takes_pictures:
            _let_in()
        _require_own_form()
    return None


def _let_in() -> None:
    """Hold a place inside, as readers' photos do, for a form that may hold pictures and isn't read yet.

    It is given back when the request ends. A form without pictures waits for nobody.
    """
    size = request.content_length
    if size is None or size > MULTIPART_OVERHEAD_BYTES:
        g.inside = ExitStack()
        g.inside.enter_context(service().uploads.let_in())


def _visitor(token: str) -> Visitor | None:
    """Return who a cookie's token stands for, and note now and then that they are at work."""
    own, now = service(), utc_now()
    with own.database.read() as session:
        found = sessions.who(session, token, now=now)
    if found is not None and not found.was_seen:
        with own.database.begin() as session:
            sessions.see(session, found.login_id, now=now)
    return found


def _require_own_form() -> None:
    """Refuse a form that another site has sent, or that a page of another session had."""
    came_with = request.form.get(FORM_TOKEN, "")
    if not _is_from_here() or not hmac.compare_digest(came_with.encode(), form_token().encode()):
        raise Forbidden("this form is out of date or not one of ours: go back, load the page anew, try again")


def _is_from_here() -> bool:
    """Whether the browser says that a page of ours has sent the request, as far as it says anything."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    ours = {_origin(service().settings.public_url), _origin(request.host_url)}
    return origin is None or origin in ours


def _origin(url: str) -> str:
    """Return an address's origin (RFC 6454)."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _is_secure() -> bool:
    """Whether readers reach the service by https."""
    return service().settings.public_url.startswith("https://")


def _cookie_name() -> str:
    """The prefix has browsers take the cookie from this very host and by https alone (RFC 6265bis)."""
    return "__Host-o2o_admin" if _is_secure() else "o2o_admin"


def _finish(response: Response) -> Response:
    """Keep pages out of caches; send addresses to nobody else, but let forms say that they come from here."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "same-origin"
    if g.get("is_new_browser") and response.status_code < 300:
        set_cookie(response, g.browser_token)
    return response


def _shared() -> dict[str, Any]:
    """What every page's template may ask for."""
    return {
        "visitor": visitor(),
        "may": may,
        "said": SAID.get(request.args.get("said", "")),
    }


def _problem(error: O2oError) -> tuple[str, int, dict[str, str]]:
    """A page for people in place of a problem document."""
    page = render_template("admin/problem.html", title=error.title, detail=error.detail)
    return page, error.status, problems.retry_header(error)


def _stale(_error: StaleDataError) -> tuple[str, int, dict[str, str]]:
    """Two changes at the same moment: the second is told."""
    return _problem(PreconditionFailed("it was changed in the meantime: go back and load the page anew"))


def _too_large(_error: RequestEntityTooLarge) -> tuple[str, int, dict[str, str]]:
    """More was sent than is taken."""
    discard_body()
    return _problem(ImageTooLarge("the form is larger than is taken: choose smaller pictures"))
