"""Rate limits: whose share a request counts to, what is told of it, and what if their storage is down."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from flask.testing import FlaskClient

from o2o.cli.demo_service import free_port
from o2o.db import Database
from o2o.http import create_app
from o2o.roles import Role
from o2o.services import keys
from o2o.settings import Settings
from tests.conftest import RealLogs
from tests.integration.admin_browser import AdminBrowser
from tests.integration.support import Api, ScriptedCodec, desk_of, member_desk

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])


def client_of(settings: Settings, database: Database, **limits: Any) -> FlaskClient:
    """A client of an application with these limits."""
    changed = dataclasses.replace(settings, **limits)
    return create_app(changed, database, read=ScriptedCodec()).test_client()


def shares(answer: Any) -> tuple[int, int]:
    """What an answer tells: the limit and what is left of it."""
    return int(answer.headers["RateLimit-Limit"]), int(answer.headers["RateLimit-Remaining"])


def test_a_reader_s_photos_are_counted_apart_from_the_rest(settings: Settings, database: Database) -> None:
    client = client_of(
        settings, database, rate_limit_scans="2 per minute", rate_limit_reader="5 per 2 minutes"
    )
    api, other = Api.of_new_reader(client), Api.of_new_reader(client)
    assert [api.scan().status_code for _ in range(3)] == [200, 200, 429]
    boards = api.get("/v1/boards")
    assert boards.status_code == 200
    assert shares(boards) == (5, 4)
    assert boards.headers["RateLimit-Policy"] == "5;w=120"
    assert 1 <= int(boards.headers["RateLimit-Reset"]) <= 120
    assert "Retry-After" not in boards.headers
    assert shares(other.scan()) == (2, 1), "another reader has a share of their own"


def test_one_request_too_many_is_a_problem_with_the_time_to_come_back(
    settings: Settings, database: Database
) -> None:
    client = client_of(settings, database, rate_limit_reader="1 per hour")
    api = Api.of_new_reader(client)
    assert api.get("/v1/boards").status_code == 200
    refused = api.get("/v1/boards")
    assert refused.status_code == 429
    assert refused.content_type == "application/problem+json"
    assert refused.get_json()["code"] == "too-many-requests"
    assert "1 per 1 hour" in refused.get_json()["detail"]
    assert 1 <= int(refused.headers["Retry-After"]) <= 3600
    assert shares(refused) == (1, 0)


def test_a_photo_that_is_refused_is_read_to_its_end_so_that_the_answer_arrives(
    settings: Settings, database: Database
) -> None:
    client = client_of(settings, database, rate_limit_scans="1 per hour")
    api = Api.of_new_reader(client)
    assert api.scan().status_code == 200
    body = io.BytesIO(bytes(1_000_000))
    answer = client.post(
        "/v1/scans", input_stream=body, content_length=1_000_000, headers=api.headers(), content_type="x/y"
    )
    assert answer.status_code == 429
    assert body.tell() == 1_000_000


def asked(client: FlaskClient, token: str, address: str = "192.0.2.1", path: str = "/v1/publisher") -> Any:
    """What is answered to a request with a token or key from an address."""
    headers = {"Authorization": f"Bearer {token}"}
    return client.get(path, headers=headers, environ_overrides={"REMOTE_ADDR": address})


def test_a_key_is_counted_by_all_of_it(settings: Settings, database: Database) -> None:
    """Its name isn't secret: who knows no more than that uses up nothing of its holder's."""
    client = client_of(settings, database, rate_limit_key="2 per minute")
    key = desk_of(client, database).key
    for _ in range(3):
        assert asked(client, f"{key}-not").status_code == 401
    first, second, third = (asked(client, key) for _ in range(3))
    assert [(each.status_code, *shares(each)) for each in (first, second, third)] == [
        (200, 2, 1), (200, 2, 0), (429, 2, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/publisher", "/v1/boards"])
def test_tokens_that_are_nobodys_count_to_their_address(
    settings: Settings, database: Database, path: str
) -> None:
    client = client_of(settings, database, rate_limit_failures="2 per hour", rate_limit_key="9 per hour")
    prefix = "o2o_0123456789abcdef_" if path == "/v1/publisher" else ""
    answers = [asked(client, f"{prefix}guess-{number}", path=path) for number in range(3)]
    assert [(each.status_code, *shares(each)) for each in answers] == [
        (401, 2, 1), (401, 2, 0), (429, 2, 0),
    ]  # fmt: skip
    assert "from this address" in answers[2].json["detail"]
    assert 0 < int(answers[2].headers["Retry-After"]) <= 3600
    assert asked(client, f"{prefix}another", "192.0.2.2", path).status_code == 401
    assert client.post("/v1/readers", environ_overrides={"REMOTE_ADDR": "192.0.2.1"}).status_code == 201


def test_an_address_that_guesses_costs_no_further_hashes(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(settings, database, rate_limit_failures="2 per hour")
    name = "_".join(desk_of(client, database).key.split("_")[:2])
    hashed: list[str] = []

    def agrees(_hash: str, secret: str) -> bool:
        hashed.append(secret)
        return False

    monkeypatch.setattr(keys, "_agrees", agrees)
    guesses = [asked(client, f"{name}_guess{number}").status_code for number in range(5)]
    assert guesses == [401, 401, 429, 429, 429]
    assert hashed == ["guess0", "guess1"]


def test_who_works_behind_the_address_of_one_who_guesses_goes_on(
    settings: Settings, database: Database
) -> None:
    client = client_of(settings, database, rate_limit_failures="2 per hour", rate_limit_key="3 per hour")
    desk = desk_of(client, database)
    newcomer = member_desk(client, database, desk.publisher_id, Role.OWNER)
    assert shares(asked(client, desk.key)) == (3, 2)
    guesses = [asked(client, f"guess-{number}").status_code for number in range(3)]
    assert guesses == [401, 401, 429]
    known = [asked(client, desk.key) for _ in range(3)]
    assert [(each.status_code, shares(each)[1]) for each in known] == [(200, 1), (200, 0), (429, 0)]
    # Whether a key never seen before is one more guess can't be told without a hash.
    assert asked(client, newcomer.key).status_code == 429
    assert asked(client, newcomer.key, "192.0.2.2").status_code == 200
    assert asked(client, newcomer.key).status_code == 200, "known from elsewhere"


def test_guesses_take_no_memory_of_their_own(settings: Settings, database: Database) -> None:
    client = client_of(settings, database, rate_limit_failures="90 per hour", rate_limit_key="90 per hour")
    (limiter,) = client.application.extensions["limiter"]
    for number in range(50):
        assert asked(client, f"o2o_0123456789abcdef_{number}").status_code == 401
    assert len(limiter.storage.storage) == 1
    assert len(limiter.storage.locks) <= 1


def test_without_a_token_it_is_the_address_and_a_made_up_token_is_no_way_around(
    settings: Settings, database: Database
) -> None:
    client = client_of(settings, database, rate_limit_address="2 per minute")

    def register(address: str, token: str = "") -> int:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return client.post(
            "/v1/readers", headers=headers, environ_overrides={"REMOTE_ADDR": address}
        ).status_code

    assert [register("192.0.2.1", token) for token in ("", "a", "b")] == [201, 201, 429]
    assert register("192.0.2.2") == 201
    assert [register(f"2001:db8::{n}") for n in range(3)] == [201, 201, 429], "one network"
    assert register("2001:db8:0:1::1") == 201


@pytest.mark.parametrize(("proxies", "status"), [(0, 429), (1, 201)])
def test_the_address_is_the_one_that_trusted_proxies_tell(
    settings: Settings, database: Database, proxies: int, status: int
) -> None:
    client = client_of(settings, database, rate_limit_address="1 per minute", trusted_proxies=proxies)
    assert client.post("/v1/readers", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 201
    assert client.post("/v1/readers", headers={"X-Forwarded-For": "192.0.2.2"}).status_code == status


def test_attempts_to_log_in_are_counted_by_address(settings: Settings, database: Database) -> None:
    client = client_of(settings, database, rate_limit_address="2 per minute")
    tried = [client.post("/admin/login", data={"key": "guess"}).status_code for _ in range(3)]
    assert tried[2] == 429
    assert 429 not in tried[:2]
    assert client.get("/admin/login").status_code == 200


def test_health_and_pages_are_never_refused(settings: Settings, database: Database) -> None:
    client = client_of(settings, database, rate_limit_address="1 per hour", metrics_token="a-token")
    for path in ("/healthz", "/readyz", "/", "/docs", "/openapi.json", "/metrics"):
        for _ in range(3):
            with client.get(path, headers={"Authorization": "Bearer a-token"}) as answer:
                assert answer.status_code == 200, path
                assert "RateLimit-Limit" not in answer.headers


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A Redis of our own."""
    program = shutil.which("redis-server")
    assert program, "the tests need redis-server: install Debian's package of that name"
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        for line in server.stdout:
            if "Ready to accept connections" in line:
                break
        yield f"redis://127.0.0.1:{port}/0"
        server.terminate()


