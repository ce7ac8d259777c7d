"""Short links: the way to a picture's content without a photo, for QR codes and for talking about it."""

from __future__ import annotations

import io
import secrets
from typing import Final

import segno
from apiflask import APIBlueprint, FileSchema
from flask import Response, redirect, render_template
from flask.typing import ResponseReturnValue

from o2o.errors import NotFound
from o2o.http.asking import visitor
from o2o.http.schemas import Content as ContentOut
from o2o.http.service import key_auth, publisher_id, service, utc_now
from o2o.roles import Scope
from o2o.services import contents, creatives

blueprint = APIBlueprint("short_links", __name__, tag="Short links")
pages = APIBlueprint("short_link_pages", __name__, enable_openapi=False)

# The quiet zone that ISO/IEC 18004 asks for, in modules.
_QUIET_ZONE: Final = 4


@pages.errorhandler(NotFound)
def missing(error: NotFound) -> tuple[str, int]:
    """A page for people in place of a problem document."""
    return render_template("missing.html", detail=error.detail), error.status


@pages.get("/s/<code>")
def follow(code: str) -> ResponseReturnValue:
    """Lead to what is behind a picture: its link, or a page where it has none."""
    watermark_id = creatives.parse_code(code)
    now = utc_now()
    with service().database.read() as session:
        found = creatives.find(session, [watermark_id]) if watermark_id is not None else {}
        shown = contents.contents_of(session, found.values(), visitor(secrets.randbelow), now=now)
    if not shown:
        raise NotFound(f"there is no picture {code}")
    (content,) = shown.values()
    if content.link:
        return redirect(content.link)
    return render_template("content.html", content=ContentOut().dump(content))


@blueprint.get("/creatives/<watermark_id:watermark_id>/qr.svg")
@blueprint.auth_required(key_auth, roles=[Scope.REGISTRY_READ])
@blueprint.output(FileSchema(type="string", format="binary"), content_type="image/svg+xml")
def qr_code(watermark_id: int) -> Response:
    """Draw a QR code of a creative's short link, to print beside the picture."""
    with service().database.read() as session:
        creatives.get(session, publisher_id(), watermark_id)
    return Response(qr_svg(watermark_id), content_type="image/svg+xml")


def short_link(watermark_id: int) -> str:
    """Return a picture's short link, whole."""
    return f"{service().settings.public_url}/s/{creatives.format_code(watermark_id)}"


def qr_svg(watermark_id: int) -> bytes:
    """Draw a QR code of a picture's short link."""
    svg = io.BytesIO()
    code = segno.make_qr(short_link(watermark_id), error="m")
    code.save(svg, kind="svg", border=_QUIET_ZONE, unit="mm", scale=1)
    return svg.getvalue()
