"""Pins over HTTP: clipped once, whatever is sent how often."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from random import Random
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from o2o.db import Database
from o2o.integrations.outbound import Outbound
from o2o.jobs.actors import Tools
from o2o.jobs.engine import MAX_ERRORS, Worker
from o2o.models import Job, Pin
from o2o.settings import Settings
from tests.integration.support import Api, Registered, ScriptedCodec, detection


@pytest.fixture
def wish(api: Api, codec: ScriptedCodec, creative: Registered) -> dict[str, str]:
    """What a reader sends to pin the creative just scanned."""
    codec.found = [detection(creative.watermark_id)]
    scan_id = api.scan().get_json()["id"]
    return {"scan_id": scan_id, "creative_id": creative.creative_id, "board_id": api.board_id}


def counts(database: Database) -> tuple[int, int]:
    with database.read() as session:
        pins = session.scalar(select(func.count()).select_from(Pin))
        jobs = session.scalar(select(func.count()).select_from(Job))
    return pins or 0, jobs or 0


def test_a_pin_is_taken_as_pending_with_its_job(api: Api, wish: dict[str, str], database: Database) -> None:
    answer = api.pin("key-1", **wish)
    assert answer.status_code == 202
    assert "Idempotent-Replay" not in answer.headers
    pin = answer.get_json()
    assert answer.headers["Location"] == f"/v1/pins/{pin['id']}"
    assert pin["status"] == "pending"
    assert pin["saved_at"] is None
    assert (pin["title"], pin["publisher"], pin["board_id"]) == ("Lemon tart", "Good Food", api.board_id)
    assert pin["image_url"] == f"/media/{'0' * 64}.jpg"
    assert api.get(f"/v1/pins/{pin['id']}").get_json() == pin
    assert counts(database) == (1, 1)


def test_the_same_key_gives_the_same_answer(api: Api, wish: dict[str, str], database: Database) -> None:
    first = api.pin("key-1", **wish)
    again = api.pin("key-1", **wish)
    assert again.status_code == first.status_code
    assert again.headers["Idempotent-Replay"] == "true"
    assert again.get_json() == first.get_json()
    assert counts(database) == (1, 1)


def test_a_missing_key_is_told_with_what_to_do(api: Api, wish: dict[str, str]) -> None:
    answer = api.post("/v1/pins", wish)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid-request")
    assert "/Idempotency-Key: missing: draw a random one" in answer.get_json()["detail"]


def test_another_key_finds_the_pin_that_is_there(api: Api, wish: dict[str, str], database: Database) -> None:
    first = api.pin("key-1", **wish)
    second = api.pin("key-2", **wish)
    assert second.status_code == 200
    assert second.get_json() == first.get_json()
    assert api.pin("key-2", **wish).status_code == 200
    assert counts(database) == (1, 1)


def test_a_failed_pin_is_tried_again_for_a_new_key(
    api: Api, wish: dict[str, str], database: Database, settings: Settings
) -> None:
    pin_id = api.pin("key-1", **wish).get_json()["id"]
    outbound = Outbound(allow_private=True, timeout_s=1.0)
    worker = Worker(Tools(settings, database, outbound, Random(1), lambda: datetime.now(UTC)))
    with database.begin() as session:
        session.execute(update(Job).values(errors=MAX_ERRORS))
    assert worker.drain() == 1
    assert api.get(f"/v1/pins/{pin_id}").get_json()["status"] == "failed"
    assert api.pin("key-1", **wish).get_json()["status"] == "failed"  # the same answer again
    assert worker.drain() == 0

    again = api.pin("key-2", **wish)
    assert again.status_code == 202
    assert (again.get_json()["id"], again.get_json()["status"]) == (pin_id, "pending")
    assert api.pin("key-3", **wish).status_code == 200
    assert counts(database) == (1, 1)
    assert worker.drain() == 1
    assert api.get(f"/v1/pins/{pin_id}").get_json()["status"] == "saved"


def test_a_key_stands_for_one_request(api: Api, wish: dict[str, str]) -> None:
    api.pin("key-1", **wish)
    board_id = api.post("/v1/boards", {"name": "Other"}).get_json()["id"]
    answer = api.pin("key-1", **{**wish, "board_id": board_id})
    assert (answer.status_code, answer.get_json()["code"]) == (422, "idempotency-key-reused")


def test_keys_of_readers_are_apart(client: FlaskClient, api: Api, wish: dict[str, str]) -> None:
    api.pin("key-1", **wish)
    other = Api.of_new_reader(client)
    scan_id = other.scan().get_json()["id"]
    answer = other.pin("key-1", **{**wish, "scan_id": scan_id, "board_id": other.board_id})
    assert answer.status_code == 202


def test_a_key_is_needed(api: Api, wish: dict[str, str]) -> None:
    for headers in ({}, {"Idempotency-Key": ""}, {"Idempotency-Key": "a b"}, {"Idempotency-Key": "x" * 256}):
        answer = api.client.post("/v1/pins", json=wish, headers=api.headers(**headers))
        assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid-request")
        assert answer.get_json()["errors"][0]["pointer"] == "/Idempotency-Key"


def test_only_what_was_scanned_onto_boards_of_ones_own(
    client: FlaskClient, api: Api, wish: dict[str, str]
) -> None:
    other = Api.of_new_reader(client)
    cases = (
        ({"scan_id": str(uuid4())}, 404),
        ({"scan_id": other.scan().get_json()["id"]}, 404),
        ({"board_id": other.board_id}, 404),
        ({"creative_id": "0x000000000001"}, 409),
        ({"creative_id": "abc"}, 422),
        ({"scan_id": "abc"}, 422),
    )
    for number, (change, status) in enumerate(cases):
        answer = api.pin(f"key-{number}", **{**wish, **change})
        assert answer.status_code == status, change
        assert answer.content_type == "application/problem+json"


def test_a_pin_is_its_readers(client: FlaskClient, api: Api, wish: dict[str, str]) -> None:
    pin_id = api.pin("key-1", **wish).get_json()["id"]
    assert Api.of_new_reader(client).get(f"/v1/pins/{pin_id}").status_code == 404


def test_many_requests_at_once_make_one_pin(api: Api, wish: dict[str, str], database: Database) -> None:
    start = threading.Barrier(8)

    def clip(number: int) -> tuple[int, str]:
        start.wait()
        # Half of them under one key, the others each under its own.
        with api.client.application.test_client() as client:
            mine = Api(client, api.token, api.board_id)
            answer = mine.pin("shared" if number % 2 else f"own-{number}", **wish)
        return answer.status_code, answer.get_json()["id"]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(clip, range(8)))
    assert {status for status, _ in answers} <= {200, 202}
    assert len({pin_id for _, pin_id in answers}) == 1
    assert counts(database) == (1, 1)


def test_the_board_shows_the_pin(api: Api, wish: dict[str, str], client: FlaskClient) -> None:
    pin = api.pin("key-1", **wish).get_json()
    board = client.get(f"/v1/boards/{api.board_id}").get_json()
    assert board["pin_count"] == 1
    assert board["pins"] == [pin]
    page = client.get(f"/boards/{api.board_id}").get_data(as_text=True)
    assert "Lemon tart" in page
    assert "https://goodfood.example/tart" in page
