"""A real service over a marked picture, and a real Chromium in front of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from o2o.cli.demo_photos import DPI, pixels, shipped_photograph, write_print_sized
from o2o.cli.demo_service import demo_environment, free_port, run_command, serving
from o2o.settings import DEMONSTRATION_KEY
from watermarks import Payload, embed
from watermarks.channel import CONDITIONS, Capture, simulate

TITLE = "The view from up there"
DESCRIPTION = "What an astronaut packs for a week in orbit, and what she leaves at home."
LINK = "https://magazine.example/up-there"
PUBLISHER = "Sunday Magazine"
TIMEOUT_MS = 60_000
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)

# Strong enough for sharp corners under whatever ID: these tests are of the page, the corpus test is of the
# codec at its own strength.
STRENGTH = 2.5


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A service, and what readers hold before their phones.

    Attributes
    ----------
    capture : Capture
        A photo of the marked picture's print; ``photo`` is its file.
    unmarked : Path
        A photo of a print without a mark.
    key : str
        An owner's.
    database_url : str
    """

    url: str
    capture: Capture
    photo: Path
    unmarked: Path
    key: str
    database_url: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    port = free_port()
    outer = {name: value for name, value in os.environ.items() if name != "O2O_WATERMARK_KEY"}
    env = demo_environment(outer, folder / "data", port)
    write_print_sized(shipped_photograph(), folder / "original.png")
    creative_id, key = _register(env, folder / "original.png")
    original = pixels(folder / "original.png")
    payload = Payload(int(creative_id, 16))
    marked = embed(original, payload, DEMONSTRATION_KEY, dpi=DPI, strength=STRENGTH)
    capture = _photograph(marked, folder / "photo.jpg", condition="easy")
    _photograph(original, folder / "unmarked.jpg", condition="easy", longest_px=800)
    with serving(env, port, folder / "service.log"):
        yield Site(
            env["O2O_PUBLIC_URL"],
            capture,
            folder / "photo.jpg",
            folder / "unmarked.jpg",
            key,
            f"sqlite:///{folder / 'data' / 'o2o.sqlite3'}",
        )


def _register(env: dict[str, str], picture: Path) -> tuple[str, str]:
    """Register the picture as a designer would; return the ID to mark it with, and an owner's key."""
    run_command("db", "upgrade", env=env)
    publisher = run_command("publisher", "add", PUBLISHER, env=env)
    shown = ("--title", TITLE, "--description", DESCRIPTION, "--link", LINK, "--image", str(picture))
    creative_id = run_command("creative", "add", "--publisher", publisher, *shown, env=env)
    ours = ("--publisher", publisher)
    member = run_command("member", "add", "ada@sunday.example", *ours, "--name", "Ada Byron", env=env)
    return creative_id, run_command("key", "add", "Ada's desk", *ours, "--member", member, env=env)


def _photograph(
    picture: NDArray[np.uint8], path: Path, *, condition: str, longest_px: int | None = None
) -> Capture:
    """Print a picture, photograph it, and write the photo, smaller if asked."""
    capture = simulate(picture, dpi=DPI, condition=CONDITIONS[condition], rng=np.random.default_rng(1))
    path.write_bytes(capture.jpeg_bytes)
    if longest_px is not None:
        with Image.open(path) as photo:
            photo.thumbnail((longest_px, longest_px))
            photo.save(path)
    return capture


# For one file and no longer: as long as it is there, its event loop runs in this thread, and no other test
# here can run one.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("O2O_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    expect.set_options(timeout=TIMEOUT_MS)  # For a busy machine; nothing here waits that long.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def phone(chromium: Browser, site: Site) -> Iterator[Page]:
    """The page on a phone 360 pixels wide; a message on its console fails the test."""
    context = chromium.new_context(
        base_url=site.url,
        viewport={"width": 360, "height": 780},
        device_scale_factor=2,
        is_mobile=True,
        has_touch=True,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    yield page
    context.close()
    # The browser itself reports answers of 4xx and lost requests, which are some tests' subject.
    assert [text for text in complaints if not text.startswith("Failed to load resource")] == []
