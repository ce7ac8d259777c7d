"""Whole issues in, manifests and the whole registry out."""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import wraps
from itertools import chain
from typing import IO, Any, Final, ParamSpec, TypeVar
from uuid import UUID

from apiflask import APIBlueprint, FileSchema
from flask import Response, abort, request, send_file

from o2o.errors import InvalidRequest
from o2o.http.bulk_schemas import ExportHeaders, FormatQuery, ImportFields, ImportQuery, Manifest
from o2o.http.once import once, writing
from o2o.http.pictures import is_stored
from o2o.http.problems import faults_of, problem
from o2o.http.registry_schemas import Campaign as CampaignOut
from o2o.http.service import actor, key_auth, publisher_id, service, utc_now
from o2o.integrations import registry_file
from o2o.models import Campaign
from o2o.roles import Scope
from o2o.services import campaigns, columns, exports, imports, manifests
from o2o.services.imports import Issue
from o2o.services.manifests import Line

JSON: Final = "application/json"
CSV: Final = "text/csv"
_IN_CSV: Final[Any] = {"content": {CSV: {"schema": {"type": "string", "format": "csv"}}}}
_OF_IMPORT: Final[dict[int | str, Any]] = {201: _IN_CSV, 400: {}, 409: {}, 413: {}, 415: {}}
_OF_MANIFEST: Final[dict[int | str, Any]] = {200: _IN_CSV}

P = ParamSpec("P")
R = TypeVar("R")

blueprint = APIBlueprint("bulk", __name__, tag="Whole issues")


@blueprint.before_request
def allow_files() -> None:
    """Take larger bodies than elsewhere."""
    request.max_content_length = imports.MAX_BYTES


def bounded(view: Callable[P, Any]) -> Callable[P, Any]:
    """Refuse JSON of too many rows; to be put on a view above its input, which makes all of it at once."""

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> Any:
        if request.is_json:
            imports.require_bounds(request.get_data())
        return view(*args, **kwargs)

    return checked


@blueprint.post("/imports")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_WRITE])
@once(publisher_id)
@bounded
@blueprint.input(ImportQuery, location="query", validation=False, arg_name="asked")
@blueprint.input(ImportFields, validation=False, arg_name="body")
@blueprint.output(Manifest, status_code=201)
@blueprint.doc(responses=_OF_IMPORT, extensions={"x-also-takes": [CSV]})
def add_issue(asked: Any, body: Any) -> Response:  # noqa: ARG001  declared for the description
    """Bring in a whole issue: a campaign, its pictures and what is behind each.

    All of it or nothing: what is wrong is told with row and column, all at once. As `text/csv`, with the
    campaign in the query, or as `application/json`. The answer is the manifest.
    """
    issue = _issue()
    with writing() as session:
        added = imports.add(
            session, publisher_id(), issue, draw=secrets.randbits, by=actor().name, now=utc_now()
        )
        form = _manifest(added, manifests.lines(session, added, public_url=service().settings.public_url))
        # Whole, as it is kept with its Idempotency-Key; an import's manifest has its bounds.
        body = "".join(form.parts)
    headers = {**form.headers, "Location": f"/v1/campaigns/{added.id}"}
    return Response(body, 201, headers, content_type=form.content_type)


@blueprint.get("/campaigns/<uuid:campaign_id>/manifest")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_READ])
@blueprint.input(FormatQuery, location="query", arg_name="asked")
@blueprint.output(Manifest)
@blueprint.doc(responses=_OF_MANIFEST)
def show_manifest(campaign_id: UUID, asked: dict[str, Any]) -> Response:  # noqa: ARG001  `_manifest` reads it
    """Tell which picture of a campaign gets which mark, in the order of its pages."""
    own = service()
    with own.database.read() as session:
        found = campaigns.get(session, publisher_id(), campaign_id)
        form = _manifest(found, manifests.lines(session, found, public_url=own.settings.public_url))
        file, _ = _file(lambda into: into.writelines(part.encode() for part in form.parts))
    response = _sent(file, form.content_type)
    response.headers.update(form.headers)
    return response


