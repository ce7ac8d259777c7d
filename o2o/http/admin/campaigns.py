"""Campaigns and the pictures in them."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from flask import render_template, request
from flask.typing import ResponseReturnValue

from o2o.http.admin import forms
from o2o.http.admin.access import admin_blueprint, done, needs, publisher_id
from o2o.http.admin.forms import Errors
from o2o.http.admin.shelf import shelf
from o2o.http.registry_schemas import CampaignFields
from o2o.http.service import service, utc_now
from o2o.roles import Scope
from o2o.services import campaigns, creatives, destinations
from o2o.services.campaigns import Plan
from o2o.services.destinations import Owner

blueprint = admin_blueprint("campaigns")

PAGE_LENGTH: Final = 24

FIELDS: Final[dict[str, forms.Convert]] = {
    "title": forms.text,
    "page_count": forms.whole,
    "on_sale_on": forms.optional,
    "off_sale_on": forms.optional,
}


@blueprint.get("/campaigns")
@needs(Scope.REGISTRY_READ)
def list_campaigns() -> str:
    """List the campaigns, the newest first."""
    with service().database.read() as session:
        page = campaigns.page(session, publisher_id(), limit=PAGE_LENGTH, cursor=request.args.get("cursor"))
        has_fallback = destinations.fallback(session, Owner(publisher_id())) is not None
    return render_template("admin/campaigns.html", page=page, has_fallback=has_fallback)


@blueprint.get("/campaigns/new")
@needs(Scope.REGISTRY_WRITE)
def new_campaign() -> str:
    """Ask for a campaign."""
    return _form(None, {}, Errors())


@blueprint.post("/campaigns/new")
@needs(Scope.REGISTRY_WRITE)
def add_campaign() -> ResponseReturnValue:
    """Add a campaign."""
    errors = Errors()
    wanted = errors.load(CampaignFields, forms.typed(FIELDS))
    if not errors:
        with errors.caught(), service().database.begin() as session:
            added = campaigns.add(session, publisher_id(), Plan(**wanted), now=utc_now())
    if errors:
        return _form(None, request.form.to_dict(), errors), 422
    return done("added", "admin_campaigns.show_campaign", campaign_id=added.id)


@blueprint.get("/campaigns/<uuid:campaign_id>")
@needs(Scope.REGISTRY_READ)
def show_campaign(campaign_id: UUID) -> str:
    """Show a campaign and its pictures."""
    with service().database.read() as session:
        campaign = campaigns.get(session, publisher_id(), campaign_id)
        page = creatives.page(
            session,
            publisher_id(),
            limit=PAGE_LENGTH,
            cursor=request.args.get("cursor"),
            campaign_id=campaign_id,
        )
        fallback = destinations.fallback(session, Owner(publisher_id(), campaign_id=campaign_id))
        items = shelf(session, page.items, now=utc_now())
    return render_template(
        "admin/campaign.html", campaign=campaign, items=items, page=page, fallback=fallback
    )


@blueprint.get("/campaigns/<uuid:campaign_id>/edit")
@needs(Scope.REGISTRY_WRITE)
def edit_campaign(campaign_id: UUID) -> str:
    """Ask what is to change about a campaign."""
    with service().database.read() as session:
        campaign = campaigns.get(session, publisher_id(), campaign_id)
    held = {name: getattr(campaign, name) for name in FIELDS}
    return _form(campaign_id, held | {"version": campaign.version}, Errors())


@blueprint.post("/campaigns/<uuid:campaign_id>/edit")
@needs(Scope.REGISTRY_WRITE)
def change_campaign(campaign_id: UUID) -> ResponseReturnValue:
    """Change a campaign."""
    errors = Errors()
    wanted = errors.load(CampaignFields, forms.typed(FIELDS))
    with errors.caught(), service().database.begin() as session:
        campaign = campaigns.get(session, publisher_id(), campaign_id)
        if not errors:
            campaigns.edit(session, campaign, wanted, version=forms.version(), now=utc_now())
    if errors:
        return _form(campaign_id, request.form.to_dict(), errors), 422
    return done("saved", "admin_campaigns.show_campaign", campaign_id=campaign_id)


@blueprint.post("/campaigns/<uuid:campaign_id>/remove")
@needs(Scope.REGISTRY_WRITE)
def remove_campaign(campaign_id: UUID) -> ResponseReturnValue:
    """Remove a campaign that has no pictures."""
    with service().database.begin() as session:
        campaign = campaigns.get(session, publisher_id(), campaign_id)
        campaigns.remove(session, campaign, version=forms.version())
    return done("removed", "admin_campaigns.list_campaigns")


def _form(campaign_id: UUID | None, values: dict[str, Any], errors: Errors) -> str:
    """The form of a new campaign, or of one that is there."""
    with service().database.read() as session:
        campaign = campaigns.get(session, publisher_id(), campaign_id) if campaign_id else None
    return render_template(
        "admin/campaign_form.html", campaign=campaign, values=values, errors=errors.by_field
    )
