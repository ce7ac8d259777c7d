"""Figures for Prometheus: what is counted, for whom, and over several processes."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from o2o.db import Database, upgrade
from o2o.http import create_app
from o2o.models import Job, JobState
from o2o.settings import Settings
from tests.integration.support import Api, Registered, ScriptedCodec, detection
from watermarks.results import Miss, MissReason

TOKEN = {"Authorization": "Bearer figures-please"}


@pytest.fixture
def client(settings: Settings, database: Database, codec: ScriptedCodec) -> FlaskClient:
    """A client of an application that gives figures."""
    changed = dataclasses.replace(settings, metrics_token="figures-please")
    return create_app(changed, database, read=codec).test_client()


def figures(client: FlaskClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every figure by its name and labels."""
    answer = client.get("/metrics", headers=TOKEN)
    assert answer.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def of(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_figures_are_given_to_who_shows_the_token(
    client: FlaskClient, settings: Settings, database: Database
) -> None:
    assert client.get("/metrics", headers=TOKEN).content_type.startswith("text/plain; version=")
    for headers in ({}, {"Authorization": "Bearer guess"}, {"Authorization": "Bearer \xfc"}):
        assert client.get("/metrics", headers=headers).status_code == 401
    without = create_app(settings, database, read=ScriptedCodec()).test_client()
    assert without.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_requests_and_photos_are_counted(
    client: FlaskClient, codec: ScriptedCodec, creative: Registered
) -> None:
    api = Api.of_new_reader(client)
    codec.found = [detection(creative.watermark_id)]
    assert api.scan().get_json()["outcome"] == "read"
    codec.found = Miss(MissReason.TOO_DARK)
    assert api.scan().get_json()["outcome"] == "miss"
    assert api.scan(b"no photo").status_code == 415
    assert client.get(f"/v1/boards/{api.board_id}").status_code == 200
    assert client.get("/nothing/here").status_code == 404
    assert client.open("/healthz", method="BREW").status_code == 405
    found = figures(client)
    scans = {"method": "POST", "route": "/v1/scans"}
    assert found[of("o2o_requests_total", **scans, status="2xx")] == 2
    assert found[of("o2o_requests_total", **scans, status="4xx")] == 1
    board = "/v1/boards/<uuid:board_id>"
    assert found[of("o2o_requests_total", method="GET", route=board, status="2xx")] == 1
    assert found[of("o2o_requests_total", method="GET", route="none", status="4xx")] == 1
    assert found[of("o2o_requests_total", method="other", route="none", status="4xx")] == 1
    assert found[of("o2o_request_seconds_count", route="/v1/scans")] == 3
    assert found[of("o2o_photos_total", outcome="read", reason="")] == 1
    assert found[of("o2o_photos_total", outcome="miss", reason="too_dark")] == 1
    assert found[of("o2o_photos_total", outcome="refused", reason="unsupported-image")] == 1
    assert found[of("o2o_photo_seconds_count", outcome="read")] == 1
    assert api.board_id not in client.get("/metrics", headers=TOKEN).text


def test_jobs_are_counted_as_they_stand(client: FlaskClient, database: Database) -> None:
    now = datetime.now(UTC)

    def job(state: JobState, due_s: float, **more: Any) -> Job:
        run_at = now - timedelta(seconds=due_s)
        return Job(kind="a.test", ref=uuid4(), state=state, run_at=run_at, created_at=run_at, **more)

    assert figures(client)[of("o2o_oldest_due_job_age_seconds")] == 0
    held = {"lease_token": uuid4(), "lease_until": now + timedelta(hours=1)}
    with database.begin() as session:
        session.add_all(
            [
                job(JobState.WAITING, 60),
                job(JobState.WAITING, 90),
                job(JobState.WAITING, 900, **held),
                job(JobState.WAITING, -900),
                job(JobState.PARKED, 9000),
                job(JobState.DONE, 9000),
            ]
        )
    found = figures(client)
    counts = {state: found[of("o2o_jobs", state=state)] for state in ("waiting", "due", "parked")}
    assert counts == {"waiting": 4, "due": 2, "parked": 1}
    assert 90 <= found[of("o2o_oldest_due_job_age_seconds")] < 120


PROCESS = """
from app import app
client = app.test_client()
for _ in range(3):
    assert client.get("/healthz").status_code == 200
print(client.get("/metrics", headers={"Authorization": "Bearer figures-please"}).text)
"""


def test_processes_that_share_a_folder_tell_the_figures_of_all(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path / 'o2o.sqlite3'}")
    (tmp_path / "metrics").mkdir()
    env = os.environ | {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "O2O_DATA_DIR": str(tmp_path),
        "O2O_METRICS_TOKEN": "figures-please",
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
    }
    env.pop("O2O_DATABASE_URL", None)
    for processes in (1, 2):
        done = subprocess.run(
            [sys.executable, "-c", PROCESS], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        line = f'o2o_requests_total{{method="GET",route="/healthz",status="2xx"}} {3.0 * processes}'
        assert line in done.stdout.splitlines()
        assert 'o2o_jobs{state="waiting"} 0.0' in done.stdout.splitlines()
