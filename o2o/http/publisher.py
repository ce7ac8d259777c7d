"""The publisher that a key acts for, its members and their keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint

from o2o.http.access_schemas import (
    Key,
    KeyFields,
    KeyPage,
    MemberChanges,
    MemberFields,
    MemberPage,
    NewKey,
    PublisherFields,
    RotationFields,
)
from o2o.http.access_schemas import Member as MemberOut
from o2o.http.access_schemas import Publisher as PublisherOut
from o2o.http.conditional import etag, expected_version
from o2o.http.once import once, writing
from o2o.http.registry_schemas import PageQuery
from o2o.http.service import actor, key_auth, publisher_id, service, utc_now
from o2o.models import ApiKey, Member, Publisher
from o2o.roles import Role, Scope
from o2o.services import keys, members, publishers
from o2o.services.keys import IssuedKey
from o2o.services.paging import Page

blueprint = APIBlueprint("publisher", __name__, tag="Publisher")

Answer = tuple[Any, int, dict[str, str]]


@blueprint.get("/publisher")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_READ])
@blueprint.output(PublisherOut)
def show_publisher() -> Answer:
    """Show the publisher that the key acts for."""
    with service().database.read() as session:
        found = publishers.get(session, publisher_id())
        return found, 200, etag(found)


@blueprint.put("/publisher")
@blueprint.auth_required(key_auth, roles=[Scope.TEAM_WRITE])
@blueprint.input(PublisherFields, arg_name="wanted")
@blueprint.output(PublisherOut)
@blueprint.doc(responses=[412, 415, 428])
def change_publisher(wanted: dict[str, Any]) -> Answer:
    """Change the publisher's name, and how long photos are kept."""
    with writing() as session:
        found: Publisher = publishers.get(session, publisher_id())
        publishers.edit(session, found, version=expected_version(found), now=utc_now(), **wanted)
        return found, 200, etag(found)


@blueprint.get("/members")
@blueprint.auth_required(key_auth, roles=[Scope.TEAM_WRITE])
@blueprint.input(PageQuery, location="query", arg_name="wanted")
@blueprint.output(MemberPage)
def list_members(wanted: dict[str, Any]) -> Page[Member]:
    """List the members, the newest first."""
    with service().database.read() as session:
        return members.page(session, publisher_id(), **wanted)


@blueprint.post("/members")
@blueprint.auth_required(key_auth, roles=[Scope.TEAM_WRITE])
@once(publisher_id)
@blueprint.input(MemberFields, arg_name="wanted")
@blueprint.output(MemberOut, status_code=201)
@blueprint.doc(responses=[409, 415])
def add_member(wanted: dict[str, Any]) -> Answer:
    """Take someone in, or back in."""
    role = Role(wanted["role"])
    with writing() as session:
        added = members.add(session, publisher_id(), **wanted | {"role": role}, now=utc_now())
        return added, 201, {"Location": f"/v1/members/{added.id}", **etag(added)}


@blueprint.get("/members/<uuid:member_id>")
@blueprint.auth_required(key_auth, roles=[Scope.TEAM_WRITE])
@blueprint.output(MemberOut)
def show_member(member_id: UUID) -> Answer:
    """Show a member."""
    with service().database.read() as session:
        found = members.get(session, publisher_id(), member_id)
        return found, 200, etag(found)


@blueprint.patch("/members/<uuid:member_id>")
@blueprint.auth_required(key_auth, roles=[Scope.TEAM_WRITE])
@blueprint.input(MemberChanges, arg_name="wanted")
@blueprint.output(MemberOut)
@blueprint.doc(responses=[409, 412, 415, 428])
def change_member(member_id: UUID, wanted: dict[str, Any]) -> Answer:
    """Change a member's name or role; their keys follow at once."""
    if "role" in wanted:
        wanted["role"] = Role(wanted["role"])
    with writing() as session:
        found = members.get(session, publisher_id(), member_id)
        members.change(session, publisher_id(), member_id, version=expected_version(found), **wanted)
        return found, 200, etag(found)


