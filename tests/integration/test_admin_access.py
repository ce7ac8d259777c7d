"""Who gets in to the admin pages, and whose forms are taken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from o2o.db import Database
from o2o.http.service import utc_now
from o2o.models import Campaign, Destination, Login
from o2o.roles import Role, Scope
from o2o.services import destinations, keys, members, publishers, publishing, sessions
from o2o.services.destinations import Draft, Owner
from tests.integration.admin_browser import SITE, AdminBrowser, key_of
from tests.integration.support import NOW, Registered, counted_connections


@pytest.fixture
def browser(client: FlaskClient) -> AdminBrowser:
    return AdminBrowser(client)


def admin_routes(app: Flask, method: str) -> Iterator[tuple[str, str]]:
    """Every admin page that takes a method: its endpoint, and its address with something in each gap."""
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/admin") and method in (rule.methods or ()):
            path = re.sub(r"<uuid:\w+>", str(UUID(int=1)), rule.rule)
            path = re.sub(r"<watermark_id:\w+>", "0x000000000abc", path)
            yield rule.endpoint, re.sub(r"<\w+>", "x", path)


PUBLIC = {"admin_login.show_start", "admin_login.show_login", "admin_login.show_link"}


def test_nobody_sees_a_page_without_logging_in(browser: AdminBrowser) -> None:
    routes = [route for route in admin_routes(browser.client.application, "GET") if route[0] not in PUBLIC]
    assert len(routes) > 10
    for _, path in routes:
        answer = browser.client.get(path, base_url=SITE)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, "/admin/login"), path
    browser.get("/admin/campaigns/new")
    assert browser.path == "/admin/login"
    assert browser.value("next") == "/admin/campaigns/new"


def test_no_form_is_taken_without_its_token(
    browser: AdminBrowser, database: Database, creative: Registered
) -> None:
    """Every form, by whom may do everything."""
    _, key = key_of(database, creative, Role.OWNER)
    browser.log_in(key)
    routes = list(admin_routes(browser.client.application, "POST"))
    assert len(routes) > 15
    for _, path in routes:
        for sent in ({}, {"form_token": "0" * 64}, {"form_token": "é"}):
            answer = browser.client.post(path, base_url=SITE, data={"key": key, **sent})
            assert answer.status_code == 403, path
    browser.get("/admin/campaigns")
    assert browser.path == "/admin/campaigns"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Origin": SITE}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": SITE}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": SITE}, 200),
        ({}, 200),
    ],
)
def test_no_form_is_taken_from_another_site(
    browser: AdminBrowser, database: Database, creative: Registered, headers: dict[str, str], status: int
) -> None:
    browser.log_in(key_of(database, creative, Role.EDITOR)[1])
    browser.get("/admin/campaigns/new")
    browser.headers = headers
    browser.post("/admin/campaigns/new", title="June")
    assert browser.status == status


def test_a_login_takes_another_token_than_the_browser_had(
    browser: AdminBrowser, database: Database, creative: Registered
) -> None:
    browser.get("/admin/login")
    before = browser.client.get_cookie("__Host-o2o_admin", domain="o2o.example")
    assert before is not None
    old_page = browser.page
    browser.log_in(key_of(database, creative, Role.EDITOR)[1])
    after = browser.client.get_cookie("__Host-o2o_admin", domain="o2o.example")
    assert after is not None
    assert after.value != before.value
    assert (after.secure, after.http_only, after.same_site, after.path) == (True, True, "Lax", "/")
    browser.page = old_page
    browser.post("/admin/campaigns/new", title="June")
    assert browser.status == 403


def test_a_wrong_key_is_told(browser: AdminBrowser, database: Database, creative: Registered) -> None:
    _, key = key_of(database, creative, Role.OWNER)
    browser.get("/admin/login")
    for wrong in ("", "o2o_x_y", key[:-1]):
        browser.post("/admin/login", key=wrong)
        assert browser.status == 401
        assert browser.has("ask an owner for another")
    with database.read() as session:
        assert session.scalar(select(func.count(Login.id))) == 0


def test_a_link_logs_in_once_and_looking_at_it_uses_nothing_up(
    browser: AdminBrowser, database: Database, creative: Registered
) -> None:
    member, _ = key_of(database, creative, Role.EDITOR)
    with database.begin() as session:
        token = sessions.issue_link(session, creative.publisher_id, member.id, now=utc_now())
    for _ in range(2):
        browser.get(f"/admin/login/{token}")
        assert browser.has(f"Log in as {member.name}")
    page = browser.page
    browser.post(f"/admin/login/{token}")
    assert browser.path == "/admin/campaigns"
    other = AdminBrowser(browser.client.application.test_client())
    other.get("/admin/login")
    other.post(f"/admin/login/{token}")
    assert other.status == 401
    assert page != other.page
    other.get(f"/admin/login/{token}")
    assert other.status == 401


def test_logging_out_revoking_and_removing_end_a_session_at_once(
    browser: AdminBrowser, database: Database, creative: Registered
) -> None:
    member, key = key_of(database, creative, Role.EDITOR)
    browser.log_in(key)
    browser.post("/admin/logout")
    assert browser.path == "/admin/login"
    assert browser.has("You are logged out")
    browser.get("/admin/campaigns")
    assert browser.path == "/admin/login"

    browser.log_in(key)
    with database.begin() as session:
        found = keys.find(session, key, now=NOW)
        assert found is not None
        keys.revoke(session, creative.publisher_id, found.id, now=NOW)
    browser.get("/admin/campaigns")
    assert browser.path == "/admin/login"

    with database.begin() as session:
        boss = members.add(
            session, creative.publisher_id, email="b@c.example", name="B", role=Role.OWNER, now=NOW
        )
        assert boss.id != member.id
        again = keys.issue(session, members.get(session, creative.publisher_id, member.id), label="l",
                           scopes=[Scope.REGISTRY_READ], now=NOW).text  # fmt: skip
    browser.log_in(again)
    with database.begin() as session:
        members.remove(session, creative.publisher_id, member.id, version=member.version, now=NOW)
    browser.get("/admin/campaigns")
    assert browser.path == "/admin/login"


@pytest.mark.parametrize(
    "next_",
    ["https://evil.example/", "//evil.example", "/admin/..//e.example", "/\\evil.example", "/v1/x"],
)
def test_a_login_leads_nowhere_else(
    browser: AdminBrowser, database: Database, creative: Registered, next_: str
) -> None:
    _, key = key_of(database, creative, Role.EDITOR)
    browser.get("/admin/login")
    browser.post("/admin/login", key=key, next=next_)
    assert browser.path == "/admin/campaigns"


def test_an_analyst_sees_and_changes_nothing(
    browser: AdminBrowser, database: Database, creative: Registered
) -> None:
    browser.log_in(key_of(database, creative, Role.ANALYST)[1])
    with database.read() as session:
        destination_id = session.scalars(select(Destination.id)).one()
    for path in (
        "/admin/campaigns",
        f"/admin/creatives/{creative.creative_id}",
        f"/admin/destinations/{destination_id}",
        "/admin/fallback",
        "/admin/try",
    ):
        browser.get(path)
        assert browser.status == 200, path
        forms = re.findall(r'<form method="post" action="([^"]+)"', browser.page)
        assert set(forms) <= {"/admin/logout", "/admin/try"}, path
    harmless = {"admin_login.log_in_with_key", "admin_login.log_in_with_link", "admin_login.ask_for_link",
                "admin_login.log_out", "admin_trial.try_photo"}  # fmt: skip
    for endpoint, path in admin_routes(browser.client.application, "POST"):
        if endpoint not in harmless:
            browser.get("/admin/campaigns")
            browser.post(path)
            assert browser.status == 403, path
            assert browser.has("ask an owner")


def test_no_page_takes_a_connection_while_it_holds_one(
    browser: AdminBrowser, database: Database, creative: Registered
) -> None:
    """Else as many requests as there are connections would each wait for one that another holds."""
    member, key = key_of(database, creative, Role.OWNER)
    browser.log_in(key)
    with database.begin() as session:
        campaign_id = session.scalars(select(Campaign.id)).one()
        own = session.scalars(select(Destination.id)).one()
        fallback_of = (Owner(creative.publisher_id, campaign_id=campaign_id), Owner(creative.publisher_id))
        fallbacks = [
            destinations.add(session, owner, Draft("F"), by="a test", now=NOW).id for owner in fallback_of
        ]
        held = members.get(session, creative.publisher_id, member.id)
        other = keys.issue(session, held, label="another", scopes=[Scope.REGISTRY_READ], now=NOW).key.id
    known = {"campaign_id": campaign_id, "member_id": member.id, "key_id": other, "token": "x"}
    known |= {"watermark_id": creative.creative_id}
    ending = {"admin_login.log_out", "admin_team.remove_member", "admin_team.change_role"}
    rules = [
        rule for rule in browser.client.application.url_map.iter_rules() if rule.rule.startswith("/admin")
    ]
    with counted_connections(database) as connections:
        for method, rule, destination_id in product(("GET", "POST"), rules, (own, *fallbacks)):
            if method not in (rule.methods or ()) or rule.endpoint in ending:
                continue
            values = {
                name: str((known | {"destination_id": destination_id})[name]) for name in rule.arguments
            }
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule).format(**values)
            if method == "GET":
                browser.get(path)
            else:
                browser.get("/admin/campaigns")
                # Of an old version, so that pages of conflicts are among the answers.
                browser.post(path, title="Tart", state="draft", version="9", key=key)
            assert browser.status < 500, (method, path)
            assert (connections.now, connections.most) == (0, 1), (method, path)


def test_an_editor_manages_no_team(browser: AdminBrowser, database: Database, creative: Registered) -> None:
    browser.log_in(key_of(database, creative, Role.EDITOR)[1])
    browser.get("/admin/team")
    assert browser.status == 403
    for _, path in admin_routes(browser.client.application, "POST"):
        if path.startswith("/admin/team"):
            browser.get("/admin/campaigns")
            browser.post(path)
            assert browser.status == 403, path


def test_another_publishers_things_are_not_there(
    browser: AdminBrowser, database: Database, creative: Registered
) -> None:
    with database.begin() as session:
        other = publishers.add(session, "Another", now=NOW)
        theirs = publishing.publish(
            session, other.id, Draft("Theirs"), draw=lambda _: 0xDEF, by="t", now=NOW, campaign="Secret"
        )
        destination_id = session.scalars(
            select(Destination.id).where(Destination.creative_id == theirs.id)
        ).one()
        member = members.add(session, other.id, email="x@y.example", name="X", role=Role.OWNER, now=NOW)
        key = keys.issue(session, member, label="k", scopes=[Scope.TEAM_WRITE], now=NOW).key
        ids = {
            "campaigns": str(theirs.campaign_id),
            "destinations": str(destination_id),
            "members": str(member.id),
            "keys": str(key.id),
            "creatives": "0x000000000def",
        }
    browser.log_in(key_of(database, creative, Role.OWNER)[1])
    walked = 0
    for method in ("GET", "POST"):
        for _, path in list(admin_routes(browser.client.application, method)):
            kind = re.search(r"/(campaigns|destinations|members|keys|creatives)/(0x|0000)", path)
            if not kind:
                continue
            walked += 1
            address = re.sub(r"(0x000000000abc|00000000-[\d-]+)", ids[kind[1]], path)
            browser.get("/admin/campaigns")
            fields = {"version": "1", "title": "T", "state": "live", "role": "owner", "overlap_hours": "1"}
            answer = browser.get(address) if method == "GET" else browser.post(address, **fields)
            assert answer.status_code == 404, (method, address, browser.page)
            assert not browser.has("Secret")
            assert not browser.has("Theirs")
    assert walked > 20
    browser.get("/admin/creatives")
    assert not browser.has("Theirs")


def test_pages_are_kept_by_nobody(browser: AdminBrowser) -> None:
    answer = browser.get("/admin/login")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<(script|style)>|\sstyle=|\son\w+=", browser.page)
