"""What every request has: an ID, a line in the log that tells nothing private, headers; and other origins."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from o2o.db import Database
from o2o.http import create_app
from o2o.roles import Role, Scope
from o2o.services import keys, members
from o2o.settings import Settings
from tests.conftest import RealLogs
from tests.integration.support import NOW, Api, Registered, ScriptedCodec, detection, jpeg

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])

ORIGIN = "https://app.example"


def client_of(settings: Settings, database: Database, **changes: Any) -> FlaskClient:
    """A client of an application with other settings."""
    changed = dataclasses.replace(settings, **changes)
    return create_app(changed, database, read=ScriptedCodec()).test_client()


@pytest.fixture
def key(database: Database, creative: Registered) -> str:
    """A publisher's key."""
    with database.begin() as session:
        owner = members.add(
            session, creative.publisher_id, email="o@example.com", name="O", role=Role.OWNER, now=NOW
        )
        scopes = [Scope.REGISTRY_READ]
        return keys.issue(session, owner, label="a test", scopes=scopes, now=NOW).text


def test_an_id_is_made_or_taken_if_it_is_well_formed(client: FlaskClient) -> None:
    made = [client.get("/healthz").headers["X-Request-Id"] for _ in range(2)]
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in made)
    assert made[0] != made[1]
    given = "from-the-proxy.0123"
    assert client.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given
    for malformed in ("short", "x" * 65, "with a space in it", 'quotes"and{braces}', "\xfcmlaut-\xfcmlaut"):
        answer = client.get("/healthz", headers={"X-Request-Id": malformed})
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-Id"]), malformed


def test_a_problem_tells_the_id_that_its_log_line_has(client: FlaskClient) -> None:
    for path in ("/v1/boards", "/v1/nothing-here"):
        answer = client.get(path, headers={"X-Request-Id": "a-given-id"})
        assert answer.status_code in {401, 404}
        assert answer.get_json()["request_id"] == answer.headers["X-Request-Id"] == "a-given-id"


def test_log_lines_have_the_id_and_nothing_private(
    api: Api,
    codec: ScriptedCodec,
    creative: Registered,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
    real_logs: RealLogs,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("it broke")

    real_logs.start()
    codec.found = [detection(creative.watermark_id)]
    wrong, address = f"{key}x", "192.0.2.77"
    client, sent = api.client, {"environ_overrides": {"REMOTE_ADDR": address}}
    as_publisher = {"Authorization": f"Bearer {key}", "X-Request-Id": "publisher-1"}
    as_nobody = {"Authorization": f"Bearer {wrong}"}
    named = {"photo": (io.BytesIO(b"no photo"), "my-name.jpg")}
    assert api.scan(jpeg(100, 80, comment=b"a secret in the photo")).status_code == 200
    assert api.get(f"/v1/boards/{api.board_id}").status_code == 200
    assert client.get("/v1/publisher?token=in-the-query", headers=as_publisher, **sent).status_code == 200
    assert client.get("/v1/publisher", headers=as_nobody, **sent).status_code == 401
    assert client.post("/v1/scans", data=named).status_code == 401
    monkeypatch.setattr("o2o.services.boards.of_reader", fail)
    assert api.get("/v1/boards").status_code == 500

    text = real_logs.text()
    lines = [json.loads(line) for line in text.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["status"] for line in requests] == [200, 200, 200, 401, 401, 500]
    assert requests[1]["route"] == "/v1/boards/<uuid:board_id>"
    assert requests[2]["request_id"] == "publisher-1"
    assert requests[2]["publisher_id"] == str(creative.publisher_id)
    assert "publisher_id" not in requests[3], "the thread's last publisher is forgotten"
    assert all(line["request_id"] and line["ms"] >= 0 for line in requests)
    failed = next(line for line in lines if line["event"] == "request failed")
    assert failed["request_id"] == requests[5]["request_id"]
    assert failed["exception"][0]["exc_value"] == "it broke"
    private = (api.token, key, wrong, key.split("_")[1], api.board_id, address, "127.0.0.1", "in-the-query")
    assert not [each for each in (*private, "my-name", "a secret in the photo") if each in text]


def test_browsers_keep_to_https_if_a_setting_says_so(settings: Settings, database: Database) -> None:
    name = "Strict-Transport-Security"
    assert name not in client_of(settings, database).get("/healthz").headers
    told = client_of(settings, database, hsts_seconds=31536000).get("/healthz")
    assert told.headers[name] == "max-age=31536000"
    plain = client_of(settings, database, hsts_seconds=31536000, public_url="http://o2o.example")
    assert name not in plain.get("/healthz").headers


def preflight(client: FlaskClient, origin: str) -> Any:
    """What a browser asks before it sends a page's request."""
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return client.options("/v1/scans", headers=headers)


def test_a_page_of_a_named_origin_may_call_the_api(settings: Settings, database: Database) -> None:
    client = client_of(settings, database, cors_origins=(ORIGIN, "https://b.example"))
    asked = preflight(client, ORIGIN)
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    allowed = set(asked.headers["Access-Control-Allow-Headers"].split(", "))
    assert {"Authorization", "Idempotency-Key", "If-Match"} <= allowed
    assert "If-None-Match" not in allowed, "no JSON is answered by 304"
    answer = client.post("/v1/readers", headers={"Origin": ORIGIN})
    assert answer.status_code == 201
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert {"ETag", "Location", "Retry-After", "RateLimit-Remaining", "X-Request-Id"} <= exposed
