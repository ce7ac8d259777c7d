"""The how-to pages' `curl` examples, run as they stand against a real service."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select

from o2o.cli.demo_service import free_port, serving
from o2o.db import Database, upgrade
from o2o.models import ApiKey, Campaign, Destination, Pin, Publisher, Rule
from o2o.services import publishers, publishing
from o2o.services.destinations import Draft
from tests.golden_vectors import GOLDEN, vectors

pytestmark = pytest.mark.journey

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
NOW = datetime.now(UTC)
VECTORS = vectors()


@dataclass(frozen=True)
class Running:
    """A service, the folder that the examples are run in, and their environment."""

    address: str
    folder: Path
    database: Database
    env: dict[str, str]

    def run(self, page: str, *, only: str = "", first: str = "") -> list[str]:
        """Run a page's blocks that hold some text as one script; return what it printed."""
        text = (PAGES / page).read_text("utf-8")
        blocks = [block for block in BLOCK.findall(text) if only in block]
        assert blocks
        script = "\n".join(["set -euo pipefail", first, *blocks])
        for address in ("http://127.0.0.1:8000", "https://pins.example"):
            script = script.replace(address, self.address)
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=self.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("examples")
    programs = folder / "bin"
    programs.mkdir()
    command = programs / "o2o"
    command.write_text(f"#!/bin/sh\nexec {sys.executable} -c 'from o2o.cli import app; app()' \"$@\"\n")
    command.chmod(0o755)
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    env = os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(PAGES.parents[1]),
        "O2O_DATA_DIR": str(folder / "data"),
        "O2O_PUBLIC_URL": address,
        "O2O_WATERMARK_KEY": VECTORS["key"][0],
    }
    env.pop("O2O_DATABASE_URL", None)
    (folder / "data").mkdir()
    database = Database(f"sqlite:///{folder / 'data' / 'o2o.sqlite3'}")
    upgrade(str(database.engine.url))
    Image.new("RGB", (400, 300), (250, 220, 90)).save(folder / "tart.jpg")
    shutil.copy(GOLDEN / VECTORS["photo"][0], folder / "photo.jpg")
    with serving(env, port, folder / "serve.log"):
        yield Running(address, folder, database, env)
    database.engine.dispose()


def test_a_publisher_comes_as_far_as_the_page_says(running: Running) -> None:
    printed = running.run("use-the-publishers-api.md")
    # Half of the readers are sent to one, half to the other.
    assert {"https://sunday.example/tart-by-video", "https://shop.example/tart"} & set(printed)
    assert (running.folder / "tart-qr.svg").read_text("utf-8").startswith("<?xml")
    with (running.folder / "may.csv").open(newline="", encoding="utf-8-sig") as file:
        assert next(csv.reader(file))[:2] == ["day", "device"]
    with running.database.read() as session:
        publisher = session.scalars(select(Publisher).where(Publisher.name == "Sunday Magazine")).one()
        destinations = session.scalars(
            select(Destination)
            .where(Destination.publisher_id == publisher.id)
            .order_by(Destination.created_at)
        ).all()
        assert [(each.title, each.version) for each in destinations] == [
            ("Sunday Magazine", 1), ("Lemon tart", 2), ("Tarte au citron", 1), ("All you need for it", 1),
        ]  # fmt: skip
        rules = session.scalars(select(Rule).order_by(Rule.position)).all()
        assert [each.destination_id for each in rules] == [destinations[2].id, destinations[3].id]
        assert len(session.scalars(select(ApiKey)).all()) == 2


def test_a_reader_comes_as_far_as_the_page_says(running: Running) -> None:
    with running.database.begin() as session:
        publisher = publishers.add(session, "The printer", now=NOW)
        draft = Draft("A test pattern", link="https://printer.example/")
        creative = publishing.publish(
            session, publisher.id, draft, draw=lambda _bits: int(VECTORS["id"][0], 16), by="a test", now=NOW
        )
    running.run("integrate-scanning-and-pins.md")
    with running.database.read() as session:
        assert session.scalars(select(Pin)).one().creative_id == creative.id


def test_an_issue_comes_in_as_the_page_says(running: Running) -> None:
    page = (PAGES / "bring-in-a-whole-issue.md").read_text("utf-8")
    (table,) = re.findall(r"^```csv\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (running.folder / "may.csv").write_text(table, "utf-8")
    key = """
        PUBLISHER=$(o2o publisher add "A new one")
        MEMBER=$(o2o member add eva@new.example --publisher $PUBLISHER --name Eva)
        KEY=$(o2o key add import --publisher $PUBLISHER --member $MEMBER)
    """
    running.run("bring-in-a-whole-issue.md", only="curl", first=key)
    with (running.folder / "manifest.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [(row["page"], row["title"]) for row in rows] == [("12", "Lemon tart"), ("13", "Blue cup")]
    assert all(row["short_link"].startswith(running.address) for row in rows)
    with running.database.read() as session:
        assert session.scalars(select(Campaign).where(Campaign.title == "May 2026")).first() is not None
