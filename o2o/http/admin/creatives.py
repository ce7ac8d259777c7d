"""Creatives: pictures with a mark of their own."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import Any, Final

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue

from o2o.http.admin import forms, rules
from o2o.http.admin.access import admin_blueprint, done, needs, publisher_id
from o2o.http.admin.campaign_choice import campaign_options
from o2o.http.admin.forms import Errors
from o2o.http.admin.shelf import shelf, standing
from o2o.http.pictures import store
from o2o.http.registry_schemas import CreativeFields
from o2o.http.service import service, utc_now
from o2o.http.short_links import qr_svg, short_link
from o2o.roles import Scope
from o2o.services import campaigns, contents, creatives, routing
from o2o.services.creatives import Particulars

blueprint = admin_blueprint("creatives", takes_pictures=True)

PAGE_LENGTH: Final = 24

FIELDS: Final[dict[str, forms.Convert]] = {
    "title": forms.text,
    "campaign_id": forms.optional,
    "page": forms.whole,
    "print_width_in": forms.number,
    "print_height_in": forms.number,
}


@blueprint.get("/creatives")
@needs(Scope.REGISTRY_READ)
def list_creatives() -> str:
    """List all pictures, or those whose title holds a text."""
    wanted = request.args.get("title", "").strip()[:100]
    with service().database.read() as session:
        page = creatives.page(
            session,
            publisher_id(),
            limit=PAGE_LENGTH,
            cursor=request.args.get("cursor"),
            title=wanted or None,
        )
        items = shelf(session, page.items, now=utc_now())
    return render_template("admin/creatives.html", items=items, page=page, title=wanted)


@blueprint.get("/creatives/new")
@needs(Scope.REGISTRY_WRITE)
def new_creative() -> str:
    """Ask for a picture."""
    return _form(None, {"campaign_id": request.args.get("campaign_id", "")}, Errors())


@blueprint.post("/creatives/new")
@needs(Scope.REGISTRY_WRITE)
def add_creative() -> ResponseReturnValue:
    """Register a picture and draw its ID."""
    errors = Errors()
    wanted = errors.load(CreativeFields, forms.typed(FIELDS))
    pictures = {} if errors else _chosen_picture(errors)
    if not errors:
        with errors.caught(), service().database.begin() as session:
            particulars = Particulars(**wanted | pictures)
            added = creatives.add(session, publisher_id(), particulars, draw=secrets.randbits, now=utc_now())
    if errors:
        return _form(None, request.form.to_dict(), errors), 422
    return done("added", "admin_creatives.show_creative", watermark_id=added.watermark_id)


@blueprint.get("/creatives/<watermark_id:watermark_id>")
@needs(Scope.REGISTRY_READ)
def show_creative(watermark_id: int) -> str:
    """Show a picture and what it leads to."""
    now = utc_now()
    with service().database.read() as session:
        creative = creatives.get(session, publisher_id(), watermark_id)
        choices = contents.choices_of(session, [creative])[creative.id]
        campaign = (
            campaigns.get(session, publisher_id(), creative.campaign_id) if creative.campaign_id else None
        )
        history, has_older = rules.history(session, creative, choices.destinations)
    return render_template(
        "admin/creative.html",
        creative=creative,
        campaign=campaign,
        watermark_id=creatives.format_id(watermark_id),
        standing=standing(choices, now=now),
        destinations=[(each, routing.status(each, now)) for each in choices.destinations],
        rules=rules.in_words(choices.rules, choices.destinations),
        rules_history=history,
        has_older_rules=has_older,
        fallback=choices.campaign_fallback or choices.publisher_fallback,
        short_link=short_link(watermark_id),
    )


@blueprint.get("/creatives/<watermark_id:watermark_id>/edit")
@needs(Scope.REGISTRY_WRITE)
def edit_creative(watermark_id: int) -> str:
    """Ask what is to change about a picture."""
    with service().database.read() as session:
        creative = creatives.get(session, publisher_id(), watermark_id)
    held = {name: _typed(getattr(creative, name)) for name in FIELDS}
    return _form(watermark_id, held | {"version": creative.version}, Errors())


@blueprint.post("/creatives/<watermark_id:watermark_id>/edit")
@needs(Scope.REGISTRY_WRITE)
def change_creative(watermark_id: int) -> ResponseReturnValue:
    """Change a picture's particulars, and the picture itself if one was chosen."""
    errors = Errors()
    wanted = errors.load(CreativeFields, forms.typed(FIELDS))
    pictures = {} if errors else _chosen_picture(errors)
    with errors.caught(), service().database.begin() as session:
        creative = creatives.get(session, publisher_id(), watermark_id)
        if not errors:
            creatives.edit(session, creative, wanted | pictures, version=forms.version(), now=utc_now())
    if errors:
        return _form(watermark_id, request.form.to_dict(), errors), 422
    return done("saved", "admin_creatives.show_creative", watermark_id=watermark_id)


@blueprint.post("/creatives/<watermark_id:watermark_id>/withdraw")
@needs(Scope.REGISTRY_WRITE)
def withdraw_creative(watermark_id: int) -> ResponseReturnValue:
    """Have a picture lead to its fallback from now on."""
    with service().database.begin() as session:
        creative = creatives.get(session, publisher_id(), watermark_id)
        campaign_id = creative.campaign_id
        creatives.withdraw(session, creative, version=forms.version(), now=utc_now())
    if campaign_id is None:
        return done("withdrawn", "admin_creatives.list_creatives")
    return done("withdrawn", "admin_campaigns.show_campaign", campaign_id=campaign_id)


@blueprint.get("/creatives/<watermark_id:watermark_id>/qr.svg")
@needs(Scope.REGISTRY_READ)
def show_qr(watermark_id: int) -> Response:
    """Draw the QR code of a picture's short link."""
    with service().database.read() as session:
        creatives.get(session, publisher_id(), watermark_id)
    return Response(qr_svg(watermark_id), content_type="image/svg+xml")


def _chosen_picture(errors: Errors) -> dict[str, Any]:
    """Keep the picture that was chosen, if one was; return the particulars that come of it."""
    stored: dict[str, Any] = {}
    for chosen in forms.uploads("picture")[:1]:
        with errors.caught("picture"):
            stored = asdict(store(chosen))
    return stored


def _typed(value: Any) -> Any:
    """A field's value as people would type it."""
    return f"{value:g}" if isinstance(value, float) else value


def _form(watermark_id: int | None, values: dict[str, Any], errors: Errors) -> str:
    """The form of a new picture, or of one that is there."""
    with service().database.read() as session:
        creative = creatives.get(session, publisher_id(), watermark_id) if watermark_id is not None else None
        chosen = (creative.campaign_id if creative else None, values.get("campaign_id"))
        options = campaign_options(session, chosen)
    return render_template(
        "admin/creative_form.html",
        creative=creative,
        values=values,
        errors=errors.by_field,
        campaigns=options,
    )
