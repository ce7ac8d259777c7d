"""What a publisher does on the admin pages, without any script."""

from __future__ import annotations

import io
import re
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from o2o.db import Database
from o2o.http.admin import campaign_choice, destination_form
from o2o.http.admin import rules as rules_pages
from o2o.models import Campaign, Creative, Destination, DestinationRevision, Rule, Scan
from o2o.roles import Role
from o2o.services import campaigns
from o2o.services.campaigns import Plan
from tests.integration.admin_browser import AdminBrowser, key_of
from tests.integration.support import NOW, Registered, ScriptedCodec, detection, jpeg, seen_reads
from watermarks.results import Miss, MissReason


@pytest.fixture
def browser(client: FlaskClient, database: Database, creative: Registered) -> AdminBrowser:
    """An owner's."""
    browser = AdminBrowser(client)
    browser.log_in(key_of(database, creative, Role.OWNER)[1])
    return browser


def chosen(data: bytes | None = None) -> tuple[io.BytesIO, str]:
    return io.BytesIO(data or jpeg(400, 300)), "tart.jpg"


def open_destination(browser: AdminBrowser, creative: Registered) -> str:
    """Go from a creative to its destination; return the address."""
    browser.get(f"/admin/creatives/{creative.creative_id}")
    found = re.search(r'href="(/admin/destinations/[^"]+)">Lemon tart', browser.page)
    assert found
    browser.get(found[1])
    return found[1]


def fields_of(browser: AdminBrowser, **changes: Any) -> dict[str, Any]:
    """The destination form's fields as they are, some changed."""
    names = ("version", "title", "link", "price_amount", "price_currency", "call_to_action", "alt_text",
             "starts_at", "ends_at", "locale", "master_pin")  # fmt: skip
    state = re.search(r'name="state" value="(\w+)" checked', browser.page)
    assert state
    return {name: browser.value(name) for name in names} | {"state": state[1], **changes}


def test_a_campaign_is_added_and_changed(browser: AdminBrowser) -> None:
    browser.get("/admin/campaigns/new")
    browser.post(browser.path, title="June", page_count="84", on_sale_on="2026-06-01", off_sale_on="")
    assert browser.has("Added.")
    assert browser.has("84 pages · on sale from 1 Jun 2026")
    campaign = browser.path
    browser.get(f"{campaign}/edit")
    assert browser.value("on_sale_on") == "2026-06-01"
    version = browser.value("version")
    browser.post(browser.path, version=version, title="May", page_count="84")
    assert browser.status == 422
    assert browser.has("There is a campaign 'May' already")
    browser.post(browser.path, version=version, title="June issue", page_count="many")
    assert browser.status == 422
    assert browser.has('aria-describedby="page_count-error page_count-hint"')
    assert browser.value("title") == "June issue"
    browser.post(browser.path, version=version, title="June issue", page_count="")
    assert browser.path == campaign
    browser.get(f"{campaign}/edit")
    browser.post(browser.path, version=version, title="Late", page_count="")
    assert browser.status == 412
    browser.get(f"{campaign}/edit")
    browser.post(f"{campaign}/remove", version=browser.value("version"))
    assert browser.path == "/admin/campaigns"
    assert not browser.has("June issue")


def test_a_campaign_in_print_stays(browser: AdminBrowser, database: Database) -> None:
    with database.read() as session:
        campaign_id = session.scalars(select(Creative.campaign_id)).one()
    browser.get(f"/admin/campaigns/{campaign_id}/edit")
    browser.post(f"/admin/campaigns/{campaign_id}/remove", version=browser.value("version"))
    assert browser.status == 409
    assert browser.has("print can't be taken back")


