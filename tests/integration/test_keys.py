"""Keys and members: what they may do, and how that ends."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from o2o.db import Database
from o2o.models import ApiKey
from o2o.roles import Role, Scope
from o2o.services import keys, members
from tests.integration.support import NOW, Desk, desk_of, member_desk

SOME = {"label": "Import", "scopes": ["registry:read"]}


def using(desk: Desk, text: str) -> Desk:
    return Desk(desk.client, desk.publisher_id, desk.member_id, text)


def test_a_key_is_shown_once_and_kept_as_a_hash(desk: Desk, database: Database) -> None:
    made = desk.post("/v1/keys", SOME)
    assert made.status_code == 201
    text = made.json["key"]
    assert using(desk, text).get("/v1/campaigns").status_code == 200
    assert "key" not in desk.get(made.headers["Location"]).json
    assert text not in desk.get("/v1/keys").text
    secret = text.split("_", 2)[2]
    with database.read() as session:
        kept = session.scalars(select(ApiKey).where(ApiKey.label == "Import")).one()
        assert kept.secret_hash.startswith("$argon2id$")
        assert secret not in kept.secret_hash


def test_a_key_does_what_its_scopes_say(desk: Desk) -> None:
    reading = using(desk, desk.post("/v1/keys", SOME).json["key"])
    assert reading.get("/v1/creatives").status_code == 200
    for refused in (
        reading.post("/v1/creatives", {"title": "T"}),
        reading.get("/v1/keys"),
        reading.post("/v1/keys", SOME),
    ):
        assert (refused.status_code, refused.json["code"]) == (403, "forbidden")
    assert desk.get("/v1/creatives").json["items"] == []


def test_nobodys_key_opens_nothing(desk: Desk) -> None:
    public = desk.key.split("_")[1]
    for text in (
        "",
        "lemon",
        "o2o_",
        f"o2o_{public}",
        f"o2o_{public}_",
        f"o2o_{public}_wrong",
        desk.key + "x",
    ):
        answer = using(desk, text).get("/v1/campaigns")
        assert (answer.status_code, answer.json["code"]) == (401, "unauthorized")
    assert desk.get("/v1/campaigns").status_code == 200


def test_a_readers_token_is_no_key_and_a_key_no_token(desk: Desk, client: FlaskClient) -> None:
    token = client.post("/v1/readers").get_json()["token"]
    assert using(desk, token).get("/v1/campaigns").status_code == 401
    assert desk.get("/v1/boards").status_code == 401


def test_a_key_goes_no_further_than_its_member(desk: Desk, client: FlaskClient, database: Database) -> None:
    editor = member_desk(client, database, desk.publisher_id, Role.EDITOR)
    path = f"/v1/members/{editor.member_id}"
    too_much = {**SOME, "scopes": ["team:write"], "member_id": str(editor.member_id)}
    assert desk.post("/v1/keys", too_much).json["errors"][0]["pointer"] == "/scopes"

    assert editor.post("/v1/campaigns", {"title": "May"}).status_code == 201
    seen = desk.get(path).headers["ETag"]
    changed = desk.patch(path, {"role": "analyst"}, If_Match=seen)
    assert editor.post("/v1/campaigns", {"title": "June"}).status_code == 403
    assert editor.get("/v1/campaigns").status_code == 200

    assert desk.delete(path, If_Match=changed.headers["ETag"]).status_code == 204
    assert editor.get("/v1/campaigns").status_code == 401
    assert desk.get(path).status_code == 404


def test_a_rotated_key_goes_on_for_its_overlap(desk: Desk, database: Database) -> None:
    old = desk.post("/v1/keys", {**SOME, "expires_in_days": 90})
    new = desk.post(f"{old.headers['Location']}/rotation", {"overlap_hours": 2})
    assert new.json["scopes"] == SOME["scopes"]
    for text in (old.json["key"], new.json["key"]):
        assert using(desk, text).get("/v1/campaigns").status_code == 200

    at_once = desk.post(f"{new.headers['Location']}/rotation", {"overlap_hours": 0})
    assert using(desk, new.json["key"]).get("/v1/campaigns").status_code == 401
    assert using(desk, at_once.json["key"]).get("/v1/campaigns").status_code == 200
    assert desk.post(f"{new.headers['Location']}/rotation", {"overlap_hours": 1}).status_code == 409
    with database.begin() as session:
        session.execute(update(ApiKey).where(ApiKey.label == "Import").values(expires_at=NOW))
    assert using(desk, at_once.json["key"]).get("/v1/campaigns").status_code == 401


@pytest.mark.parametrize("days", [None, 90])
def test_a_rotation_can_be_repeated_when_its_answer_was_lost(desk: Desk, days: int | None) -> None:
    """The first one has shortened the old key's life: no matter of those that come after it."""
    old = desk.post("/v1/keys", {**SOME, "expires_in_days": days})
    path = f"{old.headers['Location']}/rotation"
    lost = desk.post(path, {"overlap_hours": 2}).json
    ends_at = desk.get(old.headers["Location"]).json["expires_at"]
    again = desk.post(path, {"overlap_hours": 2}).json
    next_one = desk.post(f"/v1/keys/{again['id']}/rotation", {"overlap_hours": 2}).json
    for made in (lost, again, next_one):
        lasts = None
        if made["expires_at"] is not None:
            lasts = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"])
        assert lasts == (timedelta(days=days) if days else None)
    assert desk.get(old.headers["Location"]).json["expires_at"] == ends_at


