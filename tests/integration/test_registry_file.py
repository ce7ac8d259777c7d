"""The registry file: what goes out comes back the same, for ever, and what is damaged is told."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from o2o.cli import app
from o2o.db import Base, Database
from o2o.errors import NotFound, RegistryFileError
from o2o.integrations import registry_file
from o2o.integrations.registry_file import line_of, records_in
from o2o.models import Creative, Destination, DestinationState, Rule
from o2o.services import destinations as destinations_service
from o2o.services import exports, publishers, restores, rules
from o2o.services.destinations import Draft
from o2o.services.paging import BATCH
from o2o.services.registry_format import FIELDS, HEADER, IMPLIED, LEFT_OUT
from o2o.settings import Settings
from tests.integration.support import NOW

GOLDEN = Path(__file__).parents[1] / "golden"
PUBLISHER = UUID(int=1)


def exported(session: Session, publisher_id: UUID) -> bytes:
    return b"".join(map(line_of, exports.records(session, publisher_id)))


@contextmanager
def undone(database: Database) -> Iterator[Session]:
    """A transaction of which nothing stays."""
    with database.begin() as session:
        yield session
        session.rollback()


def test_every_column_is_written_or_implied() -> None:
    for kind, names in FIELDS.items():
        columns = {column.key for column in kind.__table__.columns}
        assert {*names, *IMPLIED[kind]} == columns, f"decide on {kind.__name__}'s new column"


def test_every_table_is_written_or_left_out_on_purpose() -> None:
    tables = {mapper.class_ for mapper in Base.registry.mappers}
    assert not {*FIELDS} & LEFT_OUT
    assert {*FIELDS, *LEFT_OUT} == tables, "decide whether what is new leaves with a registry"


def test_every_field_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "registry-file.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    for kind, names in FIELDS.items():
        assert any(all(f"`{name}`" in row for name in names) for row in rows), kind.__name__


def test_the_golden_file_is_read_and_written_the_same(database: Database, tmp_path: Path) -> None:
    golden = GOLDEN / "registry-1.zip"
    with zipfile.ZipFile(golden) as archive:
        lines = archive.read("registry.jsonl")
    assert lines == (GOLDEN / "registry-1.jsonl").read_bytes()
    with database.begin() as session:
        assert restores.load(session, records_in(golden)) == {"publisher": 1, "campaign": 1, "creative": 3}
    assert registry_file.unpack_pictures(golden, tmp_path / "media") == 1
    written = tmp_path / "again.zip"
    with database.snapshot() as session, written.open("wb") as file:
        told = registry_file.write(
            file, exports.records(session, PUBLISHER), exports.pictures_of, tmp_path / "media"
        )
    assert (told.records["creative"], told.pictures, told.missing) == (3, 1, ())
    with zipfile.ZipFile(written) as archive, zipfile.ZipFile(golden) as first:
        assert archive.read("registry.jsonl") == lines
        assert {name: archive.read(name) for name in archive.namelist()} == {
            name: first.read(name) for name in first.namelist()
        }


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=20)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001
    datetime.isoformat
)
CENTS = st.integers(0, 999_999_999_999)
PICTURES = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}.jpg")


@st.composite
def destinations(draw: st.DrawFn) -> dict[str, Any]:
    starts_at, ends_at = sorted(draw(st.lists(MOMENTS, min_size=2, max_size=2, unique=True)))
    has_price = draw(st.booleans())
    content: dict[str, Any] = {
        "state": draw(st.sampled_from([each.value for each in DestinationState])),
        "starts_at": draw(st.sampled_from([None, starts_at])),
        "ends_at": draw(st.sampled_from([None, ends_at])),
        "title": draw(TEXTS),
        "description": draw(st.just("") | TEXTS),
        "link": draw(st.none() | st.just("https://a.example/?b=ü")),
        "images": draw(st.lists(PICTURES, max_size=2)),
        "alt_text": draw(st.just("") | TEXTS),
        "price_amount": f"{draw(CENTS) / 100:.2f}" if has_price else None,
        "price_currency": "EUR" if has_price else None,
        "call_to_action": draw(st.just("") | TEXTS),
        "master_pin": draw(st.none() | st.just("42")),
        "locale": draw(st.none() | st.just("pt-BR")),
    }
    own = {"id": str(draw(st.uuids())), "version": draw(st.integers(1, 99))}
    times = {"created_at": draw(MOMENTS), "updated_at": draw(MOMENTS)}
    history = [
        {"version": version, "content": content, "changed_by": draw(TEXTS), "changed_at": draw(MOMENTS)}
        for version in range(1, draw(st.integers(1, 3)))
    ]
    held = content | own | times
    return {name: held[name] for name in FIELDS[Destination]} | {"history": history}


@st.composite
def rules_to(draw: st.DrawFn, destination_id: str) -> dict[str, Any]:
    since, until = sorted(draw(st.lists(MOMENTS, min_size=2, max_size=2, unique=True)))
    low, high = sorted(draw(st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))))
    return {
        "destination_id": destination_id,
        "since": draw(st.sampled_from([None, since])),
        "until": draw(st.sampled_from([None, until])),
        "countries": draw(st.lists(st.sampled_from(["FR", "DE"]), max_size=2)),
        "languages": draw(st.lists(st.sampled_from(["fr", "de"]), max_size=2)),
        "devices": draw(st.lists(st.sampled_from(["ios", "android"]), max_size=2)),
        "min_scans": draw(st.sampled_from([None, low])),
        "max_scans": draw(st.sampled_from([None, high])),
        "share_percent": draw(st.none() | st.integers(1, 100)),
    }


@st.composite
def registries(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A registry as an export has it: its lists in their order, and every ID once."""
    publisher: dict[str, Any] = {
        "kind": "publisher", "id": str(draw(st.uuids())), "name": draw(TEXTS),
        "keep_photos_days": draw(st.none() | st.integers(1, 365)), "version": draw(st.integers(1, 99)),
        "created_at": draw(MOMENTS), "updated_at": draw(MOMENTS),
        "fallback": draw(st.none() | destinations()),
    }  # fmt: skip
    day = draw(st.none() | st.dates().map(str))
    campaigns: list[dict[str, Any]] = [
        {
            "kind": "campaign", "id": str(draw(st.uuids())), "title": title,
            "page_count": draw(st.none() | st.integers(1, 999)), "on_sale_on": day, "off_sale_on": day,
            "version": draw(st.integers(1, 99)), "created_at": draw(MOMENTS), "updated_at": draw(MOMENTS),
            "fallback": draw(st.none() | destinations()),
        }
        for title in draw(st.lists(TEXTS, max_size=3, unique=True))
    ]  # fmt: skip
    inches = st.none() | st.floats(0, 1200, exclude_min=True)
    creatives: list[dict[str, Any]] = []
    for number in draw(st.lists(st.integers(0, 2**48 - 1), max_size=4, unique=True)):
        owned = sorted(draw(st.lists(destinations(), max_size=2)), key=lambda each: order(each))
        held = [draw(rules_to(each["id"])) for each in owned]
        rules_history = [
            {
                "version": version,
                "rules": held[version:],
                "changed_by": draw(TEXTS),
                "changed_at": draw(MOMENTS),
            }
            for version in range(draw(st.integers(0, 3)))
        ]
        creatives.append(
            {
                "kind": "creative", "id": str(draw(st.uuids())), "watermark_id": f"0x{number:012x}",
                "campaign_id": draw(st.sampled_from([None, *(each["id"] for each in campaigns)])),
                "title": draw(TEXTS), "page": draw(st.none() | st.integers(1, 999)),
                "print_width_in": draw(inches), "print_height_in": draw(inches),
                "fingerprint": draw(st.none() | st.just("0" * 16)), "picture": draw(st.none() | PICTURES),
                "thumbnail": draw(st.none() | PICTURES), "version": draw(st.integers(1, 99)),
                "created_at": draw(MOMENTS), "updated_at": draw(MOMENTS),
                "withdrawn_at": draw(st.none() | MOMENTS), "destinations": owned, "rules": held,
            }
            | ({"rules_history": rules_history} if rules_history else {})
        )  # fmt: skip
    return [dict(HEADER), publisher, *sorted(campaigns, key=order), *sorted(creatives, key=order)]


