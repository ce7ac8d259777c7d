"""The ways in and out: a key, or a link that works once."""

from __future__ import annotations

import re
from typing import Final

from flask import Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from o2o.errors import NotFound, Unauthorized
from o2o.http.admin.access import admin_blueprint, done, set_cookie, visitor
from o2o.http.service import service, utc_now
from o2o.services import sessions

blueprint = admin_blueprint("login", is_public=True)

# Of our own pages only: a link to the login must lead nowhere else.
_ADMIN_PATH: Final = re.compile(r"/admin/[\w/-]*(\?[\w&=.%-]*)?", re.ASCII)


@blueprint.get("/")
def show_start() -> ResponseReturnValue:
    """Lead to what there is to do."""
    return redirect(url_for("admin_campaigns.list_campaigns"), 303)


@blueprint.get("/login")
def show_login() -> ResponseReturnValue:
    """Ask who it is."""
    if visitor() is not None:
        return redirect(_next(), 303)
    return _form()


@blueprint.post("/login")
def log_in_with_key() -> ResponseReturnValue:
    """Exchange a key for a session."""
    try:
        with service().database.begin() as session:
            token = sessions.open_with_key(session, request.form.get("key", "").strip(), now=utc_now())
    except Unauthorized as error:
        return _form(error.detail), error.status
    return _let_in(token)


@blueprint.post("/login-link")
def ask_for_link() -> ResponseReturnValue:
    """Have a link mailed; the answer is the same whether or not the address is known."""
    if not service().settings.smtp_url:
        raise NotFound("this service sends no mail: ask an owner for a link")
    with service().database.begin() as session:
        sessions.ask_for_links(session, request.form.get("email", ""), now=utc_now())
    return done("asked", "admin_login.show_login")


@blueprint.get("/login/<token>")
def show_link(token: str) -> ResponseReturnValue:
    """Ask whether to log in: a mail program that looks at links beforehand uses none up."""
    with service().database.read() as session:
        member = sessions.holder_of_link(session, token, now=utc_now())
    if member is None:
        raise Unauthorized("this link was used before or is too old: ask for another")
    return render_template("admin/login_link.html", name=member.name, email=member.email)


@blueprint.post("/login/<token>")
def log_in_with_link(token: str) -> ResponseReturnValue:
    """Use a link up."""
    with service().database.begin() as session:
        opened = sessions.open_with_link(session, token, now=utc_now())
    return _let_in(opened)


@blueprint.post("/logout")
def log_out() -> ResponseReturnValue:
    """End the session."""
    if found := visitor():
        with service().database.begin() as session:
            sessions.close(session, found.login_id)
    return done("out", "admin_login.show_login")


def _form(error: str | None = None) -> str:
    """The login page."""
    return render_template(
        "admin/login.html",
        error=error,
        next=request.values.get("next", ""),
        sends_mail=bool(service().settings.smtp_url),
    )


def _let_in(token: str) -> Response:
    """Give the browser a session's token and lead on."""
    response = make_response(redirect(_next(), 303))
    set_cookie(response, token)
    return response


def _next() -> str:
    """Where whoever logs in wanted to go."""
    wanted = request.values.get("next", "")
    return wanted if _ADMIN_PATH.fullmatch(wanted) else url_for("admin_campaigns.list_campaigns")
