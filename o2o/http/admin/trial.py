"""Trying a photo: what a reader would get, and how well the mark was seen; nothing is recorded."""

from __future__ import annotations

import secrets

from flask import render_template
from flask.typing import ResponseReturnValue

from o2o.errors import ImageError
from o2o.http.admin import forms
from o2o.http.admin.access import admin_blueprint, needs, publisher_id
from o2o.http.asking import visitor
from o2o.http.scans import read_photo
from o2o.http.service import service, utc_now
from o2o.http.uploads import MAX_TURN_WAIT_S
from o2o.roles import Scope
from o2o.services import scans

blueprint = admin_blueprint("trial", takes_pictures=True)


@blueprint.get("/try")
@needs(Scope.REGISTRY_READ)
def show_trial() -> str:
    """Ask for a photo."""
    return render_template("admin/trial.html", errors={})


@blueprint.post("/try")
@needs(Scope.REGISTRY_READ)
def try_photo() -> ResponseReturnValue:
    """Read a photo as a reader's would be read."""
    chosen = forms.uploads("photo")
    if not chosen:
        return render_template("admin/trial.html", errors={"photo": "Choose a photo first."}), 422
    own = service()
    try:
        reading = read_photo(chosen[0], own, wait_s=MAX_TURN_WAIT_S)
    except ImageError as error:
        fault = forms.sentence(error.detail)
        return render_template("admin/trial.html", errors={"photo": fault}), error.status
    with own.database.read() as session:
        found = scans.look_up(session, visitor(secrets.randbelow), reading, now=utc_now())
        ours = {each.watermark_id for each in found.known.values() if each.publisher_id == publisher_id()}
    return render_template(
        "admin/trial.html", errors={}, found=found, reading=reading, ours=ours, hints=scans.HINTS
    )