def order(record: dict[str, Any]) -> tuple[datetime, str]:
    return datetime.fromisoformat(record["created_at"]), record["id"]


@settings(suppress_health_check=list(HealthCheck), max_examples=40)
@given(registry=registries())
def test_what_is_loaded_is_exported_byte_for_byte(database: Database, registry: list[dict[str, Any]]) -> None:
    before = b"".join(map(line_of, registry))
    with undone(database) as session:
        restores.load(session, registry)
        assert exported(session, UUID(registry[1]["id"])) == before


def long_history(session: Session) -> Creative:
    """The golden registry, with histories of 40 versions more of one picture."""
    restores.load(session, records_in(GOLDEN / "registry-1.zip"))
    tart = session.scalars(select(Creative).where(Creative.title == "Lemon tart")).one()
    destination = session.get_one(Destination, UUID(int=0xD1))
    for number in range(40):
        now = NOW + timedelta(minutes=number)
        change = {"description": f"{number} {'é' * 300}"}
        destinations_service.edit(session, destination, change, version=destination.version, by="a", now=now)
        rule = Rule(destination_id=destination.id, countries=[], languages=[], devices=[], min_scans=number)
        rules.replace(session, tart, [rule], version=tart.version, by="a", now=now)
    return tart


def test_a_history_too_long_for_a_line_leaves_with_its_newest_versions(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "HISTORY_BYTES", 30_000)
    path = tmp_path / "registry.zip"
    with undone(database) as session:
        newest = long_history(session).version
        with path.open("wb") as file:
            registry_file.write(file, exports.records(session, PUBLISHER), exports.pictures_of, tmp_path)
    (tart,) = (each for each in records_in(path) if each.get("title") == "Lemon tart")
    changed, still = tart["destinations"]
    versions = [each["version"] for each in changed["history"]]
    assert versions == list(range(43 - len(versions), 43))
    of_rules = [each["version"] for each in tart["rules_history"]]
    assert of_rules == list(range(newest + 1 - len(of_rules), newest + 1))
    # Each of the three has a third, and uses it up as far as whole versions go.
    assert 9_000 < len(line_of(changed["history"])) < 10_100
    assert 9_000 < len(line_of(tart["rules_history"])) < 10_100
    assert (len(still["history"]), changed["description"][:3]) == (1, "39 ")
    with undone(database) as session:
        restores.load(session, records_in(path))
        assert exported(session, PUBLISHER) == b"".join(map(line_of, records_in(path)))


