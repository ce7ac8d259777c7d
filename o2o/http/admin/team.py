"""The publisher itself, its members and their keys: an owner's pages."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from o2o.errors import InvalidRequest, NotFound
from o2o.http.access_schemas import KeyFields, MemberFields, PublisherFields, RotationFields
from o2o.http.admin import forms
from o2o.http.admin.access import actor, admin_blueprint, done, needs, publisher_id
from o2o.http.admin.forms import Errors
from o2o.http.service import service, utc_now
from o2o.models import ApiKey, Member, Publisher
from o2o.roles import Role, Scope
from o2o.services import keys, members, publishers, sessions
from o2o.services.keys import IssuedKey
from o2o.services.paging import Page

blueprint = admin_blueprint("team")

PAGE_LENGTH: Final = 50

SCOPES: Final = {
    Scope.REGISTRY_READ: "See campaigns, pictures and destinations",
    Scope.REGISTRY_WRITE: "Change them",
    Scope.ANALYTICS_READ: "See analytics",
    Scope.TEAM_WRITE: "Change publisher, members and keys",
}

_MEMBER: Final[dict[str, forms.Convert]] = {"email": forms.text, "name": forms.text, "role": forms.text}
_PUBLISHER: Final[dict[str, forms.Convert]] = {"name": forms.text, "keep_photos_days": forms.whole}
_KEY: Final[dict[str, forms.Convert]] = {
    "label": forms.text,
    "expires_in_days": forms.whole,
    "member_id": forms.optional,
}


@blueprint.get("/team")
@needs(Scope.TEAM_WRITE)
def show_team() -> str:
    """Show the publisher, its members and their keys."""
    return _page()


@blueprint.post("/team/publisher")
@needs(Scope.TEAM_WRITE)
def change_publisher() -> ResponseReturnValue:
    """Change the publisher's name, and how long photos are kept."""
    errors = Errors()
    wanted = errors.load(PublisherFields, forms.typed(_PUBLISHER))
    if not errors:
        with errors.caught(), service().database.begin() as session:
            found: Publisher = publishers.get(session, publisher_id())
            publishers.edit(session, found, version=forms.version(), now=utc_now(), **wanted)
    return _answer("saved", "publisher", errors)


@blueprint.post("/team/members")
@needs(Scope.TEAM_WRITE)
def add_member() -> ResponseReturnValue:
    """Take someone in."""
    errors = Errors()
    wanted = errors.load(MemberFields, forms.typed(_MEMBER))
    if not errors:
        with errors.caught(), service().database.begin() as session:
            role = Role(wanted["role"])
            members.add(session, publisher_id(), **wanted | {"role": role}, now=utc_now())
    return _answer("added", "member", errors)


@blueprint.post("/team/members/<uuid:member_id>/role")
@needs(Scope.TEAM_WRITE)
def change_role(member_id: UUID) -> ResponseReturnValue:
    """Give a member another role."""
    try:
        role = Role(request.form.get("role", ""))
    except ValueError as error:
        raise InvalidRequest("choose a role from the list", field="role") from error
    with service().database.begin() as session:
        members.change(session, publisher_id(), member_id, version=forms.version(), role=role)
    return done("saved", "admin_team.show_team")


@blueprint.post("/team/members/<uuid:member_id>/remove")
@needs(Scope.TEAM_WRITE)
def remove_member(member_id: UUID) -> ResponseReturnValue:
    """Let a member go."""
    with service().database.begin() as session:
        members.remove(session, publisher_id(), member_id, version=forms.version(), now=utc_now())
    return done("removed", "admin_team.show_team")


@blueprint.post("/team/members/<uuid:member_id>/login-link")
@needs(Scope.TEAM_WRITE)
def issue_link(member_id: UUID) -> str:
    """Make a link that logs a member in, to be handed over; it is shown this once."""
    with service().database.begin() as session:
        name = members.get(session, publisher_id(), member_id).name
        token = sessions.issue_link(session, publisher_id(), member_id, now=utc_now())
    link = f"{service().settings.public_url}/admin/login/{token}"
    return render_template("admin/secret.html", kind="link", secret=link, name=name)


