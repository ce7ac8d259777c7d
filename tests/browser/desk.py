"""A publisher's desk: an issue to manage, a page to do it on, and axe to look over it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from itertools import product
from pathlib import Path
from random import Random
from typing import Any, Literal
from uuid import UUID, uuid4

import httpx
from playwright.sync_api import Locator, Page, ViewportSize, expect
from sqlalchemy import select

from o2o.db import Database, insert_many
from o2o.models import Creative, CreativeRollup, ReaderSketch
from o2o.services import sketch
from tests.browser.conftest import Site

DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
MOST_TABS = 60
SHOWN = {
    "analytics",
    "campaign",
    "conflict",
    "creative",
    "destination",
    "destination-phone-dark",
    "dry-run",
    "team",
    "trial",
}
"""The pages that the documentation has pictures of."""

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


@dataclass(frozen=True, slots=True)
class Issue:
    """A campaign with pictures; the addresses of its pages."""

    campaign: str
    creative: str
    destination: str
    watermark_id: str
    short_link: str


def picture(name: str) -> bytes:
    """A photograph that ships with scikit-image."""
    return (files("skimage") / "data" / name).read_bytes()


def make_issue(site: Site) -> Issue:
    """An issue of three pictures, made over the API."""
    own = {"Authorization": f"Bearer {site.key}"}
    with httpx.Client(base_url=site.url, headers=own, timeout=30, trust_env=False) as api:

        def made(path: str, **fields: Any) -> dict[str, Any]:
            answer = api.post(path, json=fields)
            assert answer.status_code == 201, answer.text
            found: dict[str, Any] = answer.json()
            return found

        plan = {"title": "Sunday Magazine, June", "page_count": 84, "on_sale_on": "2026-06-07"}
        campaign = made("/v1/campaigns", **plan)["id"]
        shown = []
        for title, page, file in (
            ("Deep field", 40, "hubble_deep_field.jpg"),
            ("Lift-off", 22, "rocket.jpg"),
            ("The first cup", 7, "coffee.png"),
        ):
            size = {"print_width_in": 6, "print_height_in": 4}
            creative = made("/v1/creatives", title=title, page=page, campaign_id=campaign, **size)
            answer = api.put(
                f"/v1/creatives/{creative['id']}/picture",
                files={"picture": (file, picture(file))},
                headers={"If-Match": '"1"'},
            )
            assert answer.status_code == 200, answer.text
            shown.append(answer.json())
        cup = shown[-1]
        image = cup["picture_url"].rsplit("/", 1)[1]
        first = made(
            f"/v1/creatives/{cup['id']}/destinations",
            title="The first cup",
            description="Six roasters, one morning: where to find the espresso on our cover.",
            link="https://magazine.example/cup",
            images=[image],
            alt_text="A cup of espresso on a saucer with a spoon",
            state="draft",
        )
        french = made(f"/v1/creatives/{cup['id']}/destinations", title="La première tasse", state="live")
        launch = {"state": "live", "starts_at": "2999-06-07T06:00:00Z"}
        made(f"/v1/creatives/{shown[1]['id']}/destinations", title="Lift-off", **launch)
        rules = [{"destination_id": french["id"], "countries": ["FR", "BE"], "languages": ["fr"]}]
        etag = api.get(f"/v1/creatives/{cup['id']}").headers["ETag"]
        answer = api.put(
            f"/v1/creatives/{cup['id']}/rules", json={"rules": rules}, headers={"If-Match": etag}
        )
        assert answer.status_code == 200, answer.text
        made("/v1/fallback", title="Sunday Magazine", state="live", link="https://magazine.example/")
    return Issue(
        f"/admin/campaigns/{campaign}",
        f"/admin/creatives/{cup['id']}",
        f"/admin/destinations/{first['id']}",
        cup["id"],
        cup["short_link"],
    )


def count_scans(site: Site, issue: Issue) -> None:
    """Put a month's counts of the issue's pictures where a worker keeps them."""
    chance = Random(1)
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    database = Database(site.database_url)
    counts: list[dict[str, Any]] = []
    seen: list[dict[str, Any]] = []
    of_all: dict[tuple[date, str], set[int]] = {}
    with database.begin() as session:
        campaign_id = UUID(issue.campaign.rsplit("/", 1)[1])
        pictures = session.scalars(select(Creative).where(Creative.campaign_id == campaign_id)).all()
        for age, shown, (device, share) in product(
            range(28), pictures, (("ios", 0.5), ("android", 0.4), ("other", 0.1))
        ):
            day = yesterday - timedelta(days=age)
            weekend = 1.8 if day.weekday() >= 5 else 1.0
            scans = round(
                share * weekend * (40 + 6 * age) * (1 + len(shown.title) / 10) * chance.uniform(0.7, 1.3)
            )
            whose = {"day": day, "device": device, "publisher_id": shown.publisher_id}
            readers = {sketch.entry(b"a key", uuid4()) for _ in range(2 * scans // 3)}
            for country, part in (("FR", 0.2), ("DE", 0.7), ("", 0.1)):
                some = {"scans": round(part * scans), "pins": round(0.2 * part * scans), "pins_failed": 0}
                counts.append(
                    whose | some | {"creative_id": shown.id, "country": country, "shown": "content"}
                )
            seen.append(whose | {"subject_id": shown.id, "sketch": sketch.encode(readers)})
            of_all.setdefault((day, device), set()).update(readers)
        seen += [
            {
                "subject_id": shown.publisher_id, "publisher_id": shown.publisher_id,
                "day": day, "device": device, "sketch": sketch.encode(readers),
            }
            for (day, device), readers in of_all.items()
        ]  # fmt: skip
        for table, rows in ((CreativeRollup, counts), (ReaderSketch, seen)):
            insert_many(session, table.metadata.tables[table.__tablename__], rows)
    database.engine.dispose()


def log_in(page: Page, site: Site) -> None:
    page.goto("/admin/login")
    page.get_by_label("API key").fill(site.key)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Campaigns")


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until the wanted element has the focus."""
    for _ in range(MOST_TABS):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{MOST_TABS} tabs lead to everything but {wanted}")


def shoot(page: Page, name: str) -> None:
    """Keep a picture of the page for the documentation where one is wanted."""
    if name in SHOWN and (folder := os.environ.get("O2O_SCREENSHOT_DIR")):
        page.screenshot(path=Path(folder) / f"admin-{name}.png", full_page=True)


def check(page: Page, name: str) -> None:
    """Hold the page to WCAG in light and dark, on a desk and a phone, and keep pictures of it."""
    for size, width in (("", DESK), ("-phone", PHONE)):
        page.set_viewport_size(width)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            assert faults(page) == [], f"{name}{size}, {scheme}"
            shoot(page, f"{name}{size}{'-dark' if scheme == 'dark' else ''}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width["width"], f"{name}{size}"
    page.set_viewport_size(DESK)
    page.emulate_media(color_scheme="light")


def faults(page: Page) -> list[str]:
    """What axe finds wrong with a page."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    options = json.dumps({"runOnly": RULES, "resultTypes": ["violations"]})
    violations = page.evaluate(f"axe.run(document, {options}).then(found => found.violations)")
    return [
        f"{each['id']}: {node['html'][:120]} {node['failureSummary']}"
        for each in violations
        for node in each["nodes"]
    ]
