"""Photos over HTTP: what is read, what is missed, what is refused, and what is kept."""

from __future__ import annotations

import io
from contextlib import ExitStack
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from o2o.db import Database
from o2o.models import Scan
from o2o.services.scans import HINTS
from o2o.settings import Settings
from tests.integration.support import Api, Registered, ScriptedCodec, detection, jpeg
from watermarks.results import Miss, MissReason


def test_a_read_shows_what_is_behind_the_picture(
    api: Api, codec: ScriptedCodec, creative: Registered
) -> None:
    codec.found = [detection(creative.watermark_id)]
    scan = api.scan()
    assert scan.status_code == 200
    assert scan.headers["Cache-Control"] == "no-store"
    assert {k: scan.json[k] for k in ("outcome", "reason", "hint", "width", "height")} == {
        "outcome": "read", "reason": None, "hint": None, "width": 100, "height": 80,
    }  # fmt: skip
    (found,) = scan.json["detections"]
    assert found == {
        "id": creative.creative_id,
        "profile": 0,
        "corners": [[10, 10], [90, 10], [90, 60], [10, 60]],
        "confidence": 0.9,
        "signal_db": 31.5,
        "px_per_chip": 3.2,
        "tilt_deg": 21.5,
        "sharpness": 0.75,
        "share": 0.8,
        "content": {
            "creative_id": creative.creative_id,
            "title": "Lemon tart",
            "description": "With a crisp base",
            "link": "https://goodfood.example/tart",
            "image_url": f"/media/{'0' * 64}.jpg",
            "image_urls": [f"/media/{'0' * 64}.jpg"],
            "alt_text": "A tart on a blue plate",
            "price": None,
            "call_to_action": "",
            "locale": None,
            "publisher": "Good Food",
            "origin": "destination",
        },
    }
    elapsed = scan.json["elapsed_ms"]
    assert elapsed["total"] >= elapsed["load"] >= 0
    assert elapsed["decode"] == 0


@pytest.mark.parametrize("reason", MissReason)
def test_a_miss_is_an_answer_with_a_hint(api: Api, codec: ScriptedCodec, reason: MissReason) -> None:
    codec.found = Miss(reason)
    scan = api.scan()
    assert scan.status_code == 200
    assert (scan.json["outcome"], scan.json["reason"]) == ("miss", str(reason))
    assert scan.json["hint"] == HINTS[reason]
    assert scan.json["detections"] == []


def test_an_id_that_nobody_registered_is_a_miss_of_its_own(api: Api, codec: ScriptedCodec) -> None:
    codec.found = [detection(0x123)]
    scan = api.scan().json
    assert (scan["outcome"], scan["reason"]) == ("miss", "unknown_id")
    assert scan["detections"][0]["id"] == "0x000000000123"
    assert scan["detections"][0]["content"] is None


def test_several_pictures_keep_their_order(api: Api, codec: ScriptedCodec, creative: Registered) -> None:
    codec.found = [detection(0x123), detection(creative.watermark_id), detection(creative.watermark_id)]
    scan = api.scan().json
    assert scan["outcome"] == "read"
    assert [found["content"] is None for found in scan["detections"]] == [True, False, False]


def test_exif_orientation_is_honoured(api: Api, codec: ScriptedCodec) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    scan = api.scan(jpeg(120, 70, exif=exif)).json
    assert (scan["width"], scan["height"]) == (70, 120)
    assert codec.shape == (120, 70, 3)


def test_the_row_keeps_figures_and_nothing_of_the_photo(
    api: Api, codec: ScriptedCodec, creative: Registered, database: Database
) -> None:
    codec.found = [detection(creative.watermark_id), detection(0x123)]
    scan_id = api.scan().json["id"]
    with database.read() as session:
        scan = session.scalars(select(Scan)).one()
        assert str(scan.id) == scan_id
        assert (scan.outcome, scan.reason, scan.width_px, scan.height_px) == ("read", None, 100, 80)
        assert [d.watermark_id for d in scan.detections] == [creative.watermark_id, 0x123]
        assert [d.creative_id is None for d in scan.detections] == [False, True]
        first = scan.detections[0]
        figures = (first.px_per_chip, first.tilt_deg, first.sharpness, first.share)
        assert figures == pytest.approx((3.2, 21.5, 0.75, 0.8))
        assert scan.created_at.tzinfo is not None


def test_what_is_no_photo_is_refused(api: Api) -> None:
    truncated = jpeg(300, 300)[:-200]
    png = io.BytesIO()
    Image.new("RGB", (1, 1)).save(png, "PNG")
    cases = (
        (truncated, 422, "unreadable-image"),
        (png.getvalue(), 422, "image-too-small"),
        (b"not a picture at all", 415, "unsupported-image"),
        (b"", 415, "unsupported-image"),
    )
    for photo, status, code in cases:
        file = (io.BytesIO(photo), "photo.jpg")
        answer = api.client.post("/v1/scans", data={"photo": file}, headers=api.headers())
        assert (answer.status_code, answer.get_json()["code"]) == (status, code)
        assert answer.content_type == "application/problem+json"
        assert answer.get_json()["status"] == status
        assert answer.get_json()["type"] == f"/docs#{code}"


def test_a_photo_that_finds_no_place_is_sent_away(
    api: Api, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("o2o.http.scans.MAX_TURN_WAIT_S", 0.01)
    own = api.client.application.extensions["o2o"]
    with ExitStack() as others:
        for _ in range(settings.max_decodes):
            others.enter_context(own.uploads.decoder(0))
        answer = api.scan()
        assert (answer.status_code, answer.get_json()["code"]) == (503, "busy")
        assert answer.content_type == "application/problem+json"
        assert int(answer.headers["Retry-After"]) > 0
    for _ in range(2):  # and a place is given back
        assert api.scan().status_code == 200


def test_a_missing_photo_is_pointed_at(api: Api) -> None:
    cases: list[dict[str, Any]] = [
        {},
        {"data": b""},
        {"data": {"photo": "text"}, "content_type": "multipart/form-data"},
    ]
    for options in cases:
        answer = api.client.post("/v1/scans", headers=api.headers(), **options)
        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["pointer"] == "/photo"


def test_a_body_of_another_type_is_told_which_to_send(api: Api) -> None:
    cases = (
        ("/v1/scans", jpeg(100, 80), "image/jpeg", "multipart/form-data"),
        ("/v1/scans", b"{}", "application/json", "multipart/form-data"),
        ("/v1/boards", b'{"name": "Kitchen"}', "application/x-www-form-urlencoded", "application/json"),
        ("/v1/scans", b"photo=text", "application/x-www-form-urlencoded", "multipart/form-data"),
        ("/v1/boards", b'{"name": "Kitchen"}', None, "application/json"),
    )
    for path, body, sent, wanted in cases:
        answer = api.client.post(path, data=body, content_type=sent, headers=api.headers())
        assert (answer.status_code, answer.get_json()["code"]) == (415, "unsupported-media-type")
        assert wanted in answer.get_json()["detail"]


def test_a_body_too_large_is_read_to_its_end_so_that_the_answer_arrives(api: Api, settings: Settings) -> None:
    size = settings.max_photo_bytes + 1_000_000
    body = io.BytesIO(bytes(size))
    answer = api.client.post(
        "/v1/scans",
        input_stream=body,
        content_length=size,
        content_type="multipart/form-data; boundary=x",
        headers=api.headers(),
    )
    assert (answer.status_code, answer.get_json()["code"]) == (413, "request-too-large")
    assert body.tell() == size