@blueprint.get("/export")
@blueprint.auth_required(key_auth, roles=[Scope.TEAM_WRITE])
@blueprint.output(
    FileSchema(type="string", format="binary"), content_type="application/zip", headers=ExportHeaders
)
def export_registry() -> Response:
    """Give the publisher's whole registry in one file.

    Campaigns, creatives, destinations with their history, rules, fallbacks and pictures; no members, keys,
    readers or scans. Pictures that it names and that aren't there any more are left out and counted in
    `X-Missing-Pictures`. `o2o serve --registry FILE` serves it anywhere.
    """
    own = service()
    with own.database.snapshot() as session:
        found = exports.records(session, publisher_id())
        file, written = _file(
            lambda into: registry_file.write(into, found, exports.pictures_of, own.settings.media_dir)
        )
    name = f"registry-{utc_now():%Y-%m-%d}.zip"
    response = _sent(file, "application/zip", as_attachment=True, download_name=name)
    response.headers["X-Missing-Pictures"] = str(len(written.missing))
    return response


def _file(write: Callable[[IO[bytes]], R]) -> tuple[IO[bytes], R]:
    """Return a file that is written before anything of it is sent, and what its writer says of it.

    A fault on the way must be an error, and not half an answer; and who takes an answer slowly holds a file
    and no connection to the database.
    """
    with ExitStack() as on_error:
        file = on_error.enter_context(tempfile.TemporaryFile())
        written = write(file)
        on_error.pop_all()  # from here on the answer closes it
    return file, written


def _sent(file: IO[bytes], content_type: str, **options: Any) -> Response:
    """Return the answer that sends a file."""
    size = file.tell()
    file.seek(0)
    response = send_file(file, content_type, **options)
    response.content_type, response.content_length = content_type, size
    return response


def _issue() -> Issue:
    """Return the issue in the request.

    Raises
    ------
    InvalidRequest
        If anything is wrong with it; with all that is.
    """
    known = list(faults_of(ImportQuery().validate(request.args.to_dict())))
    if request.mimetype == CSV:
        given = {name: request.args[name] for name in columns.CAMPAIGN if name in request.args}
        sheet = imports.sheet_of_csv(request.get_data(), given)
    elif request.is_json:
        sheet = imports.sheet_of_json(request.get_data())
        known += faults_of(ImportFields().validate(request.get_json()))
    else:
        wanted = f"the body is {JSON} or {CSV} here: send it with its Content-Type"
        abort(problem(415, "unsupported-media-type", "Unsupported Media Type", wanted))
    try:
        issue = imports.checked(sheet, is_stored=is_stored)
    except InvalidRequest as error:
        raise imports.refused(columns.merged(chain(error.faults, known))) from error
    if known:
        raise imports.refused(known)
    return issue


@dataclass(frozen=True, slots=True)
class _Form:
    """A manifest in the form that is asked for, as its pictures come."""

    parts: Iterator[str]
    content_type: str
    headers: Mapping[str, str]


def _manifest(campaign: Campaign, lines: Iterator[Line]) -> _Form:
    """Return a manifest in the form that is asked for."""
    if _wants_csv():
        headers = {"Content-Disposition": f'attachment; filename="manifest-{campaign.id}.csv"'}
        return _Form(manifests.as_csv(lines), f"{CSV}; charset=utf-8", headers)
    return _Form(_json(campaign, lines), JSON, {})


def _json(campaign: Campaign, lines: Iterator[Line]) -> Iterator[str]:
    """Yield a manifest as JSON, as its pictures come."""
    yield f'{{"campaign": {json.dumps(CampaignOut().dump(campaign))}, "rows": ['
    for number, line in enumerate(lines):
        yield f"{', ' if number else ''}{json.dumps(manifests.as_json(line))}"
    yield "]}\n"


def _wants_csv() -> bool:
    """Whether the asker prefers CSV."""
    if asked := request.args.get("format"):
        return asked == "csv"
    return request.accept_mimetypes.best_match([JSON, CSV], JSON) == CSV
