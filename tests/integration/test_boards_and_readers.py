"""Readers and their boards over HTTP."""

from __future__ import annotations

from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from o2o.db import Database
from o2o.models import Reader
from tests.integration.support import Api


def test_a_new_reader_has_a_token_and_a_board(api: Api) -> None:
    boards = api.get("/v1/boards").json["boards"]
    assert boards == [
        {"id": api.board_id, "name": "My board", "url": f"/boards/{api.board_id}", "pin_count": 0}
    ]


def test_the_token_itself_is_not_kept(api: Api, database: Database) -> None:
    with database.read() as session:
        assert api.token.encode() not in session.scalars(select(Reader.token_hash)).one()


def test_without_a_valid_token_nothing_is_told(client: FlaskClient) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}):
        answer = client.get("/v1/boards", headers=headers)
        assert answer.status_code == 401
        assert answer.content_type == "application/problem+json"
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.get_json()["code"] == "unauthorized"


def test_a_reader_makes_boards_and_sees_no_others(client: FlaskClient) -> None:
    one, other = Api.of_new_reader(client), Api.of_new_reader(client)
    made = one.post("/v1/boards", {"name": "  Baking "})
    assert made.status_code == 201
    assert made.json["name"] == "Baking"
    assert [board["name"] for board in one.get("/v1/boards").json["boards"]] == ["My board", "Baking"]
    assert [board["name"] for board in other.get("/v1/boards").json["boards"]] == ["My board"]


def test_a_bad_name_is_pointed_at(api: Api) -> None:
    for body in ({}, {"name": ""}, {"name": "   "}, {"name": "x" * 181}, {"name": 7}, {"name": "a", "x": 1}):
        answer = api.post("/v1/boards", body)
        assert answer.status_code == 422, body
        assert answer.json["errors"][0]["pointer"] in {"/name", "/x"}


def test_a_body_that_is_no_json_is_refused(api: Api) -> None:
    headers = api.headers(**{"Content-Type": "application/json"})
    answer = api.client.post("/v1/boards", data="{", headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.content_type == "application/problem+json"


def test_a_board_is_shown_to_who_knows_its_address(api: Api, client: FlaskClient) -> None:
    assert client.get(f"/v1/boards/{api.board_id}").get_json()["pins"] == []
    assert client.get(f"/boards/{api.board_id}").status_code == 200
    for path in (f"/v1/boards/{uuid4()}", "/v1/boards/x"):
        assert client.get(path).status_code == 404
        assert client.get(path).content_type == "application/problem+json"


@pytest.mark.parametrize("name", ["1", "5d2c1f6e-7a0b-4f0e-9a54-0d3f9c1b2a77"])
def test_people_get_a_page_where_there_is_no_board(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/boards/{name}")
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"
    assert f"There is no board {name}" in answer.get_data(as_text=True)
