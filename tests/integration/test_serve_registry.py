"""A registry exported here and served elsewhere: the same pictures lead to the same, and nothing is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from o2o.cli import app
from o2o.cli.demo_service import free_port
from o2o.cli.registry_copy import private_copy
from o2o.db import Database
from o2o.http import create_app
from o2o.integrations import registry_file
from o2o.integrations.registry_file import records_in
from o2o.integrations.storage import store_picture
from o2o.models import Creative, DestinationState, Rule
from o2o.roles import Role, Scope
from o2o.services import creatives, destinations, exports, keys, members, restores, rules
from o2o.services.creatives import Particulars
from o2o.services.destinations import Draft, Owner
from o2o.settings import Settings
from tests.golden_vectors import GOLDEN, vectors
from tests.integration.support import NOW, Api, Registered, ScriptedCodec, detection

IPHONE = "Mozilla/5.0 (iPhone)"
DESKTOP = "Mozilla/5.0"


def shown(client: Any, codec: ScriptedCodec, watermark_id: int, agent: str) -> Any:
    """What a new reader sees behind a picture."""
    codec.found = [detection(watermark_id)]
    api = Api.of_new_reader(client)
    client.environ_base["HTTP_USER_AGENT"] = agent
    scan = api.scan()
    assert scan.status_code == 200, scan.text
    return scan.json["detections"][0]["content"]


@pytest.fixture
def published(database: Database, settings: Settings, creative: Registered) -> dict[str, int]:
    """Pictures of all sorts by their names: the watermark IDs."""
    picture = store_picture(np.full((80, 90, 3), 120, np.uint8), settings.media_dir)
    with database.begin() as session:
        publisher_id = creative.publisher_id
        tart = creatives.get(session, publisher_id, creative.watermark_id)
        (main,) = destinations.of_creative(session, tart.id)
        destinations.edit(session, main, {"images": (picture,)}, version=1, by="a test", now=NOW)
        ios = Draft("On a phone", state=DestinationState.LIVE)
        owner = Owner(publisher_id, creative_id=tart.id)
        phone = destinations.add(session, owner, ios, by="a test", now=NOW + timedelta(hours=1))
        rule = Rule(destination_id=phone.id, devices=["ios"], countries=[], languages=[], share_percent=100)
        rules.replace(session, tart, [rule], version=1, by="a test", now=NOW)
        fallback = Draft("The magazine", link="https://goodfood.example/", state=DestinationState.LIVE)
        destinations.add(session, Owner(publisher_id), fallback, by="t", now=NOW)
        numbers = iter([0xB1, 0xB2])
        gone, bare = (
            creatives.add(session, publisher_id, Particulars(title), draw=lambda _: next(numbers), now=NOW)
            for title in ("Gone", "Bare")
        )
        creatives.withdraw(session, gone, version=1, now=NOW)
        return {"tart": creative.watermark_id, "gone": gone.watermark_id, "bare": bare.watermark_id}


@pytest.fixture
def file(client: Any, database: Database, creative: Registered, published: Any, tmp_path: Path) -> Path:
    """The registry file, as an owner's key gets it."""
    assert published
    with database.begin() as session:
        owner = members.add(
            session, creative.publisher_id, email="a@b.example", name="Ada", role=Role.OWNER, now=NOW
        )
        key = keys.issue(session, owner, label="exit", scopes=[Scope.TEAM_WRITE], now=NOW).text
    answer = client.get("/v1/export", headers={"Authorization": f"Bearer {key}"}, buffered=True)
    assert (answer.status_code, answer.content_type) == (200, "application/zip")
    # The picture that the destination showed first was never stored, and its history names it.
    assert answer.headers["X-Missing-Pictures"] == "1"
    path = tmp_path / "registry.zip"
    path.write_bytes(answer.data)
    assert b"b.example" not in b"".join(map(registry_file.line_of, records_in(path)))
    return path


@pytest.fixture
def elsewhere(file: Path, settings: Settings, codec: ScriptedCodec, tmp_path: Path) -> Iterator[Any]:
    """A client of a service that has nothing but the file."""
    own = replace(settings, data_dir=tmp_path / "nowhere", database_url="sqlite:////nowhere/at/all.sqlite3")
    with private_copy(file, own) as copied:
        database = Database(copied.database_url)
        yield create_app(copied, database, read=codec, read_only=True).test_client()
        database.engine.dispose()
        folder = copied.data_dir
        assert folder.exists()
    assert not folder.exists()


