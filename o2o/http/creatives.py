"""Creatives, the rules that lead from them, and a dry run of those."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from apiflask import APIBlueprint
from sqlalchemy.orm import Session

from o2o.http.conditional import etag, expected_version
from o2o.http.once import once, writing
from o2o.http.registry_schemas import Creative as CreativeOut
from o2o.http.registry_schemas import (
    CreativeFields,
    CreativePage,
    CreativeQuery,
    DryRun,
    DryRunQuery,
    PageQuery,
    RuleList,
    RuleRevisionPage,
)
from o2o.http.service import actor, key_auth, publisher_id, service, utc_now
from o2o.models import Creative, Rule
from o2o.roles import Scope
from o2o.services import contents, creatives, routing, rules
from o2o.services.contents import Asker
from o2o.services.creatives import Particulars
from o2o.services.paging import Page
from o2o.services.routing import Device
from o2o.services.rules import Revision

blueprint = APIBlueprint("creatives", __name__, tag="Creatives")

Answer = tuple[Any, int, dict[str, str]]


@blueprint.get("/creatives")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_READ])
@blueprint.input(CreativeQuery, location="query", arg_name="wanted")
@blueprint.output(CreativePage)
def list_creatives(wanted: dict[str, Any]) -> Page[Creative]:
    """List the creatives, the newest first."""
    asked = {"page_number": wanted.pop("page"), **wanted}
    with service().database.read() as session:
        return creatives.page(session, publisher_id(), **asked)


@blueprint.post("/creatives")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_WRITE])
@once(publisher_id)
@blueprint.input(CreativeFields, arg_name="wanted")
@blueprint.output(CreativeOut, status_code=201)
@blueprint.doc(responses=[404, 409, 415])
def add_creative(wanted: dict[str, Any]) -> Answer:
    """Register a picture and draw the ID to mark it with."""
    with writing() as session:
        added = creatives.add(
            session, publisher_id(), Particulars(**wanted), draw=secrets.randbits, now=utc_now()
        )
        location = f"/v1/creatives/{creatives.format_id(added.watermark_id)}"
        return added, 201, {"Location": location, **etag(added)}


@blueprint.get("/creatives/<watermark_id:watermark_id>")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_READ])
@blueprint.output(CreativeOut)
def show_creative(watermark_id: int) -> Answer:
    """Show a creative."""
    with service().database.read() as session:
        found = creatives.get(session, publisher_id(), watermark_id, withdrawn_too=True)
        return found, 200, etag(found)


@blueprint.patch("/creatives/<watermark_id:watermark_id>")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_WRITE])
@blueprint.input(CreativeFields(partial=True), arg_name="wanted")
@blueprint.output(CreativeOut)
@blueprint.doc(responses=[412, 415, 428])
def change_creative(watermark_id: int, wanted: dict[str, Any]) -> Answer:
    """Change some particulars of a creative; its ID stays."""
    with writing() as session:
        found = creatives.get(session, publisher_id(), watermark_id)
        creatives.edit(session, found, wanted, version=expected_version(found), now=utc_now())
        return found, 200, etag(found)


@blueprint.delete("/creatives/<watermark_id:watermark_id>")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_WRITE])
@blueprint.output({}, status_code=204)
@blueprint.doc(responses=[412, 428])
def withdraw_creative(watermark_id: int) -> str:
    """Withdraw a creative.

    Print can't be taken back: the ID is never given again, and leads to the campaign's or the publisher's
    fallback.
    """
    with writing() as session:
        found = creatives.get(session, publisher_id(), watermark_id)
        creatives.withdraw(session, found, version=expected_version(found), now=utc_now())
    return ""


@blueprint.get("/creatives/<watermark_id:watermark_id>/rules")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_READ])
@blueprint.output(RuleList)
def show_rules(watermark_id: int) -> Answer:
    """Show which destination is whose: the first rule that holds wins."""
    with service().database.read() as session:
        found = creatives.get(session, publisher_id(), watermark_id, withdrawn_too=True)
        return {"rules": rules.of_creative(session, found.id)}, 200, etag(found)


@blueprint.put("/creatives/<watermark_id:watermark_id>/rules")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_WRITE])
@blueprint.input(RuleList, arg_name="wanted")
@blueprint.output(RuleList)
@blueprint.doc(responses=[412, 415, 428])
def set_rules(watermark_id: int, wanted: dict[str, Any]) -> Answer:
    """Put other rules in place of all of a creative's; the ETag is the creative's."""
    others = [Rule(**each) for each in wanted["rules"]]
    with writing() as session:
        found = creatives.get(session, publisher_id(), watermark_id)
        rules.replace(session, found, others, version=expected_version(found), by=actor().name, now=utc_now())
        return {"rules": rules.of_creative(session, found.id)}, 200, etag(found)


@blueprint.get("/creatives/<watermark_id:watermark_id>/rules/revisions")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_READ])
@blueprint.input(PageQuery, location="query", arg_name="wanted")
@blueprint.output(RuleRevisionPage)
def list_rule_revisions(watermark_id: int, wanted: dict[str, Any]) -> Page[Revision]:
    """List all lists of rules that a creative has had and who made them, the newest first."""
    with service().database.read() as session:
        found = creatives.get(session, publisher_id(), watermark_id, withdrawn_too=True)
        return rules.history(session, found, **wanted)


@blueprint.get("/creatives/<watermark_id:watermark_id>/dry-run")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_READ])
@blueprint.input(DryRunQuery, location="query", arg_name="wanted")
@blueprint.output(DryRun)
def dry_run(watermark_id: int, wanted: dict[str, Any]) -> dict[str, Any]:
    """Tell what a reader would get, and why; nothing is counted."""
    with service().database.read() as session:
        found = creatives.get(session, publisher_id(), watermark_id, withdrawn_too=True)
        return tried(session, found, wanted)


def tried(session: Session, creative: Creative, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `DryRun` describes, for whom a `DryRunQuery` has the reader taken for."""
    language, now = wanted["language"], wanted["at"] or utc_now()
    asker = Asker(None, wanted["country"], (language,) if language else (), Device(wanted["device"]))
    asked = {"scans": wanted["scans"], "bucket": wanted["bucket"]}
    choices = contents.choices_of(session, [creative])[creative.id]
    route = routing.route(choices, contents.visit(session, choices, asker, now=now, **asked))
    return {"content": contents.content(creative, route), "steps": route.steps}
