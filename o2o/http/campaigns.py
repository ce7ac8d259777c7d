"""Campaigns and their fallbacks, and the publisher's."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint

from o2o.http.conditional import etag, expected_version
from o2o.http.once import once, writing
from o2o.http.registry_schemas import Campaign as CampaignOut
from o2o.http.registry_schemas import CampaignFields, CampaignPage, PageQuery
from o2o.http.service import key_auth, publisher_id, service, utc_now
from o2o.models import Campaign
from o2o.roles import Scope
from o2o.services import campaigns
from o2o.services.campaigns import Plan
from o2o.services.paging import Page

blueprint = APIBlueprint("campaigns", __name__, tag="Campaigns")

Answer = tuple[Any, int, dict[str, str]]


@blueprint.get("/campaigns")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_READ])
@blueprint.input(PageQuery, location="query", arg_name="wanted")
@blueprint.output(CampaignPage)
def list_campaigns(wanted: dict[str, Any]) -> Page[Campaign]:
    """List the campaigns, the newest first."""
    with service().database.read() as session:
        return campaigns.page(session, publisher_id(), **wanted)


@blueprint.post("/campaigns")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_WRITE])
@once(publisher_id)
@blueprint.input(CampaignFields, arg_name="wanted")
@blueprint.output(CampaignOut, status_code=201)
@blueprint.doc(responses=[409, 415])
def add_campaign(wanted: dict[str, Any]) -> Answer:
    """Add a campaign."""
    with writing() as session:
        added = campaigns.add(session, publisher_id(), Plan(**wanted), now=utc_now())
        return added, 201, {"Location": f"/v1/campaigns/{added.id}", **etag(added)}


@blueprint.get("/campaigns/<uuid:campaign_id>")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_READ])
@blueprint.output(CampaignOut)
def show_campaign(campaign_id: UUID) -> Answer:
    """Show a campaign."""
    with service().database.read() as session:
        found = campaigns.get(session, publisher_id(), campaign_id)
        return found, 200, etag(found)


@blueprint.patch("/campaigns/<uuid:campaign_id>")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_WRITE])
@blueprint.input(CampaignFields(partial=True), arg_name="wanted")
@blueprint.output(CampaignOut)
@blueprint.doc(responses=[409, 412, 415, 428])
def change_campaign(campaign_id: UUID, wanted: dict[str, Any]) -> Answer:
    """Change some fields of a campaign."""
    with writing() as session:
        found = campaigns.get(session, publisher_id(), campaign_id)
        campaigns.edit(session, found, wanted, version=expected_version(found), now=utc_now())
        return found, 200, etag(found)


@blueprint.delete("/campaigns/<uuid:campaign_id>")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_WRITE])
@blueprint.output({}, status_code=204)
@blueprint.doc(responses=[409, 412, 428])
def remove_campaign(campaign_id: UUID) -> str:
    """Remove a campaign that has no creatives."""
    with writing() as session:
        found = campaigns.get(session, publisher_id(), campaign_id)
        campaigns.remove(session, found, version=expected_version(found))
    return ""
