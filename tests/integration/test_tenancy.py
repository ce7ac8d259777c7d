"""Tenants: every route of the API with another publisher's key, and with an analyst's."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from o2o.db import Database
from o2o.roles import Role
from tests.integration.support import Api, Desk, counted_connections, desk_of, jpeg, kept_photo, member_desk

PICTURES = {"/v1/pictures", "/v1/creatives/{watermark_id}/picture"}

METHODS = ("get", "post", "put", "patch", "delete")

BODIES: dict[str, Any] = {
    "/v1/publisher": {"name": "Stolen"},
    "/v1/members": {"email": "eve@evil.example", "name": "Eve", "role": "owner"},
    "/v1/members/{member_id}": {"role": "analyst"},
    "/v1/keys": {"label": "Stolen", "scopes": ["registry:read"]},
    "/v1/keys/{key_id}/rotation": {"overlap_hours": 1},
    "/v1/campaigns": {"title": "Stolen"},
    "/v1/campaigns/{campaign_id}": {"title": "Stolen"},
    "/v1/campaigns/{campaign_id}/fallback": {"title": "Stolen"},
    "/v1/fallback": {"title": "Stolen"},
    "/v1/imports": {"campaign": {"title": "Stolen"}, "rows": [{"title": "Stolen"}]},
    "/v1/creatives": {"title": "Stolen"},
    "/v1/creatives/{watermark_id}": {"title": "Stolen"},
    "/v1/creatives/{watermark_id}/destinations": {"title": "Stolen"},
    "/v1/creatives/{watermark_id}/rules": {"rules": []},
    "/v1/destinations/{destination_id}": {"title": "Stolen"},
}
"""A valid body for each address that takes one: a new route without an entry fails the walk."""


def operations(client: FlaskClient) -> Iterator[tuple[str, str]]:
    """The publisher's side, as the description has it."""
    spec: Any = client.get("/openapi.json").json
    for path, described in spec["paths"].items():
        for method in METHODS:
            operation = described.get(method)
            for security in (operation or {}).get("security", ()):
                if "PublisherKey" in security:
                    yield method, path


@pytest.fixture
def things(desk: Desk) -> dict[str, str]:
    """One of everything, of the first publisher's."""
    campaign_id = desk.post("/v1/campaigns", {"title": "May"}).json["id"]
    creative_id = desk.creative(campaign_id=campaign_id)
    destination = desk.destination(creative_id, "The secret tart")
    desk.post("/v1/fallback", {"title": "The secret fallback"})
    desk.post(f"/v1/campaigns/{campaign_id}/fallback", {"title": "The secret fallback"})
    key_id = desk.post("/v1/keys", {"label": "The secret key", "scopes": ["registry:read"]}).json["id"]
    return {
        "campaign_id": campaign_id,
        "watermark_id": creative_id,
        "destination_id": destination["id"],
        "member_id": str(desk.member_id),
        "key_id": key_id,
        "scan_id": kept_photo(desk, creative_id),
    }


def body_of(method: str, path: str) -> dict[str, Any]:
    """What is sent with a request: a form with a picture, JSON, or nothing."""
    if method in {"get", "delete"}:
        return {}
    if path in PICTURES:
        return {"data": {"picture": (io.BytesIO(jpeg(100, 80)), "picture.jpg")}}
    return {"json": BODIES[path]}


def send(desk: Desk, method: str, path: str, things: dict[str, str], **more: str) -> Any:
    """Send a valid request about those things."""
    body = body_of(method, path)
    headers = (
        {"Authorization": f"Bearer {desk.key}"} | ({} if method == "get" else {"If-Match": '"1"'}) | more
    )
    address = path.format(**things)
    return desk.client.open(address, method=method.upper(), headers=headers, buffered=True, **body)


def everything(desk: Desk, things: dict[str, str]) -> dict[str, bytes]:
    """All that a publisher's owner can see, to tell whether anything has changed."""
    return {
        path: send(desk, "get", path, things).data
        for method, path in operations(desk.client)
        if method == "get"
    }


