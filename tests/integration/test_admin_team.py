"""The team's page: members, their ways in, and keys that are shown once."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from o2o.db import Database
from o2o.http.admin import team
from o2o.roles import ROLE_SCOPES, Role
from o2o.services import keys, members
from tests.integration.admin_browser import AdminBrowser, key_of
from tests.integration.support import NOW, Registered


@pytest.fixture
def browser(client: FlaskClient, database: Database, creative: Registered) -> AdminBrowser:
    """An owner's."""
    browser = AdminBrowser(client)
    browser.log_in(key_of(database, creative, Role.OWNER)[1])
    return browser


def test_an_owner_manages_the_team(browser: AdminBrowser, database: Database, client: FlaskClient) -> None:
    browser.get("/admin/team")
    browser.post("/admin/team/members", name="Bo", email="nobody", role="editor")
    assert browser.status == 422
    assert browser.value("email") == "nobody"
    browser.post("/admin/team/members", name="Bo", email="bo@goodfood.example", role="editor")
    assert browser.has("bo@goodfood.example")
    member = re.search(r"/admin/team/members/([0-9a-f-]+)/role", browser.page)
    assert member
    browser.post(f"/admin/team/members/{member[1]}/login-link")
    link = re.search(r'value="https://o2o.example(/admin/login/[^"]+)"', browser.page)
    assert link
    bo = AdminBrowser(client.application.test_client())
    bo.get(link[1])
    bo.post(link[1])
    assert bo.has("Bo")

    browser.post("/admin/team/keys", label="desk", member_id=member[1], scopes=["team:write"])
    assert browser.status == 422  # More than an editor may.
    browser.post("/admin/team/keys", label="desk", member_id=member[1], scopes=["registry:read"])
    key = re.search(r'value="(o2o_[^"]+)"', browser.page)
    assert key
    browser.get("/admin/team")
    assert not browser.has(key[1])
    with database.read() as session:
        found = keys.find(session, key[1], now=NOW)
        assert found is not None
    browser.post(f"/admin/team/keys/{found.id}/rotate", overlap_hours="0")
    newer = re.search(r'value="(o2o_[^"]+)"', browser.page)
    assert newer
    browser.get("/admin/team")
    with database.read() as session:
        second = keys.find(session, newer[1], now=NOW)
        assert second is not None
    browser.post(f"/admin/team/keys/{second.id}/revoke")
    assert browser.has("The key has ended")
    browser.post(f"/admin/team/keys/{second.id}/rotate", overlap_hours="0")
    assert browser.status == 409
    browser.get("/admin/team")
    browser.post(
        "/admin/team/publisher",
        version="1",
        name="Better Food",
        keep_photos_days="9",
    )
    assert browser.has("Better Food")
    browser.post(f"/admin/team/members/{member[1]}/role", version="1", role="analyst")
    browser.post(f"/admin/team/members/{member[1]}/remove", version="1")
    assert browser.status == 412
    browser.get("/admin/team")
    browser.post(f"/admin/team/members/{member[1]}/remove", version="2")
    assert not browser.has("bo@goodfood.example")
    bo.get("/admin/campaigns")
    assert bo.path == "/admin/login"


def test_every_member_and_key_is_reached(
    browser: AdminBrowser, database: Database, creative: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(team, "PAGE_LENGTH", 2)
    with database.begin() as session:
        for number in range(1, 5):
            now = NOW + timedelta(hours=number)
            newer = members.add(
                session,
                creative.publisher_id,
                email=f"member-{number}@goodfood.example",
                name=f"Member {number}",
                role=Role.EDITOR,
                now=now,
            )
            keys.issue(session, newer, label=f"Key {number}", scopes=ROLE_SCOPES[Role.EDITOR], now=now)

    def listed(what: str) -> list[str]:
        return re.findall(rf'<th scope="row">({what}[^<]*)<', browser.page)

    def follow(words: str) -> None:
        found = re.search(rf'href="([^"]+)">{words}</a>', browser.page)
        assert found, browser.page
        browser.get(found[1].replace("&amp;", "&"))

    browser.get("/admin/team")
    assert (listed("Member"), listed("Key")) == (["Member 4", "Member 3"], ["Key 4", "Key 3"])
    assert browser.has(">Ada the owner</option>"), "whoever is at work can make a key of their own"
    browser.post("/admin/team/members", name="Bo", email="nobody", role="editor")
    assert browser.status == 422
    follow("Older keys")
    assert (listed("Member"), listed("Key")) == (["Member 4", "Member 3"], ["Key 2", "Key 1"])
    follow("Older members")
    assert (listed("Member"), listed("Key")) == (["Member 2", "Member 1"], ["Key 2", "Key 1"])
    follow("Older keys")
    assert listed("desk") == ["desk"]
    assert "Older keys" not in browser.page
    follow("Older members")
    assert listed("Ada") == ["Ada the owner"]
    assert "Older members" not in browser.page
    browser.get("/admin/team", keys="lemon")
    assert browser.status == 422