def test_the_same_picture_leads_to_the_same_content(
    client: Any, elsewhere: Any, codec: ScriptedCodec, published: dict[str, int]
) -> None:
    origins = set()
    for agent in (DESKTOP, IPHONE):
        for watermark_id in published.values():
            here = shown(client, codec, watermark_id, agent)
            assert shown(elsewhere, codec, watermark_id, agent) == here
            origins.add(here["origin"])
    assert origins == {"destination", "rule", "publisher_fallback"}
    tart = shown(elsewhere, codec, published["tart"], DESKTOP)
    picture = elsewhere.get(tart["image_url"], buffered=True)
    original = client.get(tart["image_url"], buffered=True)
    assert (picture.status_code, picture.data) == (200, original.data)
    code = creatives.format_code(published["bare"])
    assert elsewhere.get(f"/s/{code}").headers["Location"] == "https://goodfood.example/"
    assert elsewhere.get("/", buffered=True).status_code == 200
    assert elsewhere.get("/readyz").json == {"status": "ok"}


def test_what_would_have_to_be_kept_is_refused(elsewhere: Any) -> None:
    api = Api.of_new_reader(elsewhere)
    tried = 0
    for rule in elsewhere.application.url_map.iter_rules():
        for method in rule.methods - {"GET", "HEAD", "OPTIONS"}:
            if rule.rule in {"/v1/readers", "/v1/scans"}:
                continue
            path = rule.build(dict.fromkeys(rule.arguments, 1), append_unknown=False)[1]
            answer = elsewhere.open(path, method=method, json={}, headers=api.headers())
            assert (answer.status_code, answer.json["code"]) == (403, "read-only"), rule.rule
            tried += 1
    assert tried > 15
    assert elsewhere.get("/v1/campaigns", headers=api.headers()).status_code == 401
    assert api.get("/v1/boards").status_code == 200


def test_a_file_that_is_no_registry_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    text = tmp_path / "text.zip"
    text.write_text("no archive")
    result = CliRunner().invoke(app, ["serve", "--port", str(free_port()), "--registry", str(text)])
    assert result.exit_code == 3
    assert "error: text.zip is no registry file" in result.stderr
    assert list(tmp_path.iterdir()) == [text]


@contextmanager
def serving(registry: Path, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`o2o serve --registry` in a process of its own, without a database."""
    env = os.environ | {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "O2O_DATA_DIR": str(folder / "none"),
        "O2O_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
        "O2O_WATERMARK_KEY": vectors()["key"][0],
        "TMPDIR": str(folder),
    }
    command = [sys.executable, "-c", "from o2o.cli import app; app()", "serve"]
    command += ["--port", str(free_port()), "--registry", str(registry)]
    with (
        (folder / "serve.log").open("w") as log,
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        try:
            assert process.stdout is not None
            url = process.stdout.readline().removeprefix("serving on ").strip()
            assert url.startswith("http://127.0.0.1:"), (folder / "serve.log").read_text()
            yield process, url
        finally:
            watchdog.cancel()
            process.send_signal(signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_a_real_photo_is_read_by_a_real_server_with_nothing_but_the_file(
    database: Database, tmp_path: Path
) -> None:
    with database.begin() as session:
        restores.load(session, records_in(GOLDEN / "registry-1.zip"))
        tart = session.scalars(select(Creative).where(Creative.title == "Lemon tart")).one()
        tart.watermark_id = int(vectors()["id"][0], 16)
    registry = tmp_path / "registry.zip"
    with database.snapshot() as session, registry.open("wb") as file:
        registry_file.write(
            file, exports.records(session, UUID(int=1)), exports.pictures_of, tmp_path / "media"
        )
    with (
        serving(registry, tmp_path) as (process, url),
        httpx.Client(base_url=url, timeout=120, trust_env=False) as client,
    ):
        client.headers["Authorization"] = f"Bearer {client.post('/v1/readers').json()['token']}"
        photo = (GOLDEN / vectors()["photo"][0]).read_bytes()
        scan = client.post("/v1/scans", files={"photo": ("page.jpg", photo)}).json()
        assert scan["outcome"] == "read", scan
        content = scan["detections"][0]["content"]
        assert (content["title"], content["price"]) == ("Lemon tart", "12.50 EUR")
        refused = client.post("/v1/boards", json={"name": "Kitchen"})
        assert (refused.status_code, refused.json()["code"]) == (403, "read-only")
        assert list(tmp_path.glob("o2o-registry-*"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert not list(tmp_path.glob("o2o-registry-*"))
    assert not (tmp_path / "none").exists()


def test_a_destination_keeps_its_history(file: Path) -> None:
    told = [each for record in records_in(file) for each in record.get("destinations", ())]
    assert sorted(len(each["history"]) for each in told) == [1, 2]
