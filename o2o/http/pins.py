"""Pins."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from apiflask import APIBlueprint

from o2o.http.schemas import IdempotencyHeader, PinIn, ReplayHeader
from o2o.http.schemas import Pin as PinOut
from o2o.http.service import auth, reader_id, service, utc_now
from o2o.services import creatives, pins
from o2o.services.pins import PinAnswer, PinWish

blueprint = APIBlueprint("pins", __name__, tag="Pins")


@blueprint.post("/pins")
@blueprint.auth_required(auth)
@blueprint.input(IdempotencyHeader, location="headers", arg_name="header")
@blueprint.input(PinIn, arg_name="wanted")
@blueprint.output(PinOut, status_code=202, headers=ReplayHeader)
@blueprint.doc(responses=[400, 401, 404, 409, 415])
def clip(header: dict[str, Any], wanted: dict[str, Any]) -> tuple[PinAnswer, int, dict[str, str]]:
    """Clip a creative to a board.

    Answers 202 with a pending pin, which a worker saves, or 200 with the pin that was there before; one that
    had failed is pending again. The same key with the same body gives the same status code again and the pin
    as it is now, marked as a replay; with another body it is refused.
    """
    wish = PinWish(wanted["scan_id"], creatives.parse_id(wanted["creative_id"]), wanted["board_id"])
    with service().database.begin() as session:
        receipt = pins.clip(session, reader_id(), wish, header["idempotency_key"], now=utc_now())
    headers = {"Location": f"/v1/pins/{receipt.pin.id}"}
    if receipt.is_replay:
        headers["Idempotent-Replay"] = "true"
    return receipt.pin, 202 if receipt.is_new else 200, headers


@blueprint.get("/pins/<uuid:pin_id>")
@blueprint.auth_required(auth)
@blueprint.output(PinOut)
def show_pin(pin_id: UUID) -> PinAnswer:
    """Show one of the reader's pins."""
    with service().database.read() as session:
        return pins.get(session, reader_id(), pin_id)
