"""A publisher's desk: an issue to manage, a page to do it on, and axe to look over it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import httpx
from playwright.sync_api import Locator, Page, ViewportSize, expect

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