def test_a_picture_is_added_shown_and_withdrawn(browser: AdminBrowser, database: Database) -> None:
    with database.read() as session:
        campaign_id = session.scalars(select(Creative.campaign_id)).one()
    browser.get("/admin/creatives/new", campaign_id=str(campaign_id))
    assert browser.has(f'value="{campaign_id}" selected')
    typed = {"title": "Plum cake", "campaign_id": str(campaign_id), "page": "7", "print_width_in": "4,5"}
    browser.post("/admin/creatives/new", **typed, picture=chosen(b"no picture"))
    assert browser.status == 422
    assert browser.has("Send JPEG") or browser.has("send JPEG")
    assert browser.value("title") == "Plum cake"
    browser.post("/admin/creatives/new", **typed, picture=chosen())
    assert browser.status == 200, browser.page
    path = browser.path
    with database.read() as session:
        added = session.scalars(select(Creative).where(Creative.title == "Plum cake")).one()
    assert (added.page, added.print_width_in) == (7, 4.5)
    assert added.picture
    assert added.thumbnail
    assert added.fingerprint
    assert browser.has(f"/media/{added.picture}")
    assert browser.has("nothing yet")
    browser.get(f"/admin/campaigns/{campaign_id}")
    assert browser.has(f"/media/{added.thumbnail}")
    assert browser.has("Page 7")
    browser.get("/admin/creatives", title="plum")
    assert browser.has("Plum cake")
    assert not browser.has("Lemon tart")
    assert browser.get(f"{path}/qr.svg").content_type == "image/svg+xml"
    browser.get(f"{path}/edit")
    browser.post(browser.path, version=browser.value("version"), title="Plum tart", page="")
    assert browser.has("Plum tart")
    assert browser.has(f"/media/{added.picture}")
    browser.get(path)
    browser.post(f"{path}/withdraw", version=browser.value("version"))
    assert browser.has("Withdrawn")
    browser.get(path)
    assert browser.status == 404


def test_a_picture_stays_in_its_campaign_however_old_that_is(
    browser: AdminBrowser, database: Database, creative: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign_choice, "MOST_CAMPAIGNS", 1)
    with database.begin() as session:
        oldest = session.scalars(select(Campaign.id)).one()
        campaigns.add(session, creative.publisher_id, Plan("June"), now=NOW + timedelta(days=1))
    path = f"/admin/creatives/{creative.creative_id}/edit"
    selected = re.compile(r'<option value="([0-9a-f-]*)" selected>')
    browser.get(path)
    (chosen_one,) = selected.findall(browser.page)
    browser.post(path, version=browser.value("version"), title="", campaign_id=chosen_one)
    assert browser.status == 422
    assert selected.findall(browser.page) == [str(oldest)]
    browser.post(path, version=browser.value("version"), title="Tart", campaign_id=chosen_one)
    with database.read() as session:
        assert session.scalars(select(Creative.campaign_id)).one() == oldest
    browser.get("/admin/creatives/new", campaign_id=str(oldest))
    assert selected.findall(browser.page) == [str(oldest)]
    for unknown in ("lemon", str(UUID(int=5))):
        browser.get("/admin/creatives/new", campaign_id=unknown)
        assert browser.status == 200


def test_a_destination_is_changed_and_its_history_kept(
    browser: AdminBrowser, database: Database, creative: Registered
) -> None:
    path = open_destination(browser, creative)
    assert browser.has("goodfood.example")
    browser.post(
        path,
        **fields_of(browser, description="Crisp.\r\nSweet.", call_to_action="Order", price_amount="12,5"),
        price_currency_="",
        pictures=chosen(),
    )
    assert browser.status == 422  # A price without a currency.
    kept = re.search(r'name="images" value="([0-9a-f]{64}\.jpg)"', browser.page)
    assert kept, "the picture is kept while the fault is mended"
    mended = fields_of(browser, description="Crisp. Sweet.", price_currency="eur", images=kept[1])
    browser.post(path, **mended, do="preview")
    assert browser.status == 200
    assert browser.has("12.50 EUR")
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(DestinationRevision)) == 1
    browser.post(path, **mended, do="save")
    assert browser.has("Saved.")
    assert browser.has("Version 2")
    assert browser.has("Ada the owner <owner@goodfood.example> on the admin pages")
    assert browser.has("Price: <del>none</del> <ins>12.50</ins>")
    assert browser.has("Crisp. Sweet.")
    browser.post(path, **fields_of(browser, description="Crisp. Sweet.", images=kept[1]))
    assert browser.has("Nothing was different")


