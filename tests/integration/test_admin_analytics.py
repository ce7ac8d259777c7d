"""The analytics page: what the API counts, as charts and tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from o2o.db import Database, insert_many
from o2o.http.admin import campaign_choice
from o2o.models import Campaign, PhotoRollup
from o2o.roles import Role
from o2o.services import campaigns, rollups, sketch
from o2o.services.campaigns import Plan
from tests.conftest import KEY
from tests.integration.admin_browser import AdminBrowser, key_of
from tests.integration.support import NOW, Api, Registered, ScriptedCodec, detection


@pytest.fixture
def browser(client: FlaskClient, database: Database, creative: Registered) -> AdminBrowser:
    """An analyst's."""
    browser = AdminBrowser(client)
    browser.log_in(key_of(database, creative, Role.ANALYST)[1])
    return browser


def test_scans_are_drawn_and_told(
    browser: AdminBrowser, database: Database, api: Api, codec: ScriptedCodec, creative: Registered
) -> None:
    codec.found = [detection(creative.watermark_id)]
    for _ in range(3):
        assert api.scan().status_code == 200
    now = datetime.now(UTC)
    with database.read() as session:
        counted = rollups.count(session, now.date(), sketch.derive_key(KEY))
    with database.begin() as session:
        rollups.replace(session, counted, now=now)
    browser.get("/admin/analytics")
    assert browser.status == 200, browser.page
    assert browser.has("<dt>Scans</dt><dd>3</dd>")
    assert browser.has("<dt>Readers</dt><dd>1</dd>")
    assert browser.page.count("<svg") == 6
    assert browser.has(f'<th scope="row">{now.date()}</th><td>3</td>')
    assert browser.has('<th scope="row">Lemon tart</th><td>3</td>')
    assert browser.has('<th scope="row">May</th><td>3</td>')
    assert browser.has('<th scope="row">what is behind the picture</th><td>3</td>')
    assert browser.has("None, or too few photos to tell.")
    with database.begin() as session:
        table = PhotoRollup.metadata.tables["photo_rollup"]
        missed = {"day": now.date(), "device": "ios", "country": "", "reason": "glare", "photos": 997}
        insert_many(session, table, [missed])
    browser.get("/admin/analytics")
    assert browser.has('<th scope="row">a reflection</th><td>99.7 %</td>')
    browser.get("/admin/analytics", **{"from": "2026-03-01", "to": "2026-03-02"})
    assert browser.has("<dt>Scans</dt><dd>0</dd>")
    assert browser.value("from") == "2026-03-01"


def test_an_old_campaign_stays_chosen(
    browser: AdminBrowser, database: Database, creative: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign_choice, "MOST_CAMPAIGNS", 1)
    with database.begin() as session:
        oldest = session.scalars(select(Campaign.id)).one()
        campaigns.add(session, creative.publisher_id, Plan("June"), now=NOW + timedelta(days=1))
    browser.get("/admin/analytics", campaign_id=str(oldest))
    assert browser.has(f'<option value="{oldest}" selected>May</option>')
    assert browser.has(">June</option>")


def test_days_that_are_none_are_told(browser: AdminBrowser) -> None:
    for wrong in ({"from": "May"}, {"from": "2026-03-02", "to": "2026-03-01"}):
        browser.get("/admin/analytics", **wrong)
        assert browser.status == 422
        assert browser.has("That can't be shown")
    browser.get("/admin/analytics", campaign_id="00000000-0000-0000-0000-000000000001")
    assert browser.status == 404
