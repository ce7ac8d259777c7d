"""Destinations: of creatives, and the fallbacks of campaigns and of the publisher."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from sqlalchemy.orm import Session

from o2o.errors import NotFound
from o2o.http.conditional import etag, expected_version
from o2o.http.once import once, writing
from o2o.http.pictures import require_stored
from o2o.http.registry_schemas import Destination as DestinationOut
from o2o.http.registry_schemas import DestinationFields, DestinationList, PageQuery, RevisionPage
from o2o.http.service import actor, key_auth, publisher_id, service, utc_now
from o2o.models import Creative, Destination, DestinationRevision, DestinationState
from o2o.roles import Scope
from o2o.services import campaigns, creatives, destinations, routing
from o2o.services.destinations import Draft, Owner
from o2o.services.paging import Page

blueprint = APIBlueprint("destinations", __name__, tag="Destinations")

Answer = tuple[Any, int, dict[str, str]]


@blueprint.get("/creatives/<watermark_id:watermark_id>/destinations")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_READ])
@blueprint.output(DestinationList)
def list_destinations(watermark_id: int) -> dict[str, Any]:
    """List a creative's destinations, the oldest first."""
    with service().database.read() as session:
        creative = creatives.get(session, publisher_id(), watermark_id)
        found = destinations.of_creative(session, creative.id)
        return {"items": [_shown(each, creative) for each in found]}


@blueprint.post("/creatives/<watermark_id:watermark_id>/destinations")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_WRITE])
@once(publisher_id)
@blueprint.input(DestinationFields, arg_name="wanted")
@blueprint.output(DestinationOut, status_code=201)
@blueprint.doc(responses=[409, 415])
def add_destination(watermark_id: int, wanted: dict[str, Any]) -> Answer:
    """Add a destination to a creative."""
    with writing() as session:
        creative = creatives.get(session, publisher_id(), watermark_id)
        owner = Owner(publisher_id(), creative_id=creative.id)
        added = destinations.add(session, owner, _draft(wanted), by=actor().name, now=utc_now())
        return _shown(added, creative), 201, {"Location": f"/v1/destinations/{added.id}", **etag(added)}


@blueprint.get("/destinations/<uuid:destination_id>")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_READ])
@blueprint.output(DestinationOut)
def show_destination(destination_id: UUID) -> Answer:
    """Show a destination."""
    with service().database.read() as session:
        found = destinations.get(session, publisher_id(), destination_id)
        return _shown(found, _creative(session, found)), 200, etag(found)


@blueprint.patch("/destinations/<uuid:destination_id>")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_WRITE])
@blueprint.input(DestinationFields(partial=True), arg_name="wanted")
@blueprint.output(DestinationOut)
@blueprint.doc(responses=[412, 415, 428])
def change_destination(destination_id: UUID, wanted: dict[str, Any]) -> Answer:
    """Change some fields of a destination, before print and after; what it was is kept."""
    with writing() as session:
        found = destinations.get(session, publisher_id(), destination_id)
        destinations.edit(
            session, found, _typed(wanted), version=expected_version(found), by=actor().name, now=utc_now()
        )
        return _shown(found, _creative(session, found)), 200, etag(found)


@blueprint.get("/destinations/<uuid:destination_id>/revisions")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_READ])
@blueprint.input(PageQuery, location="query", arg_name="wanted")
@blueprint.output(RevisionPage)
def list_revisions(destination_id: UUID, wanted: dict[str, Any]) -> Page[DestinationRevision]:
    """List all versions of a destination and who made them, the newest first."""
    with service().database.read() as session:
        found = destinations.get(session, publisher_id(), destination_id)
        return destinations.history(session, found, **wanted)


@blueprint.get("/fallback")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_READ])
@blueprint.output(DestinationOut)
@blueprint.doc(responses=[404])
def show_fallback() -> Answer:
    """Show the publisher's fallback."""
    return _fallback(Owner(publisher_id()))


@blueprint.post("/fallback")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_WRITE])
@once(publisher_id)
@blueprint.input(DestinationFields, arg_name="wanted")
@blueprint.output(DestinationOut, status_code=201)
@blueprint.doc(responses=[404, 409, 415])
def add_fallback(wanted: dict[str, Any]) -> Answer:
    """Add the publisher's fallback: what all its pictures lead to that have nothing else."""
    with writing() as session:
        return _added(session, Owner(publisher_id()), wanted)


@blueprint.get("/campaigns/<uuid:campaign_id>/fallback")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_READ])
@blueprint.output(DestinationOut)
def show_campaign_fallback(campaign_id: UUID) -> Answer:
    """Show a campaign's fallback."""
    return _fallback(Owner(publisher_id(), campaign_id=campaign_id))


@blueprint.post("/campaigns/<uuid:campaign_id>/fallback")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_WRITE])
@once(publisher_id)
@blueprint.input(DestinationFields, arg_name="wanted")
@blueprint.output(DestinationOut, status_code=201)
@blueprint.doc(responses=[409, 415])
def add_campaign_fallback(campaign_id: UUID, wanted: dict[str, Any]) -> Answer:
    """Add a campaign's fallback: what its pictures lead to that have nothing else."""
    with writing() as session:
        campaigns.get(session, publisher_id(), campaign_id)
        return _added(session, Owner(publisher_id(), campaign_id=campaign_id), wanted)


def _fallback(owner: Owner) -> Answer:
    """Return a fallback as it is shown."""
    with service().database.read() as session:
        found = destinations.fallback(session, owner)
        if found is None:
            raise NotFound("there is no fallback: POST one")
        return _shown(found, None), 200, etag(found)


def _added(session: Session, owner: Owner, wanted: dict[str, Any]) -> Answer:
    """Add a fallback, and return it as it is shown."""
    added = destinations.add(session, owner, _draft(wanted), by=actor().name, now=utc_now())
    return _shown(added, None), 201, {"Location": f"/v1/destinations/{added.id}", **etag(added)}


def _draft(wanted: dict[str, Any]) -> Draft:
    """Return a whole body as a draft."""
    return Draft(**_typed(wanted))


def _typed(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return a body's fields as a draft has them, if its pictures are there."""
    typed: dict[str, Any] = dict(wanted)
    if "state" in typed:
        typed["state"] = DestinationState(typed["state"])
    if "images" in typed:
        require_stored(typed["images"])
        typed["images"] = tuple(typed["images"])
    return typed


def _creative(session: Session, destination: Destination) -> Creative | None:
    """Return a destination's creative, if it is one's."""
    return session.get(Creative, destination.creative_id) if destination.creative_id else None


def _shown(destination: Destination, creative: Creative | None) -> dict[str, Any]:
    """Return a destination as `Destination` in the API has it."""
    held = {column.key: getattr(destination, column.key) for column in Destination.__table__.columns}
    return held | {
        "watermark_id": creative.watermark_id if creative else None,
        "image_urls": destination.images,
        "status": routing.status(destination, utc_now()),
    }
