"""Whole issues: all in or nothing, every fault by row and column, and the manifest."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner, Result

from o2o.cli import app
from o2o.db import Database
from o2o.integrations import storage
from o2o.integrations.storage import store_picture
from o2o.models import Campaign, Creative, Destination, DestinationRevision
from o2o.roles import Role, Scope
from o2o.services import creatives, imports, keys, members, publishers
from o2o.settings import Settings
from tests.integration.support import NOW

TYPES = {"csv": "text/csv", "json": "application/json"}


@pytest.fixture
def publisher_id(database: Database) -> UUID:
    with database.begin() as session:
        return publishers.add(session, "Good Food", now=NOW).id


@pytest.fixture
def headers(database: Database, publisher_id: UUID) -> dict[str, str]:
    """What an owner's key is sent with."""
    with database.begin() as session:
        owner = members.add(
            session, publisher_id, email="ada@goodfood.example", name="Ada", role=Role.OWNER, now=NOW
        )
        issued = keys.issue(session, owner, label="tests", scopes=set(Scope), now=NOW)
    return {"Authorization": f"Bearer {issued.text}"}


def counts(database: Database) -> list[int]:
    with database.read() as session:
        kinds = (Campaign, Creative, Destination, DestinationRevision)
        return [session.scalar(select(func.count()).select_from(kind)) or 0 for kind in kinds]


def faults(answer: Any) -> dict[str, str]:
    assert (answer.status_code, answer.json["code"]) == (422, "invalid-request"), answer.text
    return {each["pointer"]: each["detail"] for each in answer.json["errors"]}


GOOD_CSV = (
    b"title,page,print_width_in,link,price_amount,price_currency,state,starts_at,destination_title\r\n"
    b"Lemon tart,2,8.5,https://goodfood.example/tart,12.50,EUR,,,\r\n"
    b"\r\n"
    b"=Cup,1,,,,,draft,2026-05-01T08:00:00+02:00,The first cup\r\n"
)


def test_an_issue_comes_in_and_its_manifest_out(
    client: Any, headers: dict[str, str], database: Database
) -> None:
    asked = "title=May&page_count=100&on_sale_on=2026-05-01&off_sale_on=2026-05-31"
    made = client.post(f"/v1/imports?{asked}", data=GOOD_CSV, content_type="text/csv", headers=headers)
    assert made.status_code == 201, made.text
    campaign = made.json["campaign"]
    assert (campaign["title"], campaign["page_count"], campaign["on_sale_on"]) == ("May", 100, "2026-05-01")
    assert made.headers["Location"] == f"/v1/campaigns/{campaign['id']}"
    first, second = made.json["rows"]
    assert (first["page"], first["title"], second["page"], second["title"]) == (1, "=Cup", 2, "Lemon tart")
    assert (second["print_width_in"], second["print_height_in"]) == (8.5, None)
    shown = client.get(f"/v1/creatives/{second['id']}", headers=headers).json
    assert second["short_link"] == f"https://o2o.example{shown['short_link']}"
    behind = client.get(f"/v1/destinations/{second['destination_id']}", headers=headers).json
    assert (behind["state"], behind["price_amount"], behind["title"]) == ("live", "12.50", "Lemon tart")
    other = client.get(f"/v1/destinations/{first['destination_id']}", headers=headers).json
    assert (other["state"], other["starts_at"]) == ("draft", "2026-05-01T06:00:00+00:00")
    assert other["title"] == "The first cup"
    revisions = client.get(f"/v1/destinations/{first['destination_id']}/revisions", headers=headers)
    (revision,) = revisions.json["items"]
    assert "Ada" in revision["changed_by"]
    again = client.get(f"/v1/campaigns/{campaign['id']}/manifest", headers=headers, buffered=True)
    assert again.json == made.json
    assert counts(database) == [1, 2, 2, 2]


def stored(settings: Settings, shade: int = 200) -> str:
    """The name of a picture that is kept."""
    return store_picture(np.full((40, 60, 3), shade, np.uint8), settings.media_dir)


