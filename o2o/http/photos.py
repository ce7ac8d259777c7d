"""Photos that readers let a publisher keep."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint, FileSchema
from flask import Response, send_file

from o2o.errors import NotFound
from o2o.http.registry_schemas import KeptPhotoPage, PageQuery
from o2o.http.service import auth, key_auth, publisher_id, reader_id, service, utc_now
from o2o.integrations import photos as files
from o2o.models import KeptPhoto
from o2o.roles import Scope
from o2o.services import photos
from o2o.services.paging import Page

blueprint = APIBlueprint("photos", __name__, tag="Photos")


@blueprint.get("/photos")
@blueprint.auth_required(key_auth, roles=[Scope.ANALYTICS_READ])
@blueprint.input(PageQuery, location="query", arg_name="wanted")
@blueprint.output(KeptPhotoPage)
def list_photos(wanted: dict[str, Any]) -> Page[KeptPhoto]:
    """List the photos that readers let the publisher keep, the newest first."""
    with service().database.read() as session:
        return photos.page(session, publisher_id(), now=utc_now(), **wanted)


@blueprint.get("/photos/<uuid:scan_id>")
@blueprint.auth_required(key_auth, roles=[Scope.ANALYTICS_READ])
@blueprint.output(FileSchema(type="string", format="binary"), content_type="image/jpeg")
def show_photo(scan_id: UUID) -> Response:
    """Show one."""
    with service().database.read() as session:
        photos.require(session, publisher_id(), scan_id, now=utc_now())
    path = files.path_of(service().settings.photos_dir, scan_id)
    if not path.is_file():
        raise NotFound(f"there is no photo of a scan {scan_id}")
    return send_file(path, mimetype="image/jpeg", max_age=0)


@blueprint.delete("/scans/<uuid:scan_id>/photo")
@blueprint.auth_required(auth)
@blueprint.output({}, status_code=204)
def withdraw_photo(scan_id: UUID) -> str:
    """Have a photo forgotten that its reader let a publisher keep."""
    with service().database.begin() as session:
        photos.withdraw(session, reader_id(), scan_id)
    files.delete(service().settings.photos_dir, [scan_id])
    return ""