@blueprint.delete("/members/<uuid:member_id>")
@blueprint.auth_required(key_auth, roles=[Scope.TEAM_WRITE])
@blueprint.output({}, status_code=204)
@blueprint.doc(responses=[409, 412, 428])
def remove_member(member_id: UUID) -> str:
    """Let a member go; their keys end with it."""
    with writing() as session:
        found = members.get(session, publisher_id(), member_id)
        members.remove(session, publisher_id(), member_id, version=expected_version(found), now=utc_now())
    return ""


@blueprint.get("/keys")
@blueprint.auth_required(key_auth, roles=[Scope.TEAM_WRITE])
@blueprint.input(PageQuery, location="query", arg_name="wanted")
@blueprint.output(KeyPage)
def list_keys(wanted: dict[str, Any]) -> Page[Any]:
    """List all keys, the newest first, those that have ended too."""
    with service().database.read() as session:
        return keys.page(session, publisher_id(), **wanted).map(lambda each: _shown(each, utc_now()))


@blueprint.post("/keys")
@blueprint.auth_required(key_auth, roles=[Scope.TEAM_WRITE])
@blueprint.input(KeyFields, arg_name="wanted")
@blueprint.output(NewKey, status_code=201)
@blueprint.doc(responses=[404, 415])
def add_key(wanted: dict[str, Any]) -> Answer:
    """Make a key.

    Its text is shown this once and nowhere kept: so that a repeated request makes another key.
    """
    now, days = utc_now(), wanted["expires_in_days"]
    with writing() as session:
        issued = keys.issue(
            session,
            members.get(session, publisher_id(), wanted["member_id"] or actor().member_id),
            label=wanted["label"],
            scopes={Scope(scope) for scope in wanted["scopes"]},
            now=now,
            expires_at=now + timedelta(days=days) if days else None,
        )
        return _new(issued, now)


@blueprint.get("/keys/<uuid:key_id>")
@blueprint.auth_required(key_auth, roles=[Scope.TEAM_WRITE])
@blueprint.output(Key)
def show_key(key_id: UUID) -> dict[str, Any]:
    """Show a key, without its secret."""
    with service().database.read() as session:
        return _shown(keys.get(session, publisher_id(), key_id), utc_now())


@blueprint.post("/keys/<uuid:key_id>/rotation")
@blueprint.auth_required(key_auth, roles=[Scope.TEAM_WRITE])
@blueprint.input(RotationFields, arg_name="wanted")
@blueprint.output(NewKey, status_code=201)
@blueprint.doc(responses=[409, 415])
def rotate_key(key_id: UUID, wanted: dict[str, Any]) -> Answer:
    """Make a key like this one, which then ends after an overlap."""
    now, overlap = utc_now(), timedelta(hours=wanted["overlap_hours"])
    with writing() as session:
        return _new(keys.rotate(session, publisher_id(), key_id, overlap=overlap, now=now), now)


@blueprint.delete("/keys/<uuid:key_id>")
@blueprint.auth_required(key_auth, roles=[Scope.TEAM_WRITE])
@blueprint.output({}, status_code=204)
def revoke_key(key_id: UUID) -> str:
    """End a key at once."""
    with writing() as session:
        keys.revoke(session, publisher_id(), key_id, now=utc_now())
    return ""


def _new(issued: IssuedKey, now: datetime) -> Answer:
    """Return a key as it is shown this once."""
    shown = _shown(issued.key, now) | {"key": issued.text}
    return shown, 201, {"Location": f"/v1/keys/{issued.key.id}"}


def _shown(key: ApiKey, now: datetime) -> dict[str, Any]:
    """Return a key as `Key` has it."""
    names = ("id", "member_id", "public_id", "label", "scopes", "created_at", "expires_at", "revoked_at")
    return {name: getattr(key, name) for name in names} | {"is_valid": keys.is_valid(key, now)}