@blueprint.post("/team/keys")
@needs(Scope.TEAM_WRITE)
def add_key() -> ResponseReturnValue:
    """Make a key, and show it this once."""
    errors, now = Errors(), utc_now()
    wanted = errors.load(KeyFields, forms.typed(_KEY) | {"scopes": request.form.getlist("scopes")})
    if not errors and wanted["member_id"] is None:
        errors.by_field["member_id"] = "Choose whose key it is."
    if not errors:
        days = wanted["expires_in_days"]
        with errors.caught(), service().database.begin() as session:
            issued = keys.issue(
                session,
                members.get(session, publisher_id(), wanted["member_id"]),
                label=wanted["label"],
                scopes={Scope(scope) for scope in wanted["scopes"]},
                now=now,
                expires_at=now + timedelta(days=days) if days else None,
            )
            return _secret(issued)
    return _answer("added", "key", errors)


@blueprint.post("/team/keys/<uuid:key_id>/rotate")
@needs(Scope.TEAM_WRITE)
def rotate_key(key_id: UUID) -> ResponseReturnValue:
    """Make a key like this one, which then ends after an overlap; show the new one this once."""
    errors = Errors()
    raw = {"overlap_hours": forms.whole(request.form.get("overlap_hours", ""))}
    wanted = errors.load(RotationFields, raw)
    if errors:
        raise InvalidRequest("the overlap is 0 to 720 hours", field="overlap_hours")
    overlap = timedelta(hours=wanted["overlap_hours"])
    with service().database.begin() as session:
        return _secret(keys.rotate(session, publisher_id(), key_id, overlap=overlap, now=utc_now()))


@blueprint.post("/team/keys/<uuid:key_id>/revoke")
@needs(Scope.TEAM_WRITE)
def revoke_key(key_id: UUID) -> ResponseReturnValue:
    """End a key, and the sessions that it opened, at once."""
    with service().database.begin() as session:
        keys.revoke(session, publisher_id(), key_id, now=utc_now())
    return done("revoked", "admin_team.show_team")


def _secret(issued: IssuedKey) -> str:
    """Show a new key."""
    return render_template("admin/secret.html", kind="key", secret=issued.text, name=issued.key.label)


def _answer(said: str, form: str, errors: Errors) -> ResponseReturnValue:
    """Lead back to the page; or show it with what is wrong with one of its forms."""
    if not errors:
        return done(said, "admin_team.show_team")
    return _page(form, errors.by_field), 422


def _page(form: str = "", errors: dict[str, str] | None = None) -> str:
    """The page, with what was typed into one of its forms."""
    now = utc_now()
    typed: dict[str, Any] = request.form.to_dict() | {"scopes": request.form.getlist("scopes")}
    with service().database.read() as session:
        publisher = publishers.get(session, publisher_id())
        found = members.page(session, publisher_id(), limit=PAGE_LENGTH, cursor=request.args.get("members"))
        return render_template(
            "admin/team.html",
            publisher=publisher,
            members=found,
            member_options=_holders(session, found.items, typed.get("member_id", "")),
            keys=_keys(session, now),
            roles=list(Role),
            scopes=SCOPES,
            form=form,
            typed=typed,
            errors=errors or {},
        )


def _holders(session: Session, listed: Sequence[Member], chosen: str) -> list[tuple[UUID, str]]:
    """Return whose a new key may be: those on the page, who is at work, and who was chosen."""
    options = {each.id: each.name for each in listed}
    for each in (str(actor().member_id), chosen):
        with suppress(ValueError, NotFound):
            member = members.get(session, publisher_id(), UUID(each))
            options[member.id] = member.name
    return list(options.items())


def _keys(session: Session, now: datetime) -> Page[tuple[ApiKey, bool]]:
    """Return a page of the keys, each with whether it is valid."""
    found = keys.page(session, publisher_id(), limit=PAGE_LENGTH, cursor=request.args.get("keys"))
    return found.map(lambda key: (key, keys.is_valid(key, now)))