@pytest.mark.parametrize(
    ("starts_at", "typed", "step"),
    [
        (datetime(2026, 5, 1, 8, 0, 30, tzinfo=UTC), "2026-05-01T08:00:30", "1"),
        (datetime(2026, 5, 1, 8, 0, 0, 250_000, tzinfo=UTC), "2026-05-01T08:00:00.250", "0.001"),
        (datetime(2026, 5, 1, 8, tzinfo=UTC), "2026-05-01T08:00", "1"),
    ],
)
def test_times_that_nobody_touched_stay_to_the_second(
    browser: AdminBrowser,
    database: Database,
    creative: Registered,
    starts_at: datetime,
    typed: str,
    step: str,
) -> None:
    with database.begin() as session:
        row = session.scalars(select(Destination)).one()
        row.starts_at = starts_at
        rule = Rule(creative_id=row.creative_id, position=0, destination_id=row.id, until=starts_at)
        session.add(rule)
        destination_id = str(row.id)
    path = open_destination(browser, creative)
    assert browser.value("starts_at") == typed
    assert f'name="starts_at" type="datetime-local" step="{step}"' in browser.page
    browser.post(path, **fields_of(browser, title="Another"))
    assert browser.has("Saved.")
    home = f"/admin/creatives/{creative.creative_id}/rules"
    browser.get(home)
    rules = {"rule-0-destination_id": destination_id, "rule-0-until": browser.value("rule-0-until")}
    browser.post(home, version=browser.value("version"), **rules)
    assert browser.has("The rules are set")
    with database.read() as session:
        assert session.scalars(select(Destination)).one().starts_at == starts_at
        assert session.scalars(select(Rule)).one().until == starts_at


def test_long_histories_are_cut_short_and_say_so(
    browser: AdminBrowser, creative: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destination_form, "MOST_VERSIONS", 2)
    monkeypatch.setattr(rules_pages, "MOST_VERSIONS", 2)
    path = open_destination(browser, creative)
    home = f"/admin/creatives/{creative.creative_id}"
    for number in range(2, 5):
        has_more = number > 2
        browser.get(path)
        browser.post(path, **fields_of(browser, title=f"Title {number}"))
        assert browser.has(f"Version {number}")
        assert browser.has(f"<ins>Title {number}</ins>")
        assert browser.has("There are older ones") is has_more
        browser.get(f"{home}/rules")
        rule = {"rule-0-destination_id": path.rpartition("/")[2], "rule-0-min_scans": str(number)}
        browser.post(f"{home}/rules", version=browser.value("version"), **rule)
        assert browser.has("There are older ones") is (number > 3)
    assert browser.page.count("<p><strong>From version") == 2
    browser.get(path)
    assert browser.page.count("<p><strong>Version") == 2
    # The last one shown is told apart from the one that isn't.
    assert browser.has("Title: <del>Title 2</del> <ins>Title 3</ins>")


def test_an_edit_of_what_was_changed_meanwhile_shows_both(
    browser: AdminBrowser, creative: Registered
) -> None:
    path = open_destination(browser, creative)
    mine, theirs = (fields_of(browser, title=title) for title in ("Mine", "Theirs"))
    browser.post(path, **theirs)
    assert browser.has("Saved.")
    browser.post(path, **mine)
    assert browser.status == 412
    assert browser.has("Someone else changed this meanwhile")
    assert browser.has("<td>Mine</td><td>Theirs</td>")
    assert browser.value("title") == "Mine"
    browser.post(path, **fields_of(browser))
    assert browser.has("Saved.")
    assert browser.has("Title: <del>Theirs</del> <ins>Mine</ins>")


