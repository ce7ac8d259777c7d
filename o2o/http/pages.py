"""The phone page, the board page and the creatives' pictures."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, abort, render_template, send_from_directory

from o2o.http.boards import board_with_pins
from o2o.http.schemas import BoardWithPins
from o2o.http.service import service
from o2o.integrations import storage

PHONE_PAGE = Path(__file__).parents[2] / "mobile_demo"
MEDIA_MAX_AGE_S = 31_536_000  # named by their content, so they never change

blueprint = APIBlueprint("pages", __name__, enable_openapi=False)


@blueprint.get("/")
def phone_page() -> Response:
    """The page for phones."""
    return send_from_directory(PHONE_PAGE, "index.html")


@blueprint.get("/app/<path:name>")
def phone_page_part(name: str) -> Response:
    """Its modules and styles."""
    return send_from_directory(PHONE_PAGE, name)


@blueprint.get("/boards/<uuid:board_id>")
def board_page(board_id: UUID) -> str:
    """A board as a page."""
    board = BoardWithPins().dump(board_with_pins(board_id))
    return render_template("board.html", board=board, pins=board["pins"])


@blueprint.get("/media/<name>")
def picture(name: str) -> Response:
    """A creative's picture."""
    if not storage.NAME.fullmatch(name):
        abort(404)
    return send_from_directory(service().settings.media_dir, name, max_age=MEDIA_MAX_AGE_S)