def test_what_is_written_is_never_longer_than_what_is_read(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 2 * exports.HISTORY_BYTES <= registry_file.MAX_LINE_BYTES
    monkeypatch.setattr(registry_file, "MAX_LINE_BYTES", 900)
    with undone(database) as session, (tmp_path / "registry.zip").open("wb") as file:
        restores.load(session, map(json.loads, (GOLDEN / "registry-1.jsonl").read_bytes().splitlines()))
        with pytest.raises(RegistryFileError, match="readers take 900"):
            registry_file.write(file, exports.records(session, PUBLISHER), exports.pictures_of, tmp_path)


def test_rules_leave_with_what_they_were(database: Database) -> None:
    with undone(database) as session:
        tart = long_history(session)
        before = rules.history(session, tart, limit=99).items
        told = list(exports.records(session, PUBLISHER))
    with undone(database) as session:
        restores.load(session, told)
        assert len(before) == 40
        after = rules.history(session, session.get_one(Creative, UUID(int=0xC1)), limit=99).items
        assert [(each.version, each.changed_by, each.changed_at) for each in after] == [
            (each.version, each.changed_by, each.changed_at) for each in before
        ]
        assert [each.rules[0].min_scans for each in after] == list(range(40))[::-1]


def test_no_statement_of_an_export_takes_more_values_than_databases_allow(database: Database) -> None:
    most = 0

    def watch(*execution: Any) -> None:
        nonlocal most
        statement, parameters = execution[2:4]
        most = max(most, len(parameters)) if statement.startswith("SELECT") else most

    with undone(database) as session:
        restores.load(session, records_in(GOLDEN / "registry-1.zip"))
        owner = destinations_service.Owner(PUBLISHER, creative_id=UUID(int=0xC3))
        many = [(owner, Draft("One of many"))] * 1100
        destinations_service.add_all(session, many, by="a test", now=NOW)
        event.listen(database.engine, "before_cursor_execute", watch)
        *_, alone = exports.records(session, PUBLISHER)
        assert len(alone["destinations"]) == 1101
        assert all(each["history"] for each in alone["destinations"])
    assert 0 < most <= BATCH


def test_one_publishers_export_holds_nothing_of_another(database: Database) -> None:
    with undone(database) as session:
        restores.load(session, records_in(GOLDEN / "registry-1.zip"))
        other = publishers.add(session, "Other", now=NOW)
        assert [record.get("kind") for record in exports.records(session, other.id)] == [None, "publisher"]
        with pytest.raises(NotFound):
            list(exports.records(session, UUID(int=99)))


def test_an_export_shows_one_moment(database: Database) -> None:
    with database.begin() as session:
        restores.load(session, records_in(GOLDEN / "registry-1.zip"))
    with database.snapshot() as session:
        records = exports.records(session, PUBLISHER)
        assert next(records) == HEADER
        with database.begin() as other:
            found = other.get_one(Destination, UUID(int=0xF2))
            found.title = "Changed meanwhile"
        assert b"Changed meanwhile" not in b"".join(map(line_of, records))
    with database.snapshot() as session:
        assert b"Changed meanwhile" in exported(session, PUBLISHER)


def altered(tmp_path: Path, old: bytes, new: bytes) -> Path:
    """The golden file with other lines."""
    lines = (GOLDEN / "registry-1.jsonl").read_bytes()
    assert old in lines
    path = tmp_path / "altered.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("registry.jsonl", lines.replace(old, new))
    return path


@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'"format": "o2o-registry"', b'"format": "other"', "this isn't a registry"),
        (b'"version": 1}\n', b'"version": 2}\n', "take a newer o2o"),
        (b'{"kind": "publisher"', b'{"kind": "press"', "line 2"),
        (b'"watermark_id": "0x0000000000c2"', b'"watermark_id": "c2"', "line 5"),
        (b'"watermark_id": "0x0000000000c2"', b'"watermark_id": "0x0000000000c1"', "contradicts itself"),
        (b'"title": "May", ', b"", "line 3"),
        (b'"state": "draft"', b'"state": "daft"', "line 6"),
        (b'{"kind": "campaign"', b"[", "isn't JSON"),
    ],
)
def test_a_registry_that_cannot_be_is_told(
    database: Database, tmp_path: Path, old: bytes, new: bytes, said: str
) -> None:
    path = altered(tmp_path, old, new)
    with undone(database) as session, pytest.raises(RegistryFileError, match=said):
        restores.load(session, records_in(path))


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    data = (GOLDEN / "registry-1.zip").read_bytes()
    path = tmp_path / "damaged.zip"
    for damaged in (b"", b"no archive", data[:-40], data[:1200] + bytes(50) + data[1250:]):
        path.write_bytes(damaged)
        with pytest.raises(RegistryFileError, match="damaged"):
            list(records_in(path))
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    path.write_bytes(empty.getvalue())
    with pytest.raises(RegistryFileError, match="no registry file"):
        list(records_in(path))
    with pytest.raises(RegistryFileError, match="can't be read"):
        list(records_in(tmp_path / "nowhere.zip"))


