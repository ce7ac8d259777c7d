"""Readers."""

from __future__ import annotations

import secrets
from typing import Any

from apiflask import APIBlueprint

from o2o.http.schemas import NewReader
from o2o.http.service import service, utc_now
from o2o.services import readers

TOKEN_BYTES = 32

blueprint = APIBlueprint("readers", __name__, tag="Readers")


@blueprint.post("/readers")
@blueprint.output(NewReader, status_code=201)
def register_reader() -> dict[str, Any]:
    """Become a reader.

    Gives an anonymous reader a token, shown this once, and a first board.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with service().database.begin() as session:
        reader_id, board = readers.register(session, token, now=utc_now())
    return {"id": reader_id, "token": token, "board": board}