def test_redis_counts_for_all_processes_and_knows_nobody(
    settings: Settings, database: Database, redis_url: str
) -> None:
    options = {"rate_limit_storage": redis_url, "rate_limit_reader": "2 per minute"}
    one, two = (client_of(settings, database, **options) for _ in range(2))
    api = Api.of_new_reader(one)
    also = Api(two, api.token)
    assert [each.get("/v1/boards").status_code for each in (api, also, api, also)] == [200, 200, 429, 429]
    with redis.Redis.from_url(redis_url) as storage:
        kept = [key.decode() for key in storage.scan_iter()]
        assert kept
        assert api.token not in " ".join(kept)
        assert all(0 < storage.ttl(key) <= 120 for key in kept)


def test_without_its_redis_a_process_counts_by_itself_and_says_so(
    settings: Settings, database: Database, real_logs: RealLogs
) -> None:
    real_logs.start()
    url = f"redis://:a-password@127.0.0.1:{free_port()}/0"
    client = client_of(settings, database, rate_limit_storage=url, rate_limit_scans="2 per minute")
    api = Api.of_new_reader(client)
    assert [api.scan().status_code for _ in range(3)] == [200, 200, 429]
    told = [json.loads(line) for line in real_logs.text().splitlines()]
    assert [line["event"] for line in told if line.get("logger") == "flask-limiter"] == [
        "Rate limit storage unreachable - falling back to in-memory storage"
    ]
    assert "a-password" not in json.dumps(told)


def test_who_tries_to_log_in_too_often_is_told_on_a_page(settings: Settings, database: Database) -> None:
    browser = AdminBrowser(client_of(settings, database, rate_limit_address="1 per hour"))
    browser.get("/admin/login")
    first, second = (browser.post("/admin/login", key="a guess") for _ in range(2))
    assert first.status_code != 429
    assert (second.status_code, second.mimetype) == (429, "text/html")
    assert 0 < int(second.headers["Retry-After"]) <= 3600
    assert "try again in" in second.text