def test_another_publishers_key_opens_nothing(
    desk: Desk, client: FlaskClient, database: Database, things: dict[str, str]
) -> None:
    other = desk_of(client, database, "Bad Food")
    before = everything(desk, things)
    walked = list(operations(client))
    assert len(walked) >= 30
    for method, path in walked:
        answer = send(other, method, path, things)
        assert answer.status_code < 500, (method, path)
        if "{" in path:
            assert (answer.status_code, answer.json["code"]) == (404, "not-found"), (method, path)
        for secret in ("secret", "Good Food", *things.values()):
            # What the request itself names may come back in the problem that it meets.
            named = secret in path.format(**things)
            assert named or secret.encode() not in answer.data, (method, path)
    assert everything(desk, things) == before


def test_what_is_anothers_is_named_in_no_body_and_no_query(
    desk: Desk, client: FlaskClient, database: Database, things: dict[str, str]
) -> None:
    other = desk_of(client, database, "Bad Food")
    before = everything(desk, things)
    own = other.creative("Their own")
    other.destination(own, "Their own")
    path = f"/v1/creatives/{own}"
    tag = {"If_Match": other.get(path).headers["ETag"]}
    key = {"label": "K", "scopes": ["team:write"], "member_id": things["member_id"]}
    rules = {"rules": [{"destination_id": things["destination_id"]}]}
    sent = [
        (other.post("/v1/creatives", {"title": "T", "campaign_id": things["campaign_id"]}), 404),
        (other.patch(path, {"campaign_id": things["campaign_id"]}, **tag), 404),
        (other.put(f"{path}/rules", rules, **tag), 422),
        (other.post("/v1/keys", key), 404),
        (other.get("/v1/analytics", campaign_id=things["campaign_id"]), 404),
        (other.get("/v1/analytics", creative_id=things["watermark_id"]), 404),
    ]
    assert [answer.status_code for answer, _status in sent] == [status for _answer, status in sent]
    assert not [answer.text for answer, _status in sent if "secret" in answer.text]
    assert other.get("/v1/creatives", campaign_id=things["campaign_id"]).json["items"] == []
    assert everything(desk, things) == before


def test_an_analyst_changes_nothing(
    desk: Desk, client: FlaskClient, database: Database, things: dict[str, str]
) -> None:
    analyst = member_desk(client, database, desk.publisher_id, Role.ANALYST)
    before = everything(desk, things)
    for method, path in operations(client):
        answer = send(analyst, method, path, things)
        is_teams = path.startswith(("/v1/members", "/v1/keys", "/v1/export"))
        expected = 200 if method == "get" and not is_teams else 403
        assert answer.status_code == expected, (method, path, answer.data[:300])
    assert everything(desk, things) == before


def test_no_operation_takes_a_connection_while_it_holds_one(
    desk: Desk, api: Api, database: Database, things: dict[str, str]
) -> None:
    """Else as many requests as there are connections would each wait for one that another holds."""
    with counted_connections(database) as connections:
        for method, path in operations(desk.client):
            more = {"Idempotency-Key": path} if method == "post" else {}
            answer = send(desk, method, path, things, **more)
            assert answer.status_code < 500, (method, path)
            assert (connections.now, connections.most) == (0, 1), (method, path)
        scan = api.scan(key="a-photo").get_json()
        board = f"/boards/{api.board_id}"
        wish = {"scan_id": scan["id"], "creative_id": things["watermark_id"], "board_id": api.board_id}
        pin = api.pin("a-wish", **wish)
        assert pin.status_code == 202, pin.text
        for path in ("/v1/boards", f"/v1{board}", board, f"/v1/pins/{pin.get_json()['id']}", "/readyz"):
            assert api.get(path).status_code == 200, path
        api.client.get(f"/s/{things['watermark_id'].removeprefix('0x')}")
        assert (connections.now, connections.most) == (0, 1)


def test_nobody_gets_in_without_a_key(client: FlaskClient, things: dict[str, str]) -> None:
    for method, path in operations(client):
        answer = client.open(path.format(**things), method=method.upper(), **body_of(method, path))
        assert answer.status_code == 401, (method, path)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
