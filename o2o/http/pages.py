"""The phone page, the board page and the creatives' pictures."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, abort, render_template, send_from_directory

from o2o.errors import NotFound
from o2o.http.boards import board_with_pins
from o2o.http.schemas import BoardWithPins
from o2o.http.service import service
from o2o.integrations import storage

PHONE_PAGE = Path(__file__).parents[2] / "mobile_demo"
MEDIA_MAX_AGE_S = 31_536_000  # named by their content, so they never change

blueprint = APIBlueprint("pages", __name__, enable_openapi=False)


@blueprint.errorhandler(NotFound)
def missing(error: NotFound) -> tuple[str, int]:
    """A page for people in place of a problem document."""
    return render_template("missing.html", detail=error.detail), error.status


@blueprint.get("/")
def phone_page() -> Response:
    """The page for phones."""
    return send_from_directory(PHONE_PAGE, "index.html")


@blueprint.get("/app/<path:name>")
def phone_page_part(name: str) -> Response:
    """Its modules and styles."""
    return send_from_directory(PHONE_PAGE, name)


@blueprint.get("/boards/<board_id>")
def board_page(board_id: str) -> str:
    """A board as a page."""
    try:
        asked = UUID(board_id)
    except ValueError as error:
        raise NotFound(f"there is no board {board_id}") from error
    board = BoardWithPins().dump(board_with_pins(asked))
    return render_template("board.html", board=board, pins=board["pins"])


@blueprint.get("/media/<name>")
def picture(name: str) -> Response:
    """A creative's picture."""
    if not storage.NAME.fullmatch(name):
        abort(404)
    return send_from_directory(service().settings.media_dir, name, max_age=MEDIA_MAX_AGE_S)