def test_the_live_preview_is_the_card_and_leaves_out_what_cant_be_shown(browser: AdminBrowser) -> None:
    browser.get("/admin/fallback")
    typed = {"title": "<b>Tart</b>", "link": "javascript:alert(1)", "price_amount": "x", "locale": "!"}
    browser.post("/admin/preview", **typed)
    assert browser.status == 200
    assert "&lt;b&gt;Tart&lt;/b&gt;" in browser.page
    assert "Good Food" in browser.page
    for absent in ("javascript", "outlink", "price", "lang="):
        assert absent not in browser.page


def test_fallbacks_are_added_and_lead_on(browser: AdminBrowser, database: Database) -> None:
    with database.read() as session:
        campaign_id = session.scalars(select(Creative.campaign_id)).one()
    browser.get("/admin/campaigns")
    assert browser.has("There is no fallback yet")
    for path in ("/admin/fallback", f"/admin/campaigns/{campaign_id}/fallback"):
        browser.get(path)
        browser.post(path, title="Our shop", state="live", link="https://goodfood.example/", do="preview")
        assert browser.status == 200
        browser.post(path, title="Our shop", state="live", link="not a link")
        assert browser.status == 422
        browser.post(path, title="Our shop", state="live", link="https://goodfood.example/")
        assert browser.path.startswith("/admin/destinations/")
        browser.get(path)
        assert browser.value("title") == "Our shop"
        browser.post(path, title="Another", state="live")
        assert browser.status == 422
        assert browser.has("There is a fallback already")
    with database.read() as session:
        owners = session.execute(select(Destination.campaign_id).where(Destination.title == "Our shop"))
        assert {owner for (owner,) in owners} == {None, campaign_id}


def test_rules_are_set_said_in_words_and_tried(
    browser: AdminBrowser, database: Database, creative: Registered
) -> None:
    home = f"/admin/creatives/{creative.creative_id}"
    browser.get(f"{home}/destinations/new")
    browser.post(browser.path, title="La tarte", state="live", link="https://goodfood.example/fr")
    with database.read() as session:
        ids = {title: str(key) for title, key in session.execute(select(Destination.title, Destination.id))}
    browser.get(f"{home}/rules")
    version = browser.value("version")
    rules = {
        "rule-0-destination_id": ids["Lemon tart"], "rule-0-place": "2", "rule-0-share_percent": "50",
        "rule-1-destination_id": ids["La tarte"], "rule-1-place": "1", "rule-1-countries": "fr, be",
        "rule-1-languages": "FR", "rule-1-devices": ["ios", "android"], "rule-1-since": "2026-05-01T08:00",
        "rule-2-destination_id": "",
    }  # fmt: skip
    browser.post(f"{home}/rules", version=version, **rules | {"rule-1-countries": "France"})
    assert browser.status == 422
    assert browser.value("rule-0-countries") == "France"
    assert browser.has('<a href="#rule-0-countries">Rule 1, countries</a>: A country is two capitals')
    assert browser.has('id="rule-0-countries-error"')
    browser.post(f"{home}/rules", version=version, **rules)
    assert browser.status == 200, browser.page
    assert browser.has(
        "In FR or BE, reading fr, on iPhone or iPad or Android, from 1 May 2026, 08:00 UTC: La tarte"
    )
    assert browser.has("50 of 100 readers: Lemon tart")
    with database.read() as session:
        first = session.scalars(select(Rule).order_by(Rule.position)).first()
        assert first is not None
        assert first.since == datetime(2026, 5, 1, 8, tzinfo=UTC)

    french = {"country": "fr", "language": "fr", "device": "ios", "at": "2026-05-02T00:00"}
    browser.get(f"{home}/dry-run", **french)
    assert browser.has("Rule 1, to 'La tarte'</strong> <span class=\"verdict\">wins")
    browser.get(f"{home}/dry-run", **french | {"at": "2026-04-02T00:00", "bucket": "60"})
    assert browser.has("it begins at 2026-05-01T08:00:00+00:00")
    assert browser.has("Destination 'Lemon tart'</strong> <span class=\"verdict\">wins")
    browser.get(f"{home}/dry-run", country="France")
    assert browser.has("That can't be shown")
    with database.read() as session:
        assert session.scalar(select(func.count(Scan.id))) == 0

    browser.get(f"{home}/rules")
    keep_second = {
        "rule-0-destination_id": ids["La tarte"], "rule-0-remove": "1",
        "rule-1-destination_id": ids["Lemon tart"], "rule-1-place": "2", "rule-1-share_percent": "50",
    }  # fmt: skip
    browser.post(f"{home}/rules", version=browser.value("version"), **keep_second)
    now, before = browser.page.split("What the rules were")
    assert "50 of 100 readers: Lemon tart" in now
    assert "In FR or BE" not in now
    assert "In FR or BE" in before