def test_json_says_the_same(client: Any, headers: dict[str, str], settings: Settings) -> None:
    issue = {
        "campaign": {"title": "May", "page_count": 10},
        "rows": [{"title": "Tart", "page": 2.0, "images": [stored(settings)], "print_height_in": 4}],
    }
    made = client.post("/v1/imports", json=issue, headers=headers)
    assert made.status_code == 201, made.text
    assert [(row["page"], row["print_height_in"]) for row in made.json["rows"]] == [(2, 4.0)]
    taken = client.post("/v1/imports", json=issue, headers=headers)
    assert (taken.status_code, taken.json["code"]) == (409, "conflict")


BAD_CSV = (
    "title;page;titel;print_width_in;link;price_amount;price_currency;ends_at;starts_at;state;images\n"
    "Cup;x;;9,5;ftp://x;12.505;euro;2026-05-01;2026-05-01;on;a b\n"
    '"two\nlines";11;;0;;3;;2026-05-01T00:00Z;2026-05-02T00:00Z;;\n'
    ";;;;;;;;;;\n"
    "Same;1;;;;;;;;;\n"
    f"Same;1;;;;;;;;;{' '.join(['0' * 64 + '.jpg'] * 6)}\n"
    f"{'x' * 101};-1;;1e2;;;;;;;\n"
).encode("utf-8-sig")


def test_every_fault_is_told_by_row_and_column_and_nothing_is_kept(
    client: Any, headers: dict[str, str], database: Database
) -> None:
    asked = "title=%20&page_count=ten&on_sale_on=2026-05-02&off_sale_on=2026-05-01"
    answer = client.post(f"/v1/imports?{asked}", data=BAD_CSV, content_type="text/csv", headers=headers)
    assert answer.json["detail"].startswith("22 things are wrong with the file, so nothing was imported")
    assert set(faults(answer)) == {
        "/title", "/page_count", "/off_sale_on", "/rows/1/titel",
        "/rows/2/page", "/rows/2/print_width_in", "/rows/2/link", "/rows/2/price_amount",
        "/rows/2/price_currency", "/rows/2/ends_at", "/rows/2/starts_at", "/rows/2/state", "/rows/2/images",
        "/rows/3/title", "/rows/3/print_width_in", "/rows/3/price_amount", "/rows/3/ends_at",
        "/rows/6/title", "/rows/6/images", "/rows/7/title", "/rows/7/page", "/rows/7/print_width_in",
    }  # fmt: skip
    told = faults(answer)
    assert told["/rows/2/page"] == "page is a whole number, not 'x'"
    assert told["/rows/2/starts_at"].startswith("starts_at is a time with its zone")
    assert told["/rows/6/title"] == "row 5 has the same page and title"
    assert "the columns are title, page" in told["/rows/1/titel"]
    assert counts(database) == [0, 0, 0, 0]


def test_a_page_beyond_the_last_is_told(client: Any, headers: dict[str, str]) -> None:
    asked = "/v1/imports?title=May&page_count=10"
    answer = client.post(asked, data=b"title,page\nCup,11\n", content_type="text/csv", headers=headers)
    assert faults(answer) == {"/rows/2/page": "the campaign has 10 pages"}


def test_a_picture_that_is_not_there_is_a_fault_of_its_row(
    client: Any, headers: dict[str, str], database: Database, settings: Settings, monkeypatch: Any
) -> None:
    there, absent = stored(settings), "0" * 64 + ".jpg"
    asked: list[str] = []

    def is_stored(name: str, folder: Path) -> bool:
        asked.append(name)
        return (folder / name).is_file()

    monkeypatch.setattr(storage, "is_stored", is_stored)
    rows = f"title,images\nCup,{there}\nTart,{there} {absent}\nCake,{absent}\n".encode()
    answer = client.post("/v1/imports?title=May", data=rows, content_type="text/csv", headers=headers)
    said = f"there is no stored picture {absent}: send it to POST /v1/pictures first"
    assert faults(answer) == {"/rows/3/images": said, "/rows/4/images": said}
    assert sorted(asked) == sorted([there, absent])
    issue = {"campaign": {"title": "May"}, "rows": [{"title": "Cake", "images": [absent]}]}
    assert faults(client.post("/v1/imports", json=issue, headers=headers)) == {"/rows/0/images": said}
    assert counts(database) == [0, 0, 0, 0]


