"""The JSON of requests and answers, as the API's description publishes it."""

from __future__ import annotations

from typing import Any

from apiflask import Schema
from apiflask.fields import UUID, AwareDateTime, File, Float, Integer, List, Nested, String
from apiflask.validators import Length, OneOf, Regexp

from o2o.http.fields import BoardUrl, MediaUrl, Moment, WatermarkId
from o2o.services.routing import Origin
from o2o.services.scans import HINTS, Finding

CREATIVE_ID = r"^0x[0-9a-f]{12}\Z"


class ProblemError(Schema):
    """One fault of a request."""

    pointer = String(required=True, metadata={"description": "Which field, as in `/board_id`."})
    detail = String(required=True)


class Problem(Schema):
    """A problem document (RFC 9457)."""

    type = String(required=True, metadata={"format": "uri-reference"})
    title = String(required=True)
    status = Integer(required=True)
    detail = String(required=True, metadata={"description": "What happened and what to do about it."})
    code = String(required=True, metadata={"description": "The kind of problem, for programs."})
    request_id = String(required=True, metadata={"description": "As in `X-Request-Id`, and in the logs."})
    errors = List(Nested(ProblemError))


class Board(Schema):
    """A board."""

    id = UUID(required=True)
    name = String(required=True)
    url = BoardUrl(required=True, metadata={"description": "Its page, relative to the API."})
    pin_count = Integer(required=True)


class BoardList(Schema):
    """A reader's boards, oldest first."""

    boards = List(Nested(Board), required=True)


class BoardIn(Schema):
    """A board to make."""

    name = String(required=True, validate=[Length(1, 180), Regexp(r".*\S", error="Not only spaces.")])


class NewReader(Schema):
    """A reader, and the token that is shown this once."""

    id = UUID(required=True)
    token = String(required=True)
    board = Nested(Board, required=True)


class PhotoIn(Schema):
    """A photo to read."""

    photo = File(  # type: ignore[no-untyped-call]
        required=True, metadata={"description": "JPEG, PNG, WebP or HEIC."}
    )
    keep = String(
        load_default="false",
        validate=OneOf(["true", "false"]),
        metadata={
            "description": "`true` if the reader agrees that the publisher keeps the photo for a time, where "
            "it does so at all."
        },
    )


class Content(Schema):
    """What is behind a picture."""

    creative_id = String(required=True, validate=Regexp(CREATIVE_ID))
    title = String(required=True)
    description = String(required=True)
    link = String(required=True, allow_none=True)
    image_url = MediaUrl(
        required=True, allow_none=True, attribute="image", metadata={"description": "Relative to the API."}
    )
    image_urls = List(MediaUrl(), required=True, attribute="images", metadata={"description": "All of them."})
    alt_text = String(required=True)
    price = String(required=True, allow_none=True, metadata={"description": "As in `12.50 EUR`."})
    call_to_action = String(required=True)
    locale = String(required=True, allow_none=True)
    publisher = String(required=True)
    origin = String(
        required=True,
        validate=OneOf([each.value for each in Origin]),
        metadata={"description": "Whether it is the picture's own or a fallback."},
    )


class Detection(Schema):
    """A marked picture in the photo."""

    id = WatermarkId(required=True, attribute="detection.payload.id")
    profile = Integer(required=True, attribute="detection.payload.profile")
    corners = List(
        List(Float()),
        required=True,
        attribute="corners",
        metadata={
            "description": "The picture's own top left, top right, bottom right and bottom left, "
            "as [x, y] in pixels of the upright photo."
        },
    )
    confidence = Float(required=True, attribute="detection.confidence")
    signal_db = Float(
        required=True,
        attribute="detection.signal_db",
        metadata={"description": "The message's accumulated signal-to-noise ratio."},
    )
    px_per_chip = Float(
        required=True,
        attribute="detection.px_per_chip",
        metadata={"description": "Pixels of the photo per chip of the mark, at the picture's middle."},
    )
    tilt_deg = Float(
        required=True,
        attribute="detection.tilt_deg",
        metadata={"description": "Between the camera's axis and the page's normal, 0 to 90."},
    )
    sharpness = Float(
        required=True,
        attribute="detection.sharpness",
        metadata={
            "description": "The mark's fine contrast over its coarse: 1 as in the file, 0 all blurred."
        },
    )
    share = Float(
        required=True,
        attribute="detection.share",
        metadata={"description": "Share of the picture's area that contributed to the read, 0 to 1."},
    )
    content = Nested(Content, required=True, allow_none=True)

    def get_attribute(self, obj: Finding, attr: str, default: Any) -> Any:
        """Give the corners as nested lists; everything else is where its name says."""
        if attr == "corners":
            return obj.detection.corners_xy.round(2).tolist()
        return super().get_attribute(obj, attr, default)


class ElapsedMs(Schema):
    """How long the stages took, in milliseconds."""

    load = Float(required=True)  # type: ignore[assignment]  # hides the schema's own, which nobody calls
    detect = Float(required=True)
    decode = Float(required=True)
    total = Float(required=True)


class Scan(Schema):
    """What a photo led to."""

    id = UUID(required=True)
    outcome = String(required=True, validate=OneOf(["read", "miss"]))
    reason = String(required=True, allow_none=True, validate=OneOf([str(reason) for reason in HINTS]))
    hint = String(
        required=True, allow_none=True, metadata={"description": "What the reader can do about a miss."}
    )
    width = Integer(required=True, attribute="reading.width_px")
    height = Integer(required=True, attribute="reading.height_px")
    detections = List(Nested(Detection), required=True, attribute="findings")
    elapsed_ms = Nested(ElapsedMs, required=True, attribute="reading.elapsed_ms")
    photo_kept_until = Moment(
        required=True, allow_none=True, metadata={"description": "null: the photo is thrown away."}
    )


class PinIn(Schema):
    """A creative to clip to a board."""

    scan_id = UUID(required=True, metadata={"description": "The scan that showed it."})
    creative_id = String(required=True, validate=Regexp(CREATIVE_ID, error="Write 0x and 12 hex digits."))
    board_id = UUID(required=True)


class IdempotencyHeader(Schema):
    """What makes a request safe to repeat."""

    idempotency_key = String(
        required=True,
        data_key="Idempotency-Key",
        error_messages={"required": "Missing: draw a random one for each pin."},
        validate=[Length(1, 255), Regexp(r"^[!-~]+\Z", error="Visible ASCII characters only.")],
        metadata={"description": "Draw one for each pin; send the same again when repeating a request."},
    )


class ReplayHeader(Schema):
    """What tells a repeated answer from a first one."""

    replayed = String(data_key="Idempotent-Replay", metadata={"description": "`true` for a repeated answer."})


class Pin(Schema):
    """A creative on a board, or on its way there."""

    id = UUID(required=True)
    status = String(required=True, validate=OneOf(["pending", "saved", "failed"]))
    creative_id = String(required=True, attribute="content.creative_id")
    board_id = UUID(required=True)
    title = String(required=True, attribute="content.title")
    link = String(required=True, allow_none=True, attribute="content.link")
    image_url = MediaUrl(required=True, allow_none=True, attribute="content.image")
    alt_text = String(required=True, attribute="content.alt_text")
    publisher = String(required=True, attribute="content.publisher")
    created_at = AwareDateTime(required=True)
    saved_at = AwareDateTime(required=True, allow_none=True)


class BoardWithPins(Board):
    """A board and what is on it, newest first."""

    pins = List(Nested(Pin), required=True)


class Health(Schema):
    """How the service is."""

    status = String(required=True)
