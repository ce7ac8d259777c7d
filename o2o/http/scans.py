"""Scans."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import Any

from apiflask import APIBlueprint
from flask import request
from werkzeug.datastructures import FileStorage

from o2o.errors import ImageError
from o2o.http.asking import app_of, asker
from o2o.http.once import once, writing
from o2o.http.schemas import PhotoIn
from o2o.http.schemas import Scan as ScanOut
from o2o.http.service import Service, auth, reader_id, service, utc_now
from o2o.http.uploads import MAX_TURN_WAIT_S, admitted
from o2o.integrations import photos as files
from o2o.services import photos, scans
from o2o.services.scans import Reading, ScanAnswer
from watermarks.results import Miss

MULTIPART_OVERHEAD_BYTES = 64_000

blueprint = APIBlueprint("scans", __name__, tag="Scans")


@blueprint.before_request
def allow_photos() -> None:
    """Take larger bodies than elsewhere; what exceeds the limit isn't read."""
    request.max_content_length = service().settings.max_photo_bytes + MULTIPART_OVERHEAD_BYTES


@blueprint.post("/scans")
@blueprint.auth_required(auth)
@admitted(lambda: service().uploads)
@once(reader_id)
@blueprint.input(PhotoIn, location="form_and_files", arg_name="upload")
@blueprint.output(ScanOut)
@blueprint.doc(responses=[401, 413, 415, 503])
def scan_photo(upload: dict[str, Any]) -> ScanAnswer:
    """Read a photo.

    Finds the marked pictures in a photo of a printed page and gives what is behind them, the largest picture
    first. A photo in which nothing is read is an answer too: a `miss` with a reason and a hint. The photo
    is not kept, unless the publisher keeps photos and the reader agrees (`keep`). On a flaky network send an
    `Idempotency-Key`: the same photo under it gets the same answer.
    """
    own = service()
    reading = _counted(upload["photo"], own)
    kept = _to_keep(upload, reading, own)
    with writing() as session:
        answer = scans.record(session, asker(reader_id()), reading, now=utc_now(), app=app_of(request))
        until = photos.keep(session, answer.id, now=utc_now()) if kept else None
        if kept and until:
            answer = replace(answer, photo_kept_until=until)
            files.write(own.settings.photos_dir, answer.id, kept)
    own.metrics.count_photo(answer.outcome, answer.reason, reading.elapsed_ms.total / 1000)
    return answer


def _to_keep(upload: dict[str, Any], reading: Reading, own: Service) -> bytes | None:
    """Encode a photo anew that its reader lets a publisher keep, before any transaction; None of others."""
    # A registry file's copy has no worker that would delete it in time, and no way for readers to do so.
    if own.read_only or upload["keep"] != "true" or isinstance(reading.found, Miss):
        return None
    upload["photo"].stream.seek(0)
    with own.uploads.decoder(MAX_TURN_WAIT_S) as run:
        return run(files.encoded_anew, upload["photo"].read(), **own.settings.photo_limits)


def read_photo(photo: FileStorage, own: Service, *, wait_s: float) -> Reading:
    """Decode a photo and read its marks.

    Raises
    ------
    ImageError
        If it can't be taken.
    Busy
        If too many others are being decoded.
    """
    with own.uploads.decoder(wait_s) as run:
        return run(
            scans.read_photo,
            photo.read(),
            own.settings.watermark_key,
            read=own.read,
            **own.settings.photo_limits,
        )


def _counted(photo: FileStorage, own: Service) -> Reading:
    """Read a photo; one that can't be taken is counted with its reason."""
    started = perf_counter()
    try:
        return read_photo(photo, own, wait_s=MAX_TURN_WAIT_S)
    except ImageError as error:
        own.metrics.count_photo("refused", error.code, perf_counter() - started)
        raise
