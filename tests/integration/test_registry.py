"""The publisher's API: campaigns, creatives, destinations, and edits that know of each other."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, func, select

from o2o.db import Database
from o2o.models import Campaign, Creative
from o2o.services import contents, creatives
from o2o.services.contents import Asker
from tests.integration.support import NOW, Api, Desk, ScriptedCodec, detection, jpeg


def test_a_campaign_is_made_changed_and_removed(desk: Desk) -> None:
    made = desk.post("/v1/campaigns", {"title": "May", "page_count": 96, "on_sale_on": "2026-05-01"})
    assert made.status_code == 201
    assert made.json["off_sale_on"] is None
    path = made.headers["Location"]
    assert desk.get(path).json == made.json

    changed = desk.patch(path, {"page_count": 100}, If_Match=made.headers["ETag"])
    assert changed.json["page_count"] == 100
    assert changed.json["title"] == "May"
    assert changed.headers["ETag"] != made.headers["ETag"]

    assert desk.post("/v1/campaigns", {"title": "May"}).status_code == 409
    assert desk.delete(path, If_Match=changed.headers["ETag"]).status_code == 204
    assert desk.get(path).status_code == 404


def test_a_change_says_what_it_was_made_to(desk: Desk) -> None:
    made = desk.post("/v1/campaigns", {"title": "May"})
    path, seen = made.headers["Location"], made.headers["ETag"]

    assert desk.patch(path, {"title": "June"}).json["code"] == "precondition-required"
    assert desk.patch(path, {"title": "June"}, If_Match=seen).status_code == 200
    late = desk.patch(path, {"title": "July"}, If_Match=seen)
    assert (late.status_code, late.json["code"]) == (412, "precondition-failed")
    assert desk.patch(path, {"title": "July"}, If_Match="lemon").status_code == 400
    assert desk.get(path).json["title"] == "June"


def test_a_sale_goes_forward(desk: Desk) -> None:
    answer = desk.post(
        "/v1/campaigns", {"title": "May", "on_sale_on": "2026-05-02", "off_sale_on": "2026-05-01"}
    )
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/off_sale_on"


def test_pages_neither_skip_nor_repeat(desk: Desk) -> None:
    titles = [f"Issue {number}" for number in range(7)]
    for title in titles:
        desk.post("/v1/campaigns", {"title": title})
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = desk.get("/v1/campaigns", limit=3, **cursor).json
        seen += [each["title"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        desk.post("/v1/campaigns", {"title": f"Later {len(seen)}"})
        cursor = {"cursor": page["next_cursor"]}
    assert seen == titles[::-1]
    assert desk.get("/v1/campaigns", cursor="lemon").status_code == 422
    assert desk.get("/v1/campaigns", limit=101).status_code == 422


def test_creatives_are_found_by_what_they_are(desk: Desk) -> None:
    campaign_id = desk.post("/v1/campaigns", {"title": "May", "page_count": 10}).json["id"]
    tart = desk.creative("Lemon tart", campaign_id=campaign_id, page=3, print_width_in=5)
    other = desk.creative("Café 100 %")

    def ids(**query: Any) -> list[str]:
        return [each["id"] for each in desk.get("/v1/creatives", **query).json["items"]]

    assert ids() == [other, tart]
    assert ids(campaign_id=campaign_id) == [tart]
    assert ids(page=3) == [tart]
    assert ids(page=4) == []
    assert ids(title="0 %") == [other]
    assert ids(title="TART") == [tart]
    beyond = desk.post("/v1/creatives", {"title": "T", "campaign_id": campaign_id, "page": 11})
    assert beyond.json["errors"][0]["pointer"] == "/page"
    assert desk.delete(f"/v1/campaigns/{campaign_id}", If_Match='"1"').status_code == 409


def test_a_campaign_keeps_the_pages_that_creatives_are_on(desk: Desk) -> None:
    path = "/v1/campaigns/" + desk.post("/v1/campaigns", {"title": "May"}).json["id"]
    on = {page: desk.creative("T", campaign_id=path.rsplit("/", 1)[1], page=page) for page in (3, 9, 10, 12)}

    def cut_to(pages: int) -> Any:
        return desk.patch(path, {"page_count": pages}, If_Match=desk.get(path).headers["ETag"])

    assert desk.delete(f"/v1/creatives/{on[12]}", If_Match='"1"').status_code == 204, "to be left out below"
    refused = cut_to(8)
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/page_count")
    assert "2 creatives lie beyond page 8, up to page 10" in refused.json["detail"]
    assert "1 creative lies beyond page 9, up to page 10" in cut_to(9).json["detail"]
    assert [cut_to(pages).status_code for pages in (20, 10, 9)] == [200, 200, 422]
    assert desk.patch(f"/v1/creatives/{on[10]}", {"title": "A tart"}, If_Match='"1"').status_code == 200
    titled = desk.patch(path, {"title": "June"}, If_Match=desk.get(path).headers["ETag"])
    assert titled.json["page_count"] == 10


@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("*", 200),
        ('"1"', 200),
        ('"7" , "1"', 200),
        (', "7",, "1",', 200),
        ('W/"7", "1"', 200),
        ('W/"1"', 412),
        ('"7"', 412),
        ('"7", "8"', 412),
        ('"abc"', 412),
        ('"1,7"', 412),
        ('""', 412),
        ('"01"', 412),
        ("", 400),
        (",", 400),
        ("1", 400),
        ('"1', 400),
        ('"1" "7"', 400),
        ('*, "1"', 400),
        ('w/"1"', 400),
        ("lemon", 400),
    ],
)
def test_a_change_is_made_to_any_of_the_versions_that_it_names(desk: Desk, asked: str, status: int) -> None:
    """As RFC 9110, 13.1.1, has it."""
    path = "/v1/campaigns/" + desk.post("/v1/campaigns", {"title": "May"}).json["id"]
    code = {412: "precondition-failed", 400: "invalid-header"}.get(status)
    for changed in (
        desk.patch(f"/v1/members/{desk.member_id}", {"name": "Ada"}, If_Match=asked),
        desk.patch(path, {"title": "June"}, If_Match=asked),
    ):
        assert (changed.status_code, changed.json.get("code")) == (status, code)


def test_a_withdrawn_creative_leads_to_the_fallback(desk: Desk, api: Api, codec: ScriptedCodec) -> None:
    creative_id = desk.creative()
    desk.destination(creative_id, "The tart")
    codec.found = [detection(int(creative_id, 16))]

    def shown() -> tuple[str, str]:
        content = api.scan().json["detections"][0]["content"]
        return content["title"], content["origin"]

    assert shown() == ("The tart", "destination")
    seen = desk.get(f"/v1/creatives/{creative_id}").headers["ETag"]
    assert desk.delete(f"/v1/creatives/{creative_id}", If_Match=seen).status_code == 204
    withdrawn = desk.get(f"/v1/creatives/{creative_id}")
    assert withdrawn.json["withdrawn_at"] is not None
    assert desk.get("/v1/creatives").json["items"] == []
    assert desk.get("/v1/creatives", withdrawn="true").json["items"] == [withdrawn.json]
    change = desk.patch(f"/v1/creatives/{creative_id}", {"title": "T"}, If_Match=withdrawn.headers["ETag"])
    assert change.status_code == 404
    assert "was withdrawn on" in change.json["detail"]

    assert shown() == ("Good Food", "notice")
    assert desk.post("/v1/fallback", {"title": "Our recipes", "state": "live"}).status_code == 201
    assert desk.post("/v1/fallback", {"title": "Another"}).status_code == 409
    assert shown() == ("Our recipes", "publisher_fallback")


def test_a_campaigns_fallback_comes_before_the_publishers(desk: Desk, api: Api, codec: ScriptedCodec) -> None:
    campaign_id = desk.post("/v1/campaigns", {"title": "May"}).json["id"]
    creative_id = desk.creative(campaign_id=campaign_id)
    codec.found = [detection(int(creative_id, 16))]
    assert desk.get(f"/v1/campaigns/{campaign_id}/fallback").status_code == 404
    desk.post("/v1/fallback", {"title": "Ours", "state": "live"})
    own = desk.post(f"/v1/campaigns/{campaign_id}/fallback", {"title": "May's", "state": "live"})
    assert own.json["campaign_id"] == campaign_id

    assert api.scan().json["detections"][0]["content"]["title"] == "May's"
    creative = desk.get(f"/v1/creatives/{creative_id}").headers["ETag"]
    desk.patch(f"/v1/creatives/{creative_id}", {"campaign_id": None}, If_Match=creative)
    seen = desk.get(f"/v1/campaigns/{campaign_id}").headers["ETag"]
    assert desk.delete(f"/v1/campaigns/{campaign_id}", If_Match=seen).status_code == 409
    creative = desk.get(f"/v1/creatives/{creative_id}").headers["ETag"]
    desk.patch(f"/v1/creatives/{creative_id}", {"campaign_id": campaign_id}, If_Match=creative)
    desk.patch(own.headers["Location"], {"state": "expired"}, If_Match=own.headers["ETag"])
    assert api.scan().json["detections"][0]["content"]["title"] == "Ours"
    assert desk.get("/v1/fallback").json["title"] == "Ours"


def test_a_campaign_with_a_fallback_stays_without_a_look_at_detections(
    desk: Desk, database: Database
) -> None:
    path = desk.post("/v1/campaigns", {"title": "May"}).headers["Location"]
    fallback = desk.post(f"{path}/fallback", {"title": "May's", "state": "draft"})
    said: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *told: said.append(told[2]))
    answer = desk.delete(path, If_Match=desk.get(path).headers["ETag"])
    assert (answer.status_code, answer.json["code"]) == (409, "conflict")
    assert "give it another title" in answer.json["detail"]
    assert said
    assert not [each for each in said if "scan_detection" in each or "DELETE" in each]
    assert desk.get(f"{path}/fallback").json == fallback.json


def test_rules_count_photos_and_no_more_than_they_tell_apart(
    desk: Desk, api: Api, codec: ScriptedCodec, database: Database
) -> None:
    creative_id = desk.creative()
    desk.destination(creative_id, "First")
    later, last = (desk.destination(creative_id, title) for title in ("Later", "Last"))
    path = f"/v1/creatives/{creative_id}"
    rules = [
        {"destination_id": later["id"], "min_scans": 2, "max_scans": 2},
        {"destination_id": last["id"], "min_scans": 3},
    ]
    desk.put(f"{path}/rules", {"rules": rules}, If_Match=desk.get(path).headers["ETag"])

    two_copies = [detection(int(creative_id, 16))] * 2
    another = desk.creative("Another, the largest in its photo")
    codec.found = [detection(int(another, 16)), *two_copies]
    shown = []
    for _ in range(6):
        found = [each["content"]["title"] for each in api.scan().json["detections"]]
        shown.append(found[1:])
    assert shown == [[title] * 2 for title in ("First", "First", "Later", "Last", "Last", "Last")]

    with database.read() as session:
        creative = creatives.find(session, [int(creative_id, 16)])[int(creative_id, 16)]
        choices = contents.choices_of(session, [creative])[creative.id]
        visit = contents.visit(session, choices, Asker(), now=NOW)
        said: list[str] = []
        event.listen(database.engine, "before_cursor_execute", lambda *told: said.append(told[2]))
        assert [visit.scans(), visit.scans()] == [4, 4]
        assert len(said) == 1


def test_a_destination_keeps_its_history(desk: Desk) -> None:
    first = desk.destination(desk.creative(), "The tart", price_amount="12.5", price_currency="EUR")
    assert first["price_amount"] == "12.50"
    path = f"/v1/destinations/{first['id']}"

    changed = desk.patch(path, {"link": "https://goodfood.example/tart"}, If_Match='"1"')
    assert changed.json["version"] == 2
    same = desk.patch(path, {"title": "The tart"}, If_Match='"2"')
    assert same.json["version"] == 2

    history = desk.get(f"{path}/revisions").json["items"]
    assert [(each["version"], each["content"]["link"]) for each in history] == [
        (2, "https://goodfood.example/tart"),
        (1, None),
    ]
    assert all(each["changed_by"].startswith("An owner <owner-") for each in history)
    assert [each["content"]["price_amount"] for each in history] == ["12.50", "12.50"]


def pages_of(desk: Desk, path: str) -> list[list[int]]:
    """The versions on each page of two."""
    pages, cursor = [], dict[str, str]()
    while True:
        page = desk.get(path, limit=2, **cursor)
        assert page.status_code == 200, page.text
        pages.append([each["version"] for each in page.json["items"]])
        if page.json["next_cursor"] is None:
            return pages
        cursor = {"cursor": page.json["next_cursor"]}


def test_histories_come_in_pages(desk: Desk) -> None:
    creative_id = desk.creative()
    destination = desk.destination(creative_id, "The tart")["id"]
    for version in range(1, 5):
        path = f"/v1/destinations/{destination}"
        assert desk.patch(path, {"title": f"{version}"}, If_Match=f'"{version}"').status_code == 200
        rules = {"rules": [{"destination_id": destination, "min_scans": version}]}
        path = f"/v1/creatives/{creative_id}/rules"
        assert desk.put(path, rules, If_Match=f'"{version}"').status_code == 200
    revisions = f"/v1/destinations/{destination}/revisions"
    assert pages_of(desk, revisions) == [[5, 4], [3, 2], [1]]
    assert pages_of(desk, f"{path}/revisions") == [[5, 4], [3, 2]]
    # No base64, no JSON, no number, none of a version's, another list's.
    for wrong in ("lemon", "bGVtb24=", "dHJ1ZQ==", "LTE=", "NDI5NDk2NzI5Ng==", "WzEsMl0="):
        answer = desk.get(revisions, cursor=wrong)
        assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/cursor"), wrong


def test_a_destination_holds_only_what_can_be_pinned(desk: Desk) -> None:
    path = f"/v1/creatives/{desk.creative()}/destinations"
    for field, value in {
        "title": "x" * 101,
        "description": "x" * 801,
        "link": "javascript:alert(1)",
        "alt_text": "x" * 501,
        "price_amount": "-1",
        "price_currency": "euro",
        "master_pin": "pin",
        "locale": "english",
        "images": ["../../etc/passwd"],
        "state": "gone",
        "colour": "red",
    }.items():
        answer = desk.post(path, {"title": "T", field: value})
        assert answer.status_code == 422, field
        assert answer.json["errors"][0]["pointer"].startswith(f"/{field}")
    lone = desk.post(path, {"title": "T", "price_amount": "1.00"})
    assert lone.json["errors"][0]["pointer"] == "/price_amount"
    backward = {"title": "T", "starts_at": "2026-05-02T00:00:00Z", "ends_at": "2026-05-01T00:00:00Z"}
    assert desk.post(path, backward).json["errors"][0]["pointer"] == "/ends_at"
    assert desk.get(path).json["items"] == []


def test_rules_choose_and_say_why(desk: Desk, api: Api, codec: ScriptedCodec) -> None:
    creative_id = desk.creative()
    english = desk.destination(creative_id, "The tart")
    french = desk.destination(creative_id, "La tarte")
    path = f"/v1/creatives/{creative_id}"
    seen = desk.get(path).headers["ETag"]
    rules = {"rules": [{"destination_id": french["id"], "languages": ["fr"]}]}

    assert desk.put(f"{path}/rules", rules).status_code == 428
    put = desk.put(f"{path}/rules", rules, If_Match=seen)
    assert put.status_code == 200
    assert desk.get(f"{path}/rules").json == put.json
    assert desk.put(f"{path}/rules", rules, If_Match=seen).status_code == 412

    codec.found = [detection(int(creative_id, 16))]
    api.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "fr-CH, en;q=0.5"
    content = api.scan().json["detections"][0]["content"]
    assert (content["title"], content["origin"]) == ("La tarte", "rule")
    api.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    assert api.scan().json["detections"][0]["content"]["title"] == "The tart"

    dry = desk.get(f"{path}/dry-run", language="de").json
    assert dry["content"]["title"] == "The tart"
    assert [(each["destination_id"], each["wins"]) for each in dry["steps"]] == [
        (french["id"], False),
        (english["id"], True),
    ]
    assert dry["steps"][0]["why"] == "the reader reads de, not fr"


def test_every_list_of_rules_is_kept_with_who_made_it(desk: Desk) -> None:
    creative_id = desk.creative()
    first, second = (desk.destination(creative_id, title)["id"] for title in ("One", "Two"))
    path = f"/v1/creatives/{creative_id}/rules"

    def put(*rules: dict[str, Any]) -> int:
        tag = desk.get(f"/v1/creatives/{creative_id}").headers["ETag"]
        return int(desk.put(path, {"rules": rules}, If_Match=tag).status_code)

    window = {"destination_id": first, "since": "2026-05-01T00:00:00+00:00", "countries": ["FR"]}
    assert [put(window), put(window), put({"destination_id": second}), put()] == [200] * 4
    none, everyone, french = desk.get(f"{path}/revisions").json["items"]
    assert none["rules"] == []
    assert [rule["destination_id"] for rule in everyone["rules"]] == [second]
    assert {name: french["rules"][0][name] for name in window} == window
    assert [each["version"] for each in (french, everyone, none)] == [2, 3, 4]
    assert (
        french["changed_by"] == desk.get(f"/v1/destinations/{first}/revisions").json["items"][0]["changed_by"]
    )


def test_rules_lead_to_the_creatives_own_destinations(desk: Desk) -> None:
    creative_id, other = desk.creative(), desk.creative("Other")
    foreign = desk.destination(other, "Elsewhere")
    own = desk.destination(creative_id, "Here")
    path = f"/v1/creatives/{creative_id}/rules"
    seen = desk.get(path).headers["ETag"]
    refused = desk.put(path, {"rules": [{"destination_id": foreign["id"]}]}, If_Match=seen)
    assert refused.json["errors"][0]["pointer"] == "/rules/0/destination_id"
    too_much = [{"destination_id": own["id"], "share_percent": 60}] * 2
    assert desk.put(path, {"rules": too_much}, If_Match=seen).status_code == 422
    assert desk.get(path).json == {"rules": []}


def test_a_repeated_create_makes_one(desk: Desk, database: Database) -> None:
    wanted = {"title": "May"}
    first = desk.post("/v1/campaigns", wanted, Idempotency_Key="k1")
    again = desk.post("/v1/campaigns", wanted, Idempotency_Key="k1")
    assert (again.status_code, again.text) == (201, first.text)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Idempotent-Replay"] == "true"
    other = desk.post("/v1/campaigns", {"title": "June"}, Idempotency_Key="k1")
    assert (other.status_code, other.json["code"]) == (422, "idempotency-key-reused")
    refused = desk.post("/v1/campaigns", wanted, Idempotency_Key="k2")
    assert refused.status_code == 409
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Campaign)) == 1


def test_a_repeated_photo_counts_once(desk: Desk, api: Api, codec: ScriptedCodec) -> None:
    creative_id = desk.creative()
    codec.found = [detection(int(creative_id, 16))]
    first = api.scan(key="photo-1")
    again = api.scan(key="photo-1")
    assert first.json["id"] == again.json["id"]
    assert again.headers["Idempotent-Replay"] == "true"
    assert api.scan(key="photo-2").json["id"] != first.json["id"]


def test_a_short_link_leads_to_the_content(desk: Desk, client: FlaskClient) -> None:
    creative_id = desk.creative()
    link = desk.get(f"/v1/creatives/{creative_id}").json["short_link"]
    notice = client.get(link)
    assert notice.status_code == 200
    assert "Good Food" in notice.text
    page = desk.destination(
        creative_id, "The <tart>", description="Crisp", price_amount="3", price_currency="EUR"
    )
    shown = client.get(link.lower())
    assert "The &lt;tart&gt;" in shown.text
    assert "3.00 EUR" in shown.text
    desk.patch(f"/v1/destinations/{page['id']}", {"link": "https://goodfood.example/"}, If_Match='"1"')
    led = client.get(link)
    assert (led.status_code, led.headers["Location"]) == (302, "https://goodfood.example/")
    for unknown in ("/s/0000000000", "/s/lemon", "/s/ZZZZZZZZZZ"):
        assert client.get(unknown).status_code == 404
    qr = desk.get(f"/v1/creatives/{creative_id}/qr.svg")
    assert qr.content_type == "image/svg+xml"
    assert qr.text.startswith("<?xml")


def test_ids_are_not_given_again(desk: Desk, database: Database) -> None:
    creative_id = desk.creative()
    seen = desk.get(f"/v1/creatives/{creative_id}").headers["ETag"]
    desk.delete(f"/v1/creatives/{creative_id}", If_Match=seen)
    with database.read() as session:
        kept = session.scalars(select(Creative)).one()
        assert kept.watermark_id == int(creative_id, 16)
        assert kept.withdrawn_at is not None


def test_a_destination_without_pictures_shows_the_creatives(
    desk: Desk, api: Api, codec: ScriptedCodec
) -> None:
    creative_id = desk.creative()
    desk.destination(creative_id, "The tart")
    path = f"/v1/creatives/{creative_id}"
    tag = desk.get(path).headers["ETag"]
    form = {"picture": (io.BytesIO(jpeg(80, 70)), "tart.jpg")}
    own = {"Authorization": f"Bearer {desk.key}", "If-Match": tag}
    client: Any = desk.client
    kept = client.put(f"{path}/picture", data=form, headers=own).json
    codec.found = [detection(int(creative_id, 16))]
    content = api.scan().json["detections"][0]["content"]
    assert (content["image_url"], content["alt_text"]) == (kept["picture_url"], "Lemon tart")


def test_what_is_wrong_is_said_as_it_is_written(desk: Desk) -> None:
    creative_id = desk.creative()
    tag = desk.get(f"/v1/creatives/{creative_id}").headers["ETag"]
    rule = {"destination_id": str(UUID(int=1)), "countries": ["uk", "XX"], "since": "2026-05-01"}
    refused = desk.put(f"/v1/creatives/{creative_id}/rules", {"rules": [rule]}, If_Match=tag)
    assert refused.status_code == 422
    told = {each["pointer"]: each["detail"] for each in refused.json["errors"]}
    assert told["/rules/0/countries/0"] == "a country is two capitals of ISO 3166-1, like FR or GB"
    assert told["/rules/0/countries/1"] == told["/rules/0/countries/0"]
    assert told["/rules/0/since"] == "a time has a zone, like 2026-05-01T08:00:00Z"

    own = {"Authorization": f"Bearer {desk.key}"}
    client: Any = desk.client
    broken = client.post(
        "/v1/campaigns", data='{"title": "May"', headers=own, content_type="application/json"
    )
    assert broken.status_code == 400
    assert "isn't JSON" in broken.json["detail"]
    assert "line 1, column 16" in broken.json["detail"]
    listed = client.post("/v1/campaigns", json=[1], headers=own)
    assert listed.json["errors"][0]["pointer"] == "/"


def test_visitors_by_short_link_are_shared_out_and_not_marked(desk: Desk, client: FlaskClient) -> None:
    creative_id = desk.creative()
    links = [f"https://goodfood.example/{name}" for name in ("a", "b")]
    ids = [desk.destination(creative_id, link[-1], link=link)["id"] for link in links]
    path = f"/v1/creatives/{creative_id}"
    halves = {"rules": [{"destination_id": each, "share_percent": 50} for each in ids]}
    put = desk.put(f"{path}/rules", halves, If_Match=desk.get(path).headers["ETag"])
    assert put.status_code == 200
    visits = [client.get(desk.get(path).json["short_link"]) for _ in range(64)]
    # With fair draws, all to one half comes once in 2**63 runs.
    assert {each.headers["Location"] for each in visits} == set(links)
    assert not any("Set-Cookie" in each.headers for each in visits)
    dry = [desk.get(f"{path}/dry-run").json["content"]["link"] for _ in range(8)]
    assert set(dry) == {links[0]}


def test_a_rule_counts_photos_and_not_copies_in_them(desk: Desk, api: Api, codec: ScriptedCodec) -> None:
    creative_id = desk.creative()
    first, later = (desk.destination(creative_id, title)["id"] for title in ("First", "Later"))
    path = f"/v1/creatives/{creative_id}"
    rules = {"rules": [{"destination_id": first, "max_scans": 1}, {"destination_id": later, "min_scans": 2}]}
    assert desk.put(f"{path}/rules", rules, If_Match=desk.get(path).headers["ETag"]).status_code == 200
    codec.found = [detection(int(creative_id, 16)), detection(int(creative_id, 16))]
    titles = [api.scan().json["detections"][0]["content"]["title"] for _ in range(4)]
    assert titles == ["First", "First", "Later", "Later"]
