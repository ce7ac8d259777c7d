"""Photos: thrown away, but where the publisher's setting and the reader's consent both say otherwise."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from PIL import Image

from o2o.db import Database
from o2o.http import create_app
from o2o.integrations import photos as files
from o2o.integrations.outbound import Outbound
from o2o.jobs.actors import Tools, forget
from o2o.services import photos
from o2o.services.jobs import NO_ROW
from o2o.settings import Settings
from tests.integration.support import Api, Desk, ScriptedCodec, desk_of, detection, jpeg
from watermarks.results import Miss, MissReason


def scan(api: Api, *, keep: str | None) -> Any:
    form = {"photo": (io.BytesIO(jpeg(100, 80, exif=b"Exif\0\0secret place")), "photo.jpg")}
    form |= {"keep": keep} if keep else {}  # type: ignore[dict-item]
    return api.client.post("/v1/scans", data=form, headers=api.headers())


def kept_files(settings: Settings) -> list[Path]:
    return sorted(settings.photos_dir.glob("*")) if settings.photos_dir.exists() else []


def agree(desk: Desk, days: int | None) -> None:
    seen = desk.get("/v1/publisher").headers["ETag"]
    changed = desk.put("/v1/publisher", {"name": "Good Food", "keep_photos_days": days}, If_Match=seen)
    assert changed.status_code == 200


def run_forget(settings: Settings, database: Database, now: datetime) -> datetime:
    """Do at that time what the worker does each hour; return when it is to do so again."""
    tools = Tools(settings, database, Outbound(allow_private=True, timeout_s=1), Random(1), lambda: now)
    record = forget(tools, NO_ROW)
    with database.begin() as session:
        again = record(session, now)
    assert again is not None
    return again


@pytest.fixture
def shown(desk: Desk, codec: ScriptedCodec) -> str:
    """The ID of a creative that every photo shows."""
    creative_id = desk.creative()
    codec.found = [detection(int(creative_id, 16))]
    return creative_id


@pytest.mark.parametrize(
    ("days", "keep", "is_kept"),
    [(None, "true", False), (30, None, False), (30, "false", False), (30, "true", True)],
)
def test_both_have_to_agree(
    desk: Desk, api: Api, settings: Settings, shown: str, days: int | None, keep: str | None, is_kept: bool
) -> None:
    assert shown
    agree(desk, days)
    answer = scan(api, keep=keep)
    assert answer.status_code == 200
    assert (answer.json["photo_kept_until"] is not None) is is_kept
    assert len(kept_files(settings)) == is_kept
    assert len(desk.get("/v1/photos").json["items"]) == is_kept


def test_a_kept_photo_is_its_publishers_and_holds_pixels_alone(
    desk: Desk, api: Api, client: FlaskClient, database: Database, shown: str
) -> None:
    assert shown
    agree(desk, 30)
    answer = scan(api, keep="true").json
    (listed,) = desk.get("/v1/photos").json["items"]
    assert listed["scan_id"] == answer["id"]
    photo = desk.get(listed["url"])
    assert photo.content_type == "image/jpeg"
    assert b"secret" not in photo.data
    with Image.open(io.BytesIO(photo.data)) as image:
        assert image.size == (100, 80)
    photo.close()
    other = desk_of(client, database, "Bad Food")
    assert other.get(listed["url"]).status_code == 404
    assert other.get("/v1/photos").json["items"] == []


def test_a_photo_of_two_publishers_or_of_nothing_is_thrown_away(
    desk: Desk, api: Api, client: FlaskClient, database: Database, settings: Settings, codec: ScriptedCodec,
    shown: str,
) -> None:  # fmt: skip
    agree(desk, 30)
    other = desk_of(client, database, "Bad Food").creative()
    codec.found = [detection(int(shown, 16)), detection(int(other, 16))]
    assert scan(api, keep="true").json["photo_kept_until"] is None
    codec.found = [detection(0x123)]
    assert scan(api, keep="true").json["photo_kept_until"] is None
    codec.found = Miss(MissReason.NO_TEMPLATE)
    assert scan(api, keep="true").json["photo_kept_until"] is None
    assert kept_files(settings) == []


def test_a_registry_files_copy_keeps_no_photo(
    desk: Desk, database: Database, settings: Settings, codec: ScriptedCodec, shown: str
) -> None:
    assert shown
    agree(desk, 30)
    copy = create_app(settings, database, read=codec, read_only=True).test_client()
    answer = scan(Api.of_new_reader(copy), keep="true")
    assert (answer.status_code, answer.json["photo_kept_until"]) == (200, None)
    assert kept_files(settings) == []
    assert desk.get("/v1/photos").json["items"] == []


def test_a_reader_can_take_consent_back(
    desk: Desk, api: Api, client: FlaskClient, settings: Settings, shown: str
) -> None:
    assert shown
    agree(desk, 30)
    scan_id = scan(api, keep="true").json["id"]
    path = f"/v1/scans/{scan_id}/photo"
    assert client.delete(path, headers=Api.of_new_reader(client).headers()).status_code == 404
    for _ in range(2):
        assert client.delete(path, headers=api.headers()).status_code == 204
    assert kept_files(settings) == []
    assert desk.get(f"/v1/photos/{scan_id}").status_code == 404


def test_photos_are_deleted_when_their_time_is_over(
    desk: Desk, api: Api, database: Database, settings: Settings, shown: str
) -> None:
    assert shown
    agree(desk, 2)
    scan_id = scan(api, keep="true").json["id"]
    orphan = uuid4()
    files.write(settings.photos_dir, orphan, b"what a crash left")

    def expire(after: timedelta) -> datetime:
        return run_forget(settings, database, datetime.now(UTC) + after) - after

    expire(timedelta(hours=1))
    assert len(kept_files(settings)) == 2
    expire(timedelta(days=1, hours=1))
    assert [UUID(path.stem) for path in kept_files(settings)] == [UUID(scan_id)]
    again = expire(timedelta(days=2, hours=1))
    assert timedelta(minutes=59) < again - datetime.now(UTC) < timedelta(minutes=61)
    assert kept_files(settings) == []
    assert desk.get("/v1/photos").json["items"] == []


def test_what_is_left_of_a_full_batch_does_not_wait(
    desk: Desk, api: Api, database: Database, settings: Settings, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shown
    agree(desk, 1)
    for _ in range(3):
        assert scan(api, keep="true").status_code == 200
    monkeypatch.setattr(photos, "MOST_AT_ONCE", 2)
    now = datetime.now(UTC) + timedelta(hours=25)
    # Files of the day before are looked through too: make these new, as a deployment's are.
    for path in kept_files(settings):
        os.utime(path, (now.timestamp(), now.timestamp()))
    assert run_forget(settings, database, now) == now
    assert len(kept_files(settings)) == 1
    assert run_forget(settings, database, now) > now
    assert kept_files(settings) == []


@pytest.mark.parametrize("database_kind", ["postgresql"])  # whose statements take 65,535 values
def test_any_number_of_files_is_looked_through(database: Database) -> None:
    with database.read() as session:
        assert photos.known(session, [uuid4() for _ in range(66_000)]) == set()
