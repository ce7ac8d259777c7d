"""The admin pages in a real browser: by keyboard, with and without scripts, held to WCAG 2.1 AA by axe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import LINK, TIMEOUT_MS, TITLE, Site
from tests.browser.desk import (
    DESK,
    PHONE,
    Issue,
    check,
    count_scans,
    faults,
    log_in,
    make_issue,
    picture,
    tab_to,
)

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def issue(site: Site) -> Issue:
    """An issue to manage."""
    return make_issue(site)


@pytest.fixture
def desk(chromium: Browser, site: Site) -> Iterator[Page]:
    """A page on a desk; what the pages complain of on its console fails the test."""
    context = chromium.new_context(base_url=site.url, viewport=DESK, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    yield page
    context.close()
    # The browser itself reports answers of 4xx, which are some tests' subject.
    assert [text for text in complaints if not text.startswith("Failed to load resource")] == []


def test_axe_finds_what_is_wrong(desk: Page) -> None:
    desk.goto("/admin/login")
    assert faults(desk) == []
    desk.get_by_text("API key").first.evaluate("label => label.remove()")
    assert [fault for fault in faults(desk) if fault.startswith("label:")]


def test_a_destination_is_published_by_keyboard(desk: Page, site: Site, issue: Issue) -> None:
    desk.goto(issue.campaign)
    check(desk, "login")
    expect(desk.get_by_label("API key")).to_be_focused()
    desk.keyboard.type(site.key)
    desk.keyboard.press("Enter")

    expect(desk.get_by_role("heading", level=1)).to_have_text("Sunday Magazine, June")
    desk.goto("/admin/campaigns")
    check(desk, "campaigns")
    tab_to(desk, desk.get_by_role("link", name="Sunday Magazine, June"))
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", level=1)).to_have_text("Sunday Magazine, June")
    check(desk, "campaign")
    tab_to(desk, desk.get_by_role("link", name="The first cup"))
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", level=1)).to_contain_text("The first cup")
    check(desk, "creative")
    tab_to(desk, desk.get_by_role("link", name="The first cup", exact=True))
    desk.keyboard.press("Enter")

    card = desk.get_by_role("complementary", name="What a reader sees")
    expect(card).to_contain_text("Six roasters")
    tab_to(desk, desk.get_by_label("Title"))
    desk.keyboard.press("End")
    desk.keyboard.type(", and the last")
    expect(card.locator(".card-title")).to_have_text("The first cup, and the last")
    tab_to(desk, desk.get_by_label("Call to action"))
    desk.keyboard.type("Find a café")
    tab_to(desk, desk.get_by_label("Price"))
    desk.keyboard.type("3.5")
    tab_to(desk, desk.get_by_label("Currency"))
    desk.keyboard.type("EUR")
    expect(card.get_by_role("link", name="Find a café")).to_have_attribute(
        "href", "https://magazine.example/cup"
    )
    expect(card.locator(".price")).to_have_text("3.50 EUR")
    tab_to(desk, desk.get_by_label("Draft: no reader gets it"))
    desk.keyboard.press("ArrowDown")
    expect(desk.get_by_label("Live: readers get it")).to_be_checked()
    tab_to(desk, desk.get_by_role("button", name="Save"))
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("status")).to_have_text("Saved.")
    expect(desk.get_by_text("Ada Byron <ada@sunday.example> on the admin pages").first).to_be_visible()
    check(desk, "destination")

    followed = desk.request.get(issue.short_link, max_redirects=0)
    assert followed.headers["location"] == "https://magazine.example/cup"


def test_every_page_keeps_to_wcag(desk: Page, site: Site, issue: Issue) -> None:
    count_scans(site, issue)
    log_in(desk, site)
    for name, path in (
        ("campaign-new", "/admin/campaigns/new"),
        ("campaign-edit", f"{issue.campaign}/edit"),
        ("campaign-fallback", f"{issue.campaign}/fallback"),
        ("pictures", "/admin/creatives"),
        ("picture-new", "/admin/creatives/new"),
        ("picture-edit", f"{issue.creative}/edit"),
        ("destination-new", f"{issue.creative}/destinations/new"),
        ("rules", f"{issue.creative}/rules"),
        ("dry-run", f"{issue.creative}/dry-run?country=DE&language=de&device=ios"),
        ("fallback", "/admin/fallback"),
        ("analytics", "/admin/analytics"),
        ("missing", "/admin/campaigns/00000000-0000-0000-0000-000000000001"),
    ):
        desk.goto(path)
        expect(desk.get_by_role("heading", level=1)).to_be_visible()
        check(desk, name)
    desk.goto("/admin/analytics")
    expect(desk.get_by_role("img", name="Scans a day")).to_be_visible()


def test_an_edit_of_what_was_changed_meanwhile_shows_both(desk: Page, site: Site, issue: Issue) -> None:
    log_in(desk, site)
    desk.goto(issue.destination)
    own = {"Authorization": f"Bearer {site.key}"}
    path = issue.destination.replace("/admin", "/v1")
    held = desk.request.get(path, headers=own)
    changed = desk.request.patch(
        path, data={"title": "The second cup"}, headers=own | {"If-Match": held.headers["etag"]}
    )
    assert changed.ok
    desk.get_by_label("Title").fill("The third cup")
    desk.get_by_role("button", name="Save").click()
    expect(desk.get_by_role("alert")).to_contain_text("Someone else changed this meanwhile")
    expect(desk.get_by_role("row", name="Title")).to_contain_text("The third cup")
    expect(desk.get_by_role("row", name="Title")).to_contain_text("The second cup")
    check(desk, "conflict")
    desk.get_by_label("Title").fill("")
    desk.get_by_label("Link", exact=True).fill("https://")
    desk.locator("form[data-preview]").evaluate("form => form.noValidate = true")
    desk.get_by_role("button", name="Save over theirs").click()
    expect(desk.get_by_role("alert")).to_contain_text("can't be kept yet")
    expect(desk.get_by_label("Title")).to_have_attribute("aria-invalid", "true")
    check(desk, "faults")
    desk.get_by_label("Title").fill("The third cup")
    desk.get_by_label("Link", exact=True).fill("https://magazine.example/third")
    desk.get_by_role("button", name="Save").click()
    expect(desk.get_by_role("status")).to_have_text("Saved.")


def test_a_chosen_picture_is_on_the_card_before_it_is_sent(
    desk: Page, site: Site, issue: Issue, tmp_path: Path
) -> None:
    log_in(desk, site)
    desk.goto("/admin/campaigns/new")
    desk.get_by_label("Title").fill("A campaign to look at")
    desk.get_by_role("button", name="Add").click()
    desk.get_by_role("link", name="Add one").click()
    (tmp_path / "moon.png").write_bytes(picture("moon.png"))
    desk.get_by_label("Add pictures").set_input_files(tmp_path / "moon.png")
    thumb = desk.locator("#preview .thumb")
    expect(thumb).to_have_attribute("src", re.compile("^blob:"))
    desk.get_by_label("Title").fill("Our shop")
    expect(desk.locator("#preview .card-title")).to_have_text("Our shop")
    expect(thumb).to_be_visible()
    desk.get_by_role("button", name="Add", exact=True).click()
    expect(desk.get_by_role("status")).to_have_text("Added.")
    expect(thumb).to_have_attribute("src", re.compile("^/media/"))
    assert issue.campaign not in desk.url


def test_the_preview_works_without_scripts(chromium: Browser, site: Site, issue: Issue) -> None:
    context = chromium.new_context(base_url=site.url, viewport=DESK, java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    log_in(page, site)
    page.goto(issue.destination)
    page.get_by_label("Description").fill("Seven roasters.")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("Seven roasters.")
    expect(page.get_by_label("Description")).to_have_value("Seven roasters.")
    page.goto(issue.destination)
    expect(page.get_by_label("Description")).not_to_have_value("Seven roasters.")
    context.close()


def test_a_photo_is_tried(desk: Page, site: Site) -> None:
    log_in(desk, site)
    desk.get_by_role("link", name="Try a photo").click()
    check(desk, "try")
    desk.get_by_label("Photo").set_input_files(site.photo)
    desk.get_by_role("button", name="Read it").click()
    expect(desk.get_by_role("heading", name="It reads")).to_be_visible()
    expect(desk.locator(".card-title")).to_have_text(TITLE)
    expect(desk.get_by_role("link", name="magazine.example")).to_have_attribute("href", LINK)
    check(desk, "trial")
    desk.get_by_label("Photo").set_input_files(site.unmarked)
    desk.get_by_role("button", name="Read it").click()
    expect(desk.get_by_role("heading", name=re.compile("^Not read: "))).to_be_visible()


def test_a_member_is_let_in_by_link_and_a_key_is_made(desk: Page, site: Site, chromium: Browser) -> None:
    log_in(desk, site)
    desk.get_by_role("link", name="Team").click()
    desk.get_by_text("Add a member").click()
    desk.get_by_label("Name (required)").first.fill("Grace Hopper")
    desk.get_by_label("Mail address").fill("grace@sunday.example")
    desk.get_by_role("button", name="Add", exact=True).click()
    desk.get_by_text("Make a key").click()
    desk.get_by_label("What for").fill("The printer's upload")
    check(desk, "team")
    desk.get_by_role("button", name="Make it").click()
    expect(desk.get_by_label("Key")).to_have_value(re.compile("^o2o_"))
    check(desk, "key")
    desk.get_by_role("link", name="I have it").click()
    desk.get_by_role("button", name="Make a login link for Grace Hopper").click()
    link = desk.get_by_label("Link").input_value()

    context = chromium.new_context(viewport=PHONE)
    hers = context.new_page()
    hers.set_default_timeout(TIMEOUT_MS)
    hers.goto(link)
    expect(hers.get_by_role("heading", level=1)).to_have_text("Log in as Grace Hopper")
    assert faults(hers) == []
    hers.get_by_role("button", name="Log in").click()
    expect(hers.get_by_role("heading", level=1)).to_have_text("Campaigns")
    expect(hers.get_by_role("link", name="Team")).to_have_count(0)
    context.close()