def test_json_is_pointed_into(client: Any, headers: dict[str, str], database: Database) -> None:
    issue = {
        "campaign": {"title": "May", "pages": 3},
        "rows": [
            {"title": "Tart", "page": "2", "link": "", "campaign_id": str(uuid4())},
            {"page": True, "price_amount": 12.5, "destination_title": "y" * 101},
            "Cup",
            {"title": "\ud800", "description": None},
        ],
        "more": 1,
    }
    told = faults(client.post("/v1/imports", json=issue, headers=headers))
    assert {
        "/campaign/pages", "/more", "/rows/0/page", "/rows/0/link", "/rows/0/campaign_id", "/rows/1/page",
        "/rows/1/title", "/rows/1/price_amount", "/rows/1/destination_title", "/rows/2", "/rows/3/title",
    } <= set(told)  # fmt: skip
    assert told["/rows/1/destination_title"] == "destination_title takes 1 to 100 characters, not 101"
    for body in (b"[1]", b"{}", b'{"rows": 3, "campaign": []}', b'{"rows": [], "campaign": {"title": "M"}}'):
        answer = client.post("/v1/imports", data=body, content_type="application/json", headers=headers)
        assert (answer.status_code, answer.json["code"]) == (422, "invalid-request")
        assert "Traceback" not in answer.text
    deep = client.post("/v1/imports", data=b"[" * 90_000, content_type="application/json", headers=headers)
    assert deep.status_code == 400
    assert counts(database) == [0, 0, 0, 0]


def test_too_much_or_another_type_is_refused(client: Any, headers: dict[str, str]) -> None:
    rows = b"".join(b"Cup,%d\n" % number for number in range(1, imports.MAX_ROWS + 2))
    post: dict[str, Any] = {"content_type": "text/csv", "headers": headers}
    many = client.post("/v1/imports?title=May", data=b"title,page\n" + rows, **post)
    assert "more than the 5000 rows" in faults(many)["/rows"]
    entries = [{"title": f"Cup {number}"} for number in range(imports.MAX_ROWS + 1)]
    as_json = client.post(
        "/v1/imports", json={"campaign": {"title": "May"}, "rows": entries}, headers=headers
    )
    assert "more than the 5000 rows" in faults(as_json)["/rows"]
    large = client.post("/v1/imports?title=May", data=b"x" * (imports.MAX_BYTES + 1), **post)
    assert (large.status_code, large.json["code"]) == (413, "request-too-large")
    other = client.post("/v1/imports", data=b"x", content_type="text/plain", headers=headers)
    assert (other.status_code, other.json["code"]) == (415, "unsupported-media-type")
    assert "text/csv" in other.json["detail"]


@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("text/csv", b"title\n" + b"a\n" * 2_000_000),
        ("text/csv", b"a," * 2_000_000 + b"title\nTart\n"),
        ("application/json", b'{"campaign": {"title": "M"}, "rows": [' + b"{}," * 1_500_000 + b"{}]}"),
        ("application/json", b'{"campaign": {"title": "M"}, "rows": [' + b"1," * 2_000_000 + b"1]}"),
        ("application/json", b'{"rows": [{' + b'"a":1,' * 700_000 + b'"b":1}]}'),
    ],
    ids=["rows", "columns", "objects", "numbers", "fields"],
)
def test_a_small_file_stays_small_in_memory(
    client: Any, headers: dict[str, str], content_type: str, data: bytes
) -> None:
    tracemalloc.start()
    answer = client.post("/v1/imports?title=May", data=data, content_type=content_type, headers=headers)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (answer.status_code, len(answer.json.get("errors", "1"))) == (422, 1), answer.text[:500]
    # What is read is there as bytes and as text, and in one case as the pairs of one object.
    assert most < 20 * len(data)


