"""Boards."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint

from o2o.http.schemas import Board, BoardIn, BoardList, BoardWithPins
from o2o.http.service import auth, reader_id, service, utc_now
from o2o.services import boards, pins
from o2o.services.boards import BoardSummary

blueprint = APIBlueprint("boards", __name__, tag="Boards")


@blueprint.get("/boards")
@blueprint.auth_required(auth)
@blueprint.output(BoardList)
def list_boards() -> dict[str, Any]:
    """List the reader's boards, oldest first."""
    with service().database.read() as session:
        return {"boards": boards.of_reader(session, reader_id())}


@blueprint.post("/boards")
@blueprint.auth_required(auth)
@blueprint.input(BoardIn, arg_name="wanted")
@blueprint.output(Board, status_code=201)
@blueprint.doc(responses=[415])
def add_board(wanted: dict[str, Any]) -> BoardSummary:
    """Make a board."""
    with service().database.begin() as session:
        return boards.add(session, reader_id(), wanted["name"], now=utc_now())


@blueprint.get("/boards/<uuid:board_id>")
@blueprint.output(BoardWithPins)
def show_board(board_id: UUID) -> dict[str, Any]:
    """Show a board and its pins.

    To everyone who knows its address, which can't be guessed.
    """
    return board_with_pins(board_id)


def board_with_pins(board_id: UUID) -> dict[str, Any]:
    """Return what `BoardWithPins` describes."""
    with service().database.read() as session:
        board = boards.get(session, board_id)
        return {
            "id": board.id,
            "name": board.name,
            "pin_count": board.pin_count,
            "pins": pins.on_board(session, board_id),
        }