def test_a_picture_under_anothers_name_or_elsewhere_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "hostile.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("registry.jsonl", b"")
        archive.writestr(f"media/../{'a' * 64}.jpg", b"outside")
        archive.writestr("media/index.html", b"no picture")
    assert registry_file.unpack_pictures(path, tmp_path / "media") == 0
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"media/{'a' * 64}.jpg", b"another")
    with pytest.raises(RegistryFileError, match="isn't what its name says"):
        registry_file.unpack_pictures(path, tmp_path / "media")
    assert list((tmp_path / "media").iterdir()) == []


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_the_command_line_writes_it_whole_or_not_at_all(
    database: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("O2O_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("O2O_DATABASE_URL", settings.database_url)
    with database.begin() as session:
        restores.load(session, records_in(GOLDEN / "registry-1.zip"))
    out = tmp_path / "out"
    out.mkdir()
    asked = ["publisher", "export", str(out / "registry.zip"), "--publisher"]
    unknown = CliRunner().invoke(app, [*asked, str(UUID(int=9))])
    assert (unknown.exit_code, list(out.iterdir())) == (2, [])
    done = CliRunner().invoke(app, [*asked, str(PUBLISHER)])
    assert done.exit_code == 0, done.output
    assert "3 creatives and 0 pictures" in done.stderr
    assert "isn't in" in done.stderr  # its picture was never put there
    assert (
        b"".join(map(line_of, records_in(out / "registry.zip"))) == (GOLDEN / "registry-1.jsonl").read_bytes()
    )
    again = CliRunner().invoke(app, [*asked, str(PUBLISHER)])
    assert again.exit_code == 2
    assert CliRunner().invoke(app, [*asked, str(PUBLISHER), "--force"]).exit_code == 0
    assert [path.name for path in out.iterdir()] == ["registry.zip"]
