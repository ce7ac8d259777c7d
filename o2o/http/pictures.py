"""Pictures that publishers upload: of their creatives, and for their destinations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from apiflask import APIBlueprint
from flask import request
from werkzeug.datastructures import FileStorage

from o2o.errors import NotFound
from o2o.http.conditional import etag, expected_version
from o2o.http.once import writing
from o2o.http.registry_schemas import Creative as CreativeOut
from o2o.http.registry_schemas import PictureIn, StoredPicture
from o2o.http.service import key_auth, publisher_id, service, utc_now
from o2o.http.uploads import MAX_TURN_WAIT_S, admitted
from o2o.integrations import storage
from o2o.integrations.storage import Stored
from o2o.models import Creative
from o2o.roles import Scope
from o2o.services import creatives

MULTIPART_OVERHEAD_BYTES = 64_000

blueprint = APIBlueprint("pictures", __name__, tag="Pictures")


@blueprint.before_request
def allow_pictures() -> None:
    """Take larger bodies than elsewhere; what exceeds the limit isn't read."""
    request.max_content_length = service().settings.max_photo_bytes + MULTIPART_OVERHEAD_BYTES


@blueprint.post("/pictures")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_WRITE])
@admitted(lambda: service().uploads)
@blueprint.input(PictureIn, location="files", arg_name="upload")
@blueprint.output(StoredPicture, status_code=201)
@blueprint.doc(responses=[413, 415, 503])
def add_picture(upload: dict[str, Any]) -> dict[str, str]:
    """Store a picture for a destination's `images`.

    A copy of at most 1600 pixels a side is kept as JPEG, without metadata, under the name of its content: the
    same picture has the same name each time.
    """
    name = store(upload["picture"]).picture
    return {"name": name, "url": name}


@blueprint.put("/creatives/<watermark_id:watermark_id>/picture")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_WRITE])
@admitted(lambda: service().uploads)
@blueprint.input(PictureIn, location="files", arg_name="upload")
@blueprint.output(CreativeOut)
@blueprint.doc(responses=[412, 413, 415, 428, 503])
def set_picture(watermark_id: int, upload: dict[str, Any]) -> tuple[Creative, int, dict[str, str]]:
    """Set what a creative looks like: its picture, thumbnail and fingerprint."""
    with service().database.read() as session:
        # Asked now, before the work that the picture makes, and once more when that is done.
        expected_version(creatives.get(session, publisher_id(), watermark_id))
    stored = store(upload["picture"])
    with writing() as session:
        found = creatives.get(session, publisher_id(), watermark_id)
        creatives.edit(session, found, asdict(stored), version=expected_version(found), now=utc_now())
        return found, 200, etag(found)


def store(picture: FileStorage) -> Stored:
    """Keep an uploaded picture. It is read in a decoder's place: until then it lies on disk.

    Raises
    ------
    ImageError
        If it can't be taken.
    Busy
        If too many others are being decoded.
    """
    own = service()
    with own.uploads.decoder(MAX_TURN_WAIT_S) as run:
        return run(storage.store, picture.read(), own.settings.media_dir, **own.settings.photo_limits)


def is_stored(name: str) -> bool:
    """Whether a picture of that name is kept."""
    return storage.is_stored(name, service().settings.media_dir)


def require_stored(names: Iterable[str]) -> None:
    """Check that pictures are there to be shown.

    Raises
    ------
    NotFound
        If one isn't.
    """
    for name in names:
        if not is_stored(name):
            raise NotFound(f"there is no stored picture {name}: send it to POST /v1/pictures first")
