"""Pictures that publishers upload."""

from __future__ import annotations

import io
from contextlib import ExitStack
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from o2o.db import Database
from o2o.integrations.storage import THUMBNAIL_SIDE_PX
from o2o.roles import Role, Scope
from o2o.services import keys, members
from o2o.settings import Settings
from tests.integration.support import NOW, Registered, jpeg, seen_reads


@pytest.fixture
def headers(database: Database, creative: Registered) -> dict[str, str]:
    """An editor's."""
    with database.begin() as session:
        ada = members.add(
            session, creative.publisher_id, email="a@b.example", name="Ada", role=Role.EDITOR, now=NOW
        )
        scopes = [Scope.REGISTRY_READ, Scope.REGISTRY_WRITE]
        issued = keys.issue(session, ada, label="desk", scopes=scopes, now=NOW)
    return {"Authorization": f"Bearer {issued.text}"}


def upload(data: bytes | None = None) -> dict[str, Any]:
    return {"picture": (io.BytesIO(data or jpeg(800, 500)), "tart.jpg")}


def test_a_creatives_picture_brings_its_thumbnail_and_fingerprint(
    client: FlaskClient, creative: Registered, headers: dict[str, str], settings: Settings
) -> None:
    path = f"/v1/creatives/{creative.creative_id}"
    before = client.get(path, headers=headers)
    assert client.put(f"{path}/picture", data=upload(), headers=headers).status_code == 428
    conditional = headers | {"If-Match": before.headers["ETag"]}
    changed = client.put(f"{path}/picture", data=upload(), headers=conditional)
    assert changed.status_code == 200, changed.get_data(as_text=True)
    after = client.get(path, headers=headers).get_json()
    assert changed.get_json() == after
    assert len(after["fingerprint"]) == 16
    sizes = {}
    for kind in ("picture_url", "thumbnail_url"):
        with client.get(after[kind]) as answer, Image.open(io.BytesIO(answer.data)) as picture:
            sizes[kind] = picture.size
    assert sizes == {"picture_url": (800, 500), "thumbnail_url": (THUMBNAIL_SIDE_PX, 200)}
    assert client.put(f"{path}/picture", data=upload(), headers=conditional).status_code == 412
    assert len(list(settings.media_dir.iterdir())) == 2


def test_a_stored_picture_can_be_a_destinations(
    client: FlaskClient, creative: Registered, headers: dict[str, str]
) -> None:
    stored = client.post("/v1/pictures", data=upload(), headers=headers)
    assert stored.status_code == 201, stored.get_data(as_text=True)
    name = stored.get_json()["name"]
    assert stored.get_json()["url"] == f"/media/{name}"
    path = f"/v1/creatives/{creative.creative_id}/destinations"
    added = client.post(path, json={"title": "T", "images": [name]}, headers=headers)
    assert added.status_code == 201
    assert added.get_json()["image_urls"] == [f"/media/{name}"]
    missing = client.post(path, json={"title": "T", "images": ["0" * 64 + ".jpg"]}, headers=headers)
    assert missing.status_code == 404
    assert "/v1/pictures" in missing.get_json()["detail"]
    changed = client.patch(
        added.headers["Location"], json={"images": ["0" * 64 + ".jpg"]}, headers=headers | {"If-Match": '"1"'}
    )
    assert changed.status_code == 404


def test_a_picture_that_finds_no_place_is_sent_away_unread(
    client: FlaskClient, creative: Registered, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("o2o.http.pictures.MAX_TURN_WAIT_S", 0.01)
    monkeypatch.setattr("o2o.http.uploads.MAX_WAIT_S", 0.02)
    own = client.application.extensions["o2o"]
    path = f"/v1/creatives/{creative.creative_id}/picture"

    def sent() -> list[Any]:
        return [
            client.post("/v1/pictures", data=upload(), headers=headers),
            client.put(path, data=upload(), headers=headers | {"If-Match": '"1"'}),
        ]

    with ExitStack() as others, seen_reads(monkeypatch) as read:
        for _ in range(own.settings.max_decodes):
            others.enter_context(own.uploads.decoder(0))
        assert [(each.status_code, each.json["code"]) for each in sent()] == [(503, "busy")] * 2
    with ExitStack() as others:
        for _ in range(own.settings.max_decodes + own.settings.max_waiting):
            others.enter_context(own.uploads.let_in())
        assert [int(each.headers["Retry-After"]) > 0 for each in sent()] == [True] * 2
    assert read == []


def test_what_is_no_picture_is_refused(
    client: FlaskClient, creative: Registered, headers: dict[str, str]
) -> None:
    assert client.post("/v1/pictures", data=upload(b"text"), headers=headers).status_code == 415
    assert client.post("/v1/pictures", data={}, headers=headers).status_code in {415, 422}
    assert client.post("/v1/pictures", data=upload()).status_code == 401
    path = f"/v1/creatives/{creative.creative_id}/picture"
    truncated = client.put(path, data=upload(jpeg(80, 80)[:300]), headers=headers | {"If-Match": '"1"'})
    assert truncated.status_code == 422