def test_an_overlap_never_lengthens_a_key(desk: Desk, database: Database) -> None:
    soon = NOW + timedelta(hours=1)
    with database.begin() as session:
        holder = members.get(session, desk.publisher_id, desk.member_id)
        issued = keys.issue(
            session, holder, label="Short", scopes=[Scope.REGISTRY_READ], now=NOW, expires_at=soon
        )
        keys.rotate(session, desk.publisher_id, issued.key.id, overlap=timedelta(days=1), now=NOW)
        assert issued.key.expires_at == soon


def test_a_revoked_key_ends_at_once(desk: Desk) -> None:
    made = desk.post("/v1/keys", SOME)
    other = using(desk, made.json["key"])
    assert other.get("/v1/campaigns").status_code == 200
    for _ in range(2):
        assert desk.delete(made.headers["Location"]).status_code == 204
    assert other.get("/v1/campaigns").status_code == 401
    shown = desk.get(made.headers["Location"]).json
    assert shown["is_valid"] is False
    assert shown["revoked_at"] is not None


def test_a_publisher_keeps_an_owner(desk: Desk, client: FlaskClient, database: Database) -> None:
    path = f"/v1/members/{desk.member_id}"
    assert desk.patch(path, {"role": "editor"}, If_Match='"1"').status_code == 409
    assert desk.delete(path, If_Match='"1"').status_code == 409
    other = member_desk(client, database, desk.publisher_id, Role.OWNER)
    assert desk.delete(path, If_Match='"1"').status_code == 204
    assert other.delete(f"/v1/members/{other.member_id}", If_Match='"1"').status_code == 409


def test_who_has_left_can_come_back(desk: Desk) -> None:
    someone = {"email": "Ada@Magazine.example", "name": "Ada", "role": "editor"}
    made = desk.post("/v1/members", someone)
    assert made.json["email"] == "ada@magazine.example"
    assert desk.post("/v1/members", someone).status_code == 409
    desk.delete(made.headers["Location"], If_Match=made.headers["ETag"])
    back = desk.post("/v1/members", {**someone, "role": "analyst"})
    assert (back.json["id"], back.json["role"]) == (made.json["id"], "analyst")
    assert len(desk.get("/v1/members").json["items"]) == 2


def test_who_comes_back_gets_none_of_their_old_keys(
    desk: Desk, client: FlaskClient, database: Database
) -> None:
    editor = member_desk(client, database, desk.publisher_id, Role.EDITOR)
    path = f"/v1/members/{editor.member_id}"
    shown = desk.get(path)
    leaver = {name: shown.json[name] for name in ("email", "name", "role")}
    assert desk.delete(path, If_Match=shown.headers["ETag"]).status_code == 204
    with database.begin() as session:
        kept = session.scalars(select(ApiKey).where(ApiKey.member_id == editor.member_id)).one()
        assert kept.revoked_at is not None
        # As those were left who had gone before keys ended with their members.
        kept.revoked_at = None
    assert desk.post("/v1/members", leaver).status_code == 201
    assert editor.get("/v1/campaigns").status_code == 401
    with database.read() as session:
        own = members.get(session, desk.publisher_id, desk.member_id)
        others = session.scalars(select(ApiKey).where(ApiKey.member_id == own.id)).all()
        assert [each.revoked_at for each in others] == [None], "nobody else's"


def test_a_publisher_is_changed_by_its_owner(desk: Desk, client: FlaskClient, database: Database) -> None:
    seen = desk.get("/v1/publisher")
    assert seen.json["keep_photos_days"] is None
    changed = desk.put(
        "/v1/publisher", {"name": "Better Food", "keep_photos_days": 30}, If_Match=seen.headers["ETag"]
    )
    assert (changed.json["name"], changed.json["keep_photos_days"]) == ("Better Food", 30)
    too_long = {"name": "Better Food", "keep_photos_days": 366}
    assert desk.put("/v1/publisher", too_long, If_Match=changed.headers["ETag"]).status_code == 422
    editor = member_desk(client, database, desk.publisher_id, Role.EDITOR)
    assert editor.put("/v1/publisher", {"name": "Mine"}, If_Match=changed.headers["ETag"]).status_code == 403
    other = desk_of(client, database, "Bad Food")
    assert other.get("/v1/publisher").json["name"] == "Bad Food"
