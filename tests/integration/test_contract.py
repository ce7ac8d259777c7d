"""The API keeps to its own description: schemathesis, with all of its checks and phases."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from werkzeug.serving import make_server

from o2o.db import Database, upgrade
from o2o.http import create_app
from o2o.settings import Settings
from o2o.settings_parsing import NO_LIMIT
from tests.conftest import KEY
from tests.integration.support import Desk, ScriptedCodec, desk_of, kept_photo

CONFIG = Path(__file__).parents[1] / "schemathesis.toml"

EXAMPLES = 2
"""For each operation and phase; by hand, with this number raised, it goes on for as long as one likes."""


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """The application on loopback."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


def parameters(desk: Desk) -> str:
    """The names of things that are there: without them every request would end in 404."""
    campaign_id = desk.post("/v1/campaigns", {"title": "May"}).json["id"]
    creative_id = desk.creative(campaign_id=campaign_id)
    named = {
        "campaign_id": campaign_id,
        "watermark_id": creative_id,
        "destination_id": desk.destination(creative_id, "The tart")["id"],
        "member_id": desk.post(
            "/v1/members", {"email": "ada@magazine.example", "name": "Ada", "role": "editor"}
        ).json["id"],
        "scan_id": kept_photo(desk, creative_id),
        "key_id": desk.post("/v1/keys", {"label": "Import", "scopes": ["registry:read"]}).json["id"],
    }
    return "\n[parameters]\n" + "".join(f'"path.{name}" = "{value}"\n' for name, value in named.items())


def test_the_api_is_as_described(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        database_url=f"sqlite:///{tmp_path / 'o2o.sqlite3'}",
        watermark_key=KEY,
        rate_limit_scans=NO_LIMIT,
        rate_limit_reader=NO_LIMIT,
        rate_limit_key=NO_LIMIT,
        rate_limit_address=NO_LIMIT,
        rate_limit_failures=NO_LIMIT,
    )
    upgrade(settings.database_url)
    database = Database(settings.database_url)
    app = create_app(settings, database, read=ScriptedCodec())
    desk = desk_of(app.test_client(), database)
    token = app.test_client().post("/v1/readers").get_json()["token"]
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.read_text("utf-8") + parameters(desk), "utf-8")
    with serving(app) as address:
        command = [
            sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run",
            f"{address}/openapi.json", "--checks", "all", "--max-examples", str(EXAMPLES),
            "--generation-deterministic", "--no-color",
        ]  # fmt: skip
        environment = {"PATH": "/usr/bin:/bin", "CONTRACT_KEY": desk.key, "CONTRACT_TOKEN": token}
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    database.engine.dispose()
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
