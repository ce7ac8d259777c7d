"""The phone page in a real browser, over the real service: from a photo to the board."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import Base
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import LINK, PUBLISHER, TITLE, Site

pytestmark = pytest.mark.browser


def check_width(page: Page) -> None:
    """Check that nothing sticks out sideways."""
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def shoot(page: Page, name: str) -> None:
    """Check the width, and keep the README's picture of the page where one is wanted."""
    check_width(page)
    if folder := os.environ.get("O2O_SCREENSHOT_DIR"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def choose(page: Page, photo: Path) -> None:
    """Open the page and choose a photo from the phone's library."""
    page.goto("/")
    page.set_input_files("input[name=library]", photo)


def outline_xy(page: Page) -> np.ndarray[Any, Any]:
    """The corners of the outline on the photo, in the photo's pixels."""
    points = page.locator("polygon.outline").get_attribute("points")
    assert points is not None
    return np.array([[float(value) for value in point.split(",")] for point in points.split()]) - 0.5


def heading(page: Page) -> Any:
    return page.get_by_role("heading", level=1)


def test_a_photo_becomes_a_pin_on_the_board(phone: Page, site: Site) -> None:
    choose(phone, site.photo)
    expect(heading(phone)).to_have_text(TITLE)
    expect(phone.get_by_text(PUBLISHER)).to_be_visible()
    expect(phone.get_by_role("link", name="magazine.example")).to_have_attribute("href", LINK)
    truth = site.capture.picture_corners_xy[0]
    off_px = np.linalg.norm(outline_xy(phone) - truth, axis=1).mean()
    diagonals_px = np.linalg.norm(truth[:2] - truth[2:], axis=1)
    assert off_px < 0.03 * diagonals_px.mean()
    shoot(phone, "card")

    phone.get_by_role("button", name="Pin it").click()
    expect(phone.get_by_text("Pinned to My board").first).to_be_visible()
    expect(phone.locator("[data-slot=pinned-text]")).to_be_focused()
    shoot(phone, "pinned")

    phone.get_by_role("link", name="See the board").click()
    expect(heading(phone)).to_have_text("My board")
    expect(phone.locator(".pin")).to_have_count(1)
    expect(phone.get_by_role("heading", name=TITLE)).to_be_visible()
    assert (
        phone.locator("img.picture").evaluate("image => image.decode().then(() => image.naturalWidth)") > 500
    )
    shoot(phone, "board")

    phone.goto("/")
    expect(phone.get_by_role("navigation", name="Your boards").get_by_text("1 pin")).to_be_visible()
    check_width(phone)


def test_a_lost_answer_is_asked_for_again_under_the_same_key(phone: Page, site: Site) -> None:
    keys: list[str | None] = []

    def lose_the_first(route: Route) -> None:
        keys.append(route.request.headers.get("idempotency-key"))
        if len(keys) == 1:
            route.fetch()  # It reaches the service; its answer doesn't reach the phone.
            route.abort("connectionreset")
        else:
            route.continue_()

    phone.route("**/v1/pins", lose_the_first)
    choose(phone, site.photo)
    phone.get_by_label("Board", exact=True).select_option(label="New board…")
    phone.get_by_label("Name of the new board").fill("Up there")
    phone.get_by_role("button", name="Pin it").click()
    expect(phone.get_by_text("Pinned to Up there").first).to_be_visible()
    assert len(keys) == 2
    assert keys[0] == keys[1]
    phone.get_by_role("link", name="See the board").click()
    expect(heading(phone)).to_have_text("Up there")
    expect(phone.locator(".pin")).to_have_count(1)


def test_a_photo_is_kept_if_both_say_so_and_deleted_when_the_reader_says_so(phone: Page, site: Site) -> None:
    own = {"Authorization": f"Bearer {site.key}"}
    held = phone.request.get("/v1/publisher", headers=own)
    wanted = {"name": held.json()["name"], "keep_photos_days": 30}
    changed = phone.request.put(
        "/v1/publisher", data=wanted, headers=own | {"If-Match": held.headers["etag"]}
    )
    assert changed.ok, changed.text()

    def kept() -> int:
        return len(phone.request.get("/v1/photos", headers=own).json()["items"])

    choose(phone, site.photo)
    expect(heading(phone)).to_have_text(TITLE)
    expect(phone.get_by_text("The magazine keeps this photo")).to_have_count(0)
    assert kept() == 0

    phone.goto("/")
    phone.get_by_label("A magazine may keep my photos").check()
    choose(phone, site.photo)
    expect(phone.get_by_text("The magazine keeps this photo until")).to_be_visible()
    assert kept() == 1
    check_width(phone)
    phone.get_by_role("button", name="Delete it now").click()
    expect(phone.locator("[data-slot=kept]")).to_have_text("The photo is deleted.")
    assert kept() == 0
    phone.goto("/")
    expect(phone.get_by_label("A magazine may keep my photos")).to_be_checked()


def test_a_miss_tells_what_to_do_and_a_refused_token_is_replaced(phone: Page, site: Site) -> None:
    phone.goto("/")
    phone.evaluate("localStorage.setItem('print-to-pin.reader', '{\"token\": \"revoked\"}')")
    with phone.expect_response(lambda answer: answer.url.endswith("/scans") and answer.ok) as scanned:
        choose(phone, site.unmarked)
    scan = scanned.value.json()
    assert scan["outcome"] == "miss"
    expect(heading(phone)).to_have_text(scan["hint"])
    expect(phone.locator("input[name=camera]")).to_have_attribute("capture", "environment")
    check_width(phone)


def test_a_problem_is_a_plain_sentence(phone: Page, tmp_path: Path) -> None:
    text = tmp_path / "holiday.jpg"
    text.write_text("This is no picture.")
    choose(phone, text)
    expect(phone.get_by_text("That did not work")).to_be_visible()
    assert re.fullmatch(r"[A-Z][^{}<>]+\.", heading(phone).inner_text())
    expect(phone.get_by_role("button", name="Try again")).to_be_hidden()  # It would be refused again.
    expect(phone.get_by_label("Choose a photo")).to_be_enabled()
    check_width(phone)


def canned(scan: dict[str, Any]) -> Callable[[Route], None]:
    """Answer a scan with what only a far larger photo would show."""
    return lambda route: route.fulfill(content_type="application/json", body=json.dumps(scan))


def found(number: int, left: float, content: dict[str, Any] | None) -> dict[str, Any]:
    corners = [[left, 40], [left + 90, 50], [left + 80, 200], [left + 5, 190]]
    return {"id": f"0x{number:012x}", "corners": corners, "content": content}


def content(number: int, title: str) -> dict[str, Any]:
    about = {"description": "", "link": "javascript:alert(1)", "image_url": None, "alt_text": ""}
    return {"creative_id": f"0x{number:012x}", "title": title, "publisher": PUBLISHER, **about}


def test_each_of_several_pictures_can_be_chosen(phone: Page, site: Site) -> None:
    detections = [found(1, 10, content(1, "Left")), found(2, 120, content(2, "Right")), found(3, 230, None)]
    scan = {
        "id": "0" * 32,
        "outcome": "read",
        "hint": None,
        "width": 340,
        "height": 240,
        "detections": detections,
    }
    phone.route("**/v1/scans", canned(scan))
    choose(phone, site.unmarked)
    expect(heading(phone)).to_have_text("Left")
    expect(phone.locator("polygon.outline")).to_have_count(3)
    expect(phone.locator("polygon.is-unknown")).to_have_count(1)
    phone.get_by_role("radio", name="Right").check(force=True)
    expect(heading(phone)).to_have_text("Right")
    phone.locator("polygon.outline").first.click()
    expect(heading(phone)).to_have_text("Left")
    expect(phone.get_by_role("radio", name="Left")).to_be_checked()
    expect(phone.locator(".outlink")).to_be_hidden()  # What isn't a web address is no link.
    check_width(phone)


def test_an_upload_can_be_cancelled_or_sent_again(phone: Page, site: Site) -> None:
    phone.route("**/v1/scans", lambda route: route.abort("connectionreset"))
    choose(phone, site.unmarked)
    expect(heading(phone)).to_contain_text("did not get through")
    phone.unroute("**/v1/scans")
    held: list[Route] = []
    phone.route("**/v1/scans", lambda route: held.append(route))
    with phone.expect_request("**/v1/scans"):
        phone.get_by_role("button", name="Try again").click()
    phone.get_by_role("button", name="Cancel").click()
    expect(heading(phone)).to_contain_text("Saw it in print?")
    check_width(phone)


def test_whoever_goes_back_early_sends_nothing(phone: Page, site: Site) -> None:
    """Back while the picture is prepared, then while the first token is fetched."""
    sent: list[Route] = []
    phone.route("**/v1/scans", lambda route: sent.append(route))
    phone.add_init_script(
        "const create = createImageBitmap; let preparing = new Promise((done) => (window.prepared = done));"
        "window.createImageBitmap = async (blob) => (await preparing, create(blob));"
    )
    choose(phone, site.unmarked)
    phone.go_back()
    phone.evaluate("prepared()")
    settle(phone)
    expect(heading(phone)).to_contain_text("Saw it in print?")

    held: list[Route] = []
    phone.route("**/v1/readers", lambda route: held.append(route))
    with phone.expect_request("**/v1/readers"):
        phone.set_input_files("input[name=library]", site.unmarked)
    phone.get_by_role("button", name="Cancel").click()
    with phone.expect_response("**/v1/readers"):
        held[0].continue_()
    settle(phone)
    expect(heading(phone)).to_contain_text("Saw it in print?")
    assert sent == []


def settle(page: Page) -> None:
    """Give the page time for what it must not do: nothing tells of an upload that never comes."""
    page.wait_for_timeout(500)


def test_an_empty_board_says_how_to_fill_it(phone: Page) -> None:
    reader = phone.request.post("/v1/readers", data={}).json()
    phone.goto(reader["board"]["url"])
    expect(phone.get_by_role("heading", name="Nothing pinned yet")).to_be_visible()
    check_width(phone)


def test_a_photo_that_says_it_lies_on_its_side_is_shown_upright(phone: Page, tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[Base.Orientation] = 6
    Image.new("RGB", (120, 80), "navy").save(tmp_path / "turned.jpg", exif=turned)
    phone.route("**/v1/scans", lambda route: route.abort("connectionreset"))
    choose(phone, tmp_path / "turned.jpg")
    expect(heading(phone)).to_contain_text("did not get through")
    size = phone.locator("canvas").evaluate("canvas => [canvas.width, canvas.height]")
    assert size == [80, 120]