def test_five_thousand_rows_come_in(client: Any, headers: dict[str, str], database: Database) -> None:
    rows = b"".join(b"Picture %d,%d\n" % (number, 1 + number // 10) for number in range(imports.MAX_ROWS))
    made = client.post(
        "/v1/imports?title=May&format=csv",
        data=b"title,page\n" + rows,
        content_type="text/csv",
        headers=headers,
    )
    assert made.status_code == 201
    lines = list(csv.DictReader(io.StringIO(made.data.decode("utf-8-sig"), newline="")))
    assert len({line["id"] for line in lines}) == imports.MAX_ROWS
    assert counts(database) == [1, 5000, 5000, 5000]


def test_a_repeat_under_its_key_makes_no_second_issue(
    client: Any, headers: dict[str, str], database: Database
) -> None:
    post: dict[str, Any] = {
        "data": b"title\nCup\n",
        "content_type": "text/csv",
        "headers": headers | {"Idempotency-Key": "issue-5"},
    }
    first = client.post("/v1/imports?title=May", **post)
    again = client.post("/v1/imports?title=May", **post)
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotent-Replay"] == "true"
    other = client.post("/v1/imports?title=June", **post)
    assert (other.status_code, other.json["code"]) == (422, "idempotency-key-reused")
    assert counts(database) == [1, 1, 1, 1]


def test_a_manifest_as_csv_holds_no_formula_and_no_withdrawn_picture(
    client: Any, headers: dict[str, str]
) -> None:
    made = client.post("/v1/imports?title=May", data=GOOD_CSV, content_type="text/csv", headers=headers)
    address = f"/v1/campaigns/{made.json['campaign']['id']}/manifest"
    by_accept = client.get(address, buffered=True, headers=headers | {"Accept": "text/csv, */*;q=0.1"})
    assert by_accept.content_type == "text/csv; charset=utf-8"
    assert client.get(f"{address}?format=csv", headers=headers, buffered=True).data == by_accept.data
    lines = list(csv.DictReader(io.StringIO(by_accept.data.decode("utf-8-sig"), newline="")))
    assert [line["title"] for line in lines] == ["'=Cup", "Lemon tart"]
    gone = client.delete(f"/v1/creatives/{lines[0]['id']}", headers=headers | {"If-Match": '"1"'})
    assert gone.status_code == 204
    assert [row["title"] for row in client.get(address, buffered=True, headers=headers).json["rows"]] == [
        "Lemon tart"
    ]


def test_another_publishers_campaign_is_not_there(
    client: Any, headers: dict[str, str], database: Database
) -> None:
    made = client.post(
        "/v1/imports?title=May", data=b"title\nCup\n", content_type="text/csv", headers=headers
    )
    with database.begin() as session:
        other = publishers.add(session, "Other", now=NOW)
        owner = members.add(session, other.id, email="o@x.example", name="O", role=Role.OWNER, now=NOW)
        key = keys.issue(session, owner, label="x", scopes=[Scope.REGISTRY_READ], now=NOW).text
    foreign = {"Authorization": f"Bearer {key}"}
    address = f"/v1/campaigns/{made.json['campaign']['id']}/manifest"
    assert client.get(address, headers=foreign).status_code == 404
    assert client.get("/v1/export", headers=foreign).status_code == 403
    assert client.post("/v1/imports", headers=foreign).status_code == 403


def test_ids_that_are_taken_are_drawn_again(database: Database, publisher_id: UUID) -> None:
    sheet = imports.sheet_of_csv(b"title\nA\nB\nC\n", {"title": "May"})
    with database.begin() as session:
        one = creatives.Particulars("first")
        creatives.add(session, publisher_id, one, draw=lambda _: 7, now=NOW)
        numbers = iter([7, 8, 8, 9, 8, 10])
        issue = imports.checked(sheet, is_stored=lambda _: True)
        imports.add(session, publisher_id, issue, draw=lambda _: next(numbers), by="a test", now=NOW)
        found = session.scalars(select(Creative))
        assert {each.title: each.watermark_id for each in found} == {"first": 7, "A": 9, "B": 8, "C": 10}


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_the_how_tos_files_come_in(client: Any, headers: dict[str, str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "bring-in-a-whole-issue.md").read_text("utf-8")
    kinds = {kind: page.partition(f"```{kind}\n")[2].partition("```")[0].encode() for kind in ("csv", "json")}
    for kind, query in (("csv", "?title=May"), ("json", "")):
        made = client.post(f"/v1/imports{query}", data=kinds[kind], content_type=TYPES[kind], headers=headers)
        assert made.status_code == 201, made.text


def o2o(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("O2O_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("O2O_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("O2O_PUBLIC_URL", settings.public_url)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_the_command_line_tells_faults_as_a_table(
    database: Database, publisher_id: UUID, tmp_path: Path
) -> None:
    bad = tmp_path / "may.csv"
    bad.write_bytes(b"title,page,link\nCup,x,\nTart,1,ftp://x\n")
    result = o2o("campaign", "import", bad, "--publisher", publisher_id, "--title", "May")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[:3] == [
        "ROW  COLUMN  WHAT IS WRONG",
        "2    page    page is a whole number, not 'x'",
        "3    link    link is an http(s) address of up to 2048 ASCII characters",
    ]
    assert result.stderr.splitlines()[3:] == [
        f"error: 2 things are wrong with {bad}, so nothing was imported"
    ]
    assert result.stdout == ""
    bad.write_text(f"title,images\nCup,{'0' * 64}.jpg\n")
    for more in ((), ("--dry-run",)):
        result = o2o("campaign", "import", bad, "--publisher", publisher_id, "--title", "May", *more)
        assert result.exit_code == 2
        assert result.stderr.splitlines()[1].startswith("2    images  there is no stored picture 000")
    assert counts(database) == [0, 0, 0, 0]


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_the_command_line_says_each_thing_once_and_by_row(publisher_id: UUID, tmp_path: Path) -> None:
    bad = tmp_path / "may.csv"
    # The row that is a twin is found after all others, and the one without a title is the last of all.
    bad.write_bytes(b"title,page,colour\nCup,1,red\nCup,1,\n" + b"Bowl,,\n" * 8 + b",x,\n")
    asked = ("campaign", "import", bad, "--publisher", publisher_id)
    result = o2o(*asked, "--title", "May", "--page-count", "many")
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    numbers = [int(line.split()[0]) for line in lines[2:-1]]
    assert numbers == sorted(numbers)
    assert numbers[0] == 1
    assert lines[1].startswith("     page_count")
    assert result.stderr.count("there is no column 'colour'") == 1
    assert "say --title" in o2o(*asked).stderr


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_a_file_that_is_no_json_gets_no_empty_table(publisher_id: UUID, tmp_path: Path) -> None:
    bad = tmp_path / "may.json"
    bad.write_text("{")
    result = o2o("campaign", "import", bad, "--publisher", publisher_id)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: the file isn't JSON")


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_the_command_line_imports_and_prints_manifests(
    database: Database, publisher_id: UUID, tmp_path: Path
) -> None:
    good = tmp_path / "may.csv"
    good.write_bytes(GOOD_CSV)
    asked = ("campaign", "import", good, "--publisher", publisher_id, "--title", "May", "--page-count", "9")
    dry = o2o(*asked, "--dry-run")
    assert (dry.exit_code, dry.stdout, counts(database)) == (0, "", [0, 0, 0, 0])
    assert "2 pictures could be imported; nothing was" in dry.stderr
    manifest = tmp_path / "manifest.csv"
    done = o2o(*asked, "-o", manifest)
    assert (done.exit_code, counts(database)) == (0, [1, 2, 2, 2]), done.output
    campaign = done.stderr.split()[-1]
    printed = o2o("campaign", "manifest", campaign, "--publisher", publisher_id)
    assert printed.stdout.replace("\n", "\r\n") == manifest.read_bytes().decode("utf-8-sig")
    as_json = json.loads(o2o("campaign", "manifest", campaign, "--publisher", publisher_id, "--json").stdout)
    assert as_json["campaign"] == {"id": campaign, "title": "May"}
    assert as_json["rows"][0]["short_link"].startswith("https://o2o.example/s/")
    issue = tmp_path / "june.json"
    issue.write_text(json.dumps({"campaign": {"title": "June"}, "rows": [{"title": "Cup"}]}))
    assert o2o("campaign", "import", issue, "--publisher", publisher_id).exit_code == 0
    for arguments, said in (
        ((*asked, "-o", manifest), "exists already: name another file, or say --force"),
        (asked, "there is a campaign 'May' already"),
        (("campaign", "import", issue, "--publisher", publisher_id, "--title", "July"), "holds the campaign"),
        (("campaign", "import", __file__, "--publisher", publisher_id), "no .csv and no .json"),
        (("campaign", "import", issue, "--publisher", uuid4()), "there is no publisher"),
    ):
        result = o2o(*arguments)
        assert result.exit_code == 2, result.output
        assert said in " ".join(result.stderr.replace("│", " ").split())
    assert counts(database)[0] == 2
    before = manifest.read_bytes()
    manifest.write_bytes(b"old")
    again = ("campaign", "manifest", campaign, "--publisher", publisher_id, "-o", manifest)
    assert o2o(*again).exit_code == 2
    assert manifest.read_bytes() == b"old"
    assert o2o(*again, "--force").exit_code == 0
    assert manifest.read_bytes() == before