def test_a_photo_is_tried_and_nothing_is_recorded(
    browser: AdminBrowser, database: Database, creative: Registered, codec: ScriptedCodec
) -> None:
    browser.get("/admin/try")
    codec.found = [detection(creative.watermark_id), detection(0x123)]
    browser.post("/admin/try", photo=chosen())
    assert browser.status == 200
    assert browser.has("2 pictures read")
    assert browser.has("With a crisp base")
    assert browser.has("31.5 dB")
    assert browser.has("0x000000000123</code> (not registered)")
    codec.found = Miss(MissReason.GLARE)
    browser.post("/admin/try", photo=chosen())
    assert browser.has("A reflection hides the picture")
    browser.post("/admin/try", photo=chosen(b"text"))
    assert browser.status == 415
    browser.post("/admin/try")
    assert browser.status == 422
    with database.read() as session:
        assert session.scalar(select(func.count(Scan.id))) == 0


def test_pictures_wait_for_places_as_readers_photos_do_and_other_forms_dont(
    browser: AdminBrowser, creative: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("o2o.http.pictures.MAX_TURN_WAIT_S", 0.01)
    monkeypatch.setattr("o2o.http.admin.trial.MAX_TURN_WAIT_S", 0.01)
    monkeypatch.setattr("o2o.http.uploads.MAX_WAIT_S", 0.02)
    own = browser.client.application.extensions["o2o"]
    large = jpeg(400, 300) + bytes(100_000)
    path = open_destination(browser, creative)
    fields = fields_of(browser)
    forms: list[tuple[str, dict[str, Any], str]] = [
        ("/admin/creatives/new", {"title": "Plum cake"}, "picture"),
        (path, fields, "pictures"),
        ("/admin/try", {}, "photo"),
    ]
    with ExitStack() as others, seen_reads(monkeypatch) as read:
        for _ in range(own.settings.max_decodes):
            others.enter_context(own.uploads.decoder(0))
        for address, typed, field in forms:
            answer = browser.post(address, **typed, **{field: chosen(large)})
            assert (browser.status, answer.mimetype) == (503, "text/html"), address
            browser.get(path)
    assert read == []
    with ExitStack() as others:
        for _ in range(own.settings.max_decodes + own.settings.max_waiting):
            others.enter_context(own.uploads.let_in())
        for address, typed, field in forms:
            answer = browser.post(address, **typed, **{field: chosen(large)})
            assert browser.status == 503, address
            assert int(answer.headers["Retry-After"]) > 0
            browser.get(path)
        browser.post(path, **fields | {"call_to_action": "Bake it"})
        assert browser.has("Saved.")
    for _ in range(2 * own.settings.max_waiting):  # and places are given back
        browser.post("/admin/creatives/new", picture=chosen(large))
        assert browser.status == 422


def test_a_form_that_is_too_large_is_told(browser: AdminBrowser) -> None:
    browser.get("/admin/campaigns/new")
    browser.post("/admin/campaigns/new", title="x" * 100_000)
    assert browser.status == 413
    assert browser.has("larger than is taken")
