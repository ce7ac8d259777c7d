"""Destinations: what readers get, edited beside what they will see."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from o2o.errors import PreconditionFailed
from o2o.http.admin import destination_form, forms
from o2o.http.admin.access import actor, admin_blueprint, done, may, needs, publisher_id
from o2o.http.admin.destination_form import Place, changes_of, differences, preview, values_of
from o2o.http.admin.forms import Errors
from o2o.http.service import service, utc_now
from o2o.models import Creative, Destination
from o2o.roles import Scope
from o2o.services import campaigns, creatives, destinations, publishers, routing
from o2o.services.destinations import Draft, Owner

blueprint = admin_blueprint("destinations", takes_pictures=True)


@blueprint.post("/preview")
@needs(Scope.REGISTRY_WRITE)
def show_preview() -> str:
    """Draw the card that a form would make; for the script that shows it while one types."""
    with service().database.read() as session:
        publisher = publishers.get(session, publisher_id()).name
    return render_template("admin/preview.html", content=preview(request.form, publisher))


@blueprint.get("/creatives/<watermark_id:watermark_id>/destinations/new")
@needs(Scope.REGISTRY_WRITE)
def new_destination(watermark_id: int) -> str:
    """Ask for a destination."""
    with service().database.read() as session:
        creative = creatives.get(session, publisher_id(), watermark_id)
        images = [creative.picture] if creative.picture else []
        values = {"title": creative.title, "state": "draft", "images": images}
        return _page(session, _of_creative(creative), None, values, Errors())


@blueprint.post("/creatives/<watermark_id:watermark_id>/destinations/new")
@needs(Scope.REGISTRY_WRITE)
def add_destination(watermark_id: int) -> ResponseReturnValue:
    """Add a destination to a picture."""
    with service().database.read() as session:
        creative = creatives.get(session, publisher_id(), watermark_id)
    return _add(_of_creative(creative))


@blueprint.get("/campaigns/<uuid:campaign_id>/fallback")
@needs(Scope.REGISTRY_READ)
def show_campaign_fallback(campaign_id: UUID) -> ResponseReturnValue:
    """Show a campaign's fallback, or ask for one."""
    with service().database.read() as session:
        place = _of_campaign(session, campaign_id)
    return _show_fallback(place)


@blueprint.post("/campaigns/<uuid:campaign_id>/fallback")
@needs(Scope.REGISTRY_WRITE)
def add_campaign_fallback(campaign_id: UUID) -> ResponseReturnValue:
    """Add a campaign's fallback."""
    with service().database.read() as session:
        place = _of_campaign(session, campaign_id)
    return _add(place)


@blueprint.get("/fallback")
@needs(Scope.REGISTRY_READ)
def show_fallback() -> ResponseReturnValue:
    """Show the publisher's fallback, or ask for one."""
    return _show_fallback(_of_publisher())


@blueprint.post("/fallback")
@needs(Scope.REGISTRY_WRITE)
def add_fallback() -> ResponseReturnValue:
    """Add the publisher's fallback."""
    return _add(_of_publisher())


@blueprint.get("/destinations/<uuid:destination_id>")
@needs(Scope.REGISTRY_READ)
def show_destination(destination_id: UUID) -> str:
    """Show a destination, what readers see of it, and all that it has been."""
    with service().database.read() as session:
        found = destinations.get(session, publisher_id(), destination_id)
        return _page(session, _place(session, found), found, values_of(found), Errors())


@blueprint.post("/destinations/<uuid:destination_id>")
@needs(Scope.REGISTRY_WRITE)
def change_destination(destination_id: UUID) -> ResponseReturnValue:
    """Change a destination, or draw what the change would look like."""
    errors = Errors()
    wanted, values = _wanted(errors)
    is_preview = request.form.get("do") == "preview"
    try:
        with errors.caught(), service().database.begin() as session:
            found = destinations.get(session, publisher_id(), destination_id)
            if not errors and not is_preview:
                was = found.version
                destinations.edit(
                    session, found, wanted, version=forms.version(), by=actor().name, now=utc_now()
                )
                said = "saved" if found.version != was else "unchanged"
                return done(said, "admin_destinations.show_destination", destination_id=destination_id)
    except PreconditionFailed:
        return _conflict(destination_id, values)
    with service().database.read() as session:
        found = destinations.get(session, publisher_id(), destination_id)
        return _page(session, _place(session, found), found, values, errors), 422 if errors else 200


