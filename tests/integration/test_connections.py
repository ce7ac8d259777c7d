"""Connections to the database: few, held for moments, and what is told when there is none."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pytest
from flask.testing import FlaskClient

from o2o import db
from o2o.db import Database
from o2o.http import create_app
from o2o.settings import Settings
from tests.integration.support import Desk, ScriptedCodec, desk_of


@pytest.fixture
def few(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database with two connections, for which nobody waits long."""
    monkeypatch.setattr(db, "POOL_WAIT_S", 0.1)
    database = Database(settings.database_url, connections=2)
    yield database
    database.engine.dispose()


@pytest.fixture
def desk(settings: Settings, few: Database) -> Desk:
    """A desk at that database."""
    return desk_of(create_app(settings, few, read=ScriptedCodec()).test_client(), few)


@contextmanager
def all_in_use(database: Database) -> Iterator[None]:
    with database.engine.connect(), database.engine.connect():
        yield


def away_from(settings: Settings, url: str) -> FlaskClient:
    """A client of an application whose database isn't there."""
    return create_app(settings, Database(url), read=ScriptedCodec()).test_client()


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_manifest_that_is_read_slowly_holds_no_connection(desk: Desk, few: Database, form: str) -> None:
    campaign_id = desk.post("/v1/campaigns", {"title": "May"}).json["id"]
    creative_id = desk.creative(campaign_id=campaign_id)
    address = f"/v1/campaigns/{campaign_id}/manifest"
    # Unread, as those of a receiver that takes nothing.
    unread = [desk.get(address, format=form) for _ in range(3)]
    assert few.engine.pool.status().endswith("Current Checked out connections: 0")
    for answer in unread:
        assert answer.status_code == 200
        assert int(answer.headers["Content-Length"]) == len(answer.data)
        assert creative_id in answer.text
        answer.close()


def test_without_a_free_connection_one_is_told_when_to_come_back(desk: Desk, few: Database) -> None:
    with all_in_use(few):
        answer = desk.get("/v1/campaigns")
        assert (answer.status_code, answer.json["code"]) == (503, "busy")
        assert int(answer.headers["Retry-After"]) > 0
        desk.client.set_cookie("__Host-o2o_admin", "x", domain="o2o.example", secure=True)
        page = desk.client.get("/admin/campaigns", base_url="https://o2o.example")
        assert (page.status_code, page.mimetype) == (503, "text/html")
        assert int(page.headers["Retry-After"]) > 0
        ready: Any = desk.client.get("/readyz")
        assert (ready.status_code, ready.json["code"]) == (503, "not-ready")
    assert desk.get("/v1/campaigns").status_code == 200
    assert desk.client.get("/readyz").status_code == 200


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_a_database_that_is_away_is_told(settings: Settings) -> None:
    for url in ("postgresql+psycopg://o2o@127.0.0.1:1/o2o", f"sqlite:///{settings.data_dir}/not/there"):
        answer: Any = away_from(settings, url).get("/readyz")
        assert (answer.status_code, answer.json["code"]) == (503, "not-ready")
        assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_a_database_that_says_nothing_is_not_waited_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that swallows everything: it is asked once, however often one wants to know."""
    monkeypatch.setattr("o2o.http.health.READY_WITHIN_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        client = away_from(settings, f"postgresql+psycopg://o2o@127.0.0.1:{mute.getsockname()[1]}/o2o")
        started = monotonic()
        assert [client.get("/readyz").status_code for _ in range(3)] == [503] * 3
        assert monotonic() - started < db.CONNECT_TIMEOUT_S
