"""``o2o demo`` as a newcomer runs it, and what it leaves behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from PIL import Image

from o2o.cli.demo_service import demo_environment, free_port, serving

pytestmark = pytest.mark.journey

DEMO = (sys.executable, "-c", "from o2o.cli import app; app()", "demo")
TIMEOUT_S = 300


def test_the_demo_reads_pins_and_tells_the_publisher(tmp_path: Path) -> None:
    run = subprocess.run(
        [*DEMO, "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    read, pinned, verified = (
        int(re.search(pattern, run.stdout)[1])  # type: ignore[index]
        for pattern in (r"Read +(\d) of 6", r"Pinned +(\d) of", r"Webhooks +(\d) of")
    )
    assert read == pinned == verified >= 5
    folder = tmp_path / "out" / "001"
    with Image.open(folder / "contact-sheet.png") as sheet:
        assert min(sheet.size) > 1000
    assert len(list(folder.glob("?-*.jpg"))) == 6
    _serve_again(folder, board=re.search(r"Board +http://\S+?(/boards/\S+)", run.stdout)[1])  # type: ignore[index]


def _serve_again(folder: Path, *, board: str) -> None:
    """Do what the demo's last lines say, and look at the board."""
    port = free_port()
    env = demo_environment(os.environ, folder / "data", port)
    with serving(env, port, folder / "again.log"):
        page = httpx.get(f"http://127.0.0.1:{port}{board}", trust_env=False)
    assert page.status_code == 200
    assert "The view from up there" in page.text