def _conflict(destination_id: UUID, values: dict[str, Any]) -> ResponseReturnValue:
    """Show both what was sent and what somebody else has made of it; sending it again puts it over theirs."""
    with service().database.read() as session:
        found = destinations.get(session, publisher_id(), destination_id)
        (theirs,) = destinations.history(session, found, limit=1).items
        both = differences(values, values_of(found))
        mine = values | {"version": found.version}
        page = _page(
            session, _place(session, found), found, mine, Errors(), conflict={"rows": both, "theirs": theirs}
        )
    return page, PreconditionFailed.status


def _show_fallback(place: Place) -> ResponseReturnValue:
    """Show a fallback, or the form of a new one to those who may add it."""
    with service().database.read() as session:
        found = destinations.fallback(session, place.owner)
        if found is None and not may(Scope.REGISTRY_WRITE):
            return render_template("admin/no_fallback.html", place=place)
        values = values_of(found) if found else {"state": "live", "images": []}
        return _page(session, place, found, values, Errors())


def _add(place: Place) -> ResponseReturnValue:
    """Add a destination, or draw what it would look like."""
    errors = Errors()
    wanted, values = _wanted(errors)
    if not errors and request.form.get("do") != "preview":
        with errors.caught(), service().database.begin() as session:
            added = destinations.add(session, place.owner, Draft(**wanted), by=actor().name, now=utc_now())
            return done("added", "admin_destinations.show_destination", destination_id=added.id)
    with service().database.read() as session:
        return _page(session, place, None, values, errors), 422 if errors else 200


def _wanted(errors: Errors) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the form's fields as a draft takes them, and as the form shows them again.

    Pictures that were chosen are kept at once: they are there again when the form comes back with a fault.
    """
    images = destination_form.images(request.form, forms.uploads("pictures"), errors)
    return changes_of(request.form, images, errors), destination_form.typed(request.form, images)


def _page(
    session: Session,
    place: Place,
    found: Destination | None,
    values: dict[str, Any],
    errors: Errors,
    *,
    conflict: dict[str, Any] | None = None,
) -> str:
    """The form with its preview and history; for those who may not edit, without the form."""
    publisher = publishers.get(session, publisher_id()).name
    history, has_older = destination_form.history(session, found) if found else ([], False)
    return render_template(
        "admin/destination.html",
        place=place,
        destination=found,
        status=routing.status(found, utc_now()) if found else None,
        values=values,
        errors=errors.by_field,
        content=preview(values, publisher),
        history=history,
        has_older=has_older,
        conflict=conflict,
    )


def _place(session: Session, found: Destination) -> Place:
    """Return whose destination one is."""
    if found.creative_id is not None:
        creative = session.get(Creative, found.creative_id)
        assert creative is not None
        return _of_creative(creative)
    return _of_campaign(session, found.campaign_id) if found.campaign_id else _of_publisher()


def _of_creative(creative: Creative) -> Place:
    owner = Owner(creative.publisher_id, creative_id=creative.id)
    return Place(owner, creative.title, watermark_id=creative.watermark_id)


def _of_campaign(session: Session, campaign_id: UUID) -> Place:
    campaign = campaigns.get(session, publisher_id(), campaign_id)
    owner = Owner(publisher_id(), campaign_id=campaign_id)
    return Place(owner, campaign.title, campaign_id=campaign_id)


def _of_publisher() -> Place:
    return Place(Owner(publisher_id()), "All pictures")
