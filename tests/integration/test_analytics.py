"""Analytics over HTTP: exact against the raw rows, separate for each publisher, harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import permutations
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient

from o2o.db import Database, insert_many
from o2o.errors import InvalidRequest
from o2o.models import Campaign, Creative, Outcome, ReaderSketch, Scan
from o2o.roles import Role, Scope
from o2o.services import analytics, keys, members, misses, rollups, sketch
from o2o.services.analytics import Dimension, Period, Question
from o2o.services.creatives import format_id
from o2o.services.spreadsheets import inert
from tests.integration import raw_rows
from tests.integration.raw_rows import DAYS, Raw, Tenant
from tests.integration.support import NOW

KEY = sketch.derive_key(b"a deployment's key")
SPAN = {"from": DAYS[0].isoformat(), "to": DAYS[-1].isoformat()}

Ask = Callable[..., Any]


@pytest.fixture
def raw(database: Database) -> Raw:
    """Raw rows of several publishers on several days, rolled up."""
    with database.begin() as session:
        made = raw_rows.make(session, Random(20260302), scans=150)
    roll_up(database)
    return made


def roll_up(database: Database) -> None:
    with database.begin() as session:
        for day in rollups.stale_days(session, DAYS[0], DAYS[-1]):
            rollups.replace(session, rollups.count(session, day, KEY), now=NOW)


@pytest.fixture
def ask(client: FlaskClient, database: Database, raw: Raw) -> Ask:
    """Asks as an analyst of one of the publishers."""
    held: dict[tuple[UUID, str], str] = {}

    def key(tenant: Tenant, scope: Scope) -> str:
        with database.begin() as session:
            email = f"{len(held)}@magazine.example"
            holder = members.add(session, tenant.id, email=email, name="Ada", role=Role.ANALYST, now=NOW)
            return keys.issue(session, holder, label="a test's", scopes=[scope], now=NOW).text

    def get(
        tenant: int, path: str = "/v1/analytics", scope: Scope = Scope.ANALYTICS_READ, **query: Any
    ) -> Any:
        who = (raw.tenants[tenant].id, scope)
        if who not in held:
            held[who] = key(raw.tenants[tenant], scope)
        return client.get(path, query_string=SPAN | query, headers={"Authorization": f"Bearer {held[who]}"})

    return get


def groups_of(raw: Raw, tenant: Tenant, by: Sequence[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """What there should be, from the raw rows, by the values of the dimensions as JSON has them."""
    of_id: dict[UUID, Creative] = {creative.id: creative for creative in tenant.creatives}
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for (day, creative_id, device, country, shown), (scans, pins, failed), reader_id in raw.facts():
        if creative_id not in of_id:
            continue
        creative = of_id[creative_id]
        values = {
            "day": day.isoformat(),
            "campaign": str(creative.campaign_id) if creative.campaign_id else None,
            "creative": format_id(creative.watermark_id),
            "page": creative.page,
            "device": device or None,
            "country": country or None,
            "outcome": shown,
        }
        group = found.setdefault(
            tuple(values[each] for each in by), {"scans": 0, "pins": 0, "failures": 0, "readers": set()}
        )
        group["scans"] += scans
        group["pins"] += pins
        group["failures"] += failed + (scans if shown != "content" else 0)
        if scans:
            group["readers"].add(reader_id)
    return found


def key_of(row: dict[str, Any], by: Sequence[str]) -> tuple[Any, ...]:
    names = {"campaign": "campaign_id", "creative": "creative_id"}
    return tuple(row[names.get(each, each)] for each in by)


def counts_of(row: dict[str, Any]) -> dict[str, int]:
    return {name: row[name] for name in ("scans", "pins", "failures")}


SINGLE = [(each.value,) for each in Dimension]
PAIRS = [tuple(each.value for each in pair) for pair in permutations(Dimension, 2)]


def test_every_dimension_and_pair_is_exact(ask: Ask, raw: Raw) -> None:
    for by in (*SINGLE, *PAIRS):
        answer = ask(0, by=list(by))
        assert answer.status_code == 200
        rows = {key_of(row, by): row for row in answer.get_json()["rows"]}
        expected = groups_of(raw, raw.tenants[0], by)
        assert {group: counts_of(row) for group, row in rows.items()} == {
            group: {name: each[name] for name in ("scans", "pins", "failures")}
            for group, each in expected.items()
        }
        assert len(rows) == len(answer.get_json()["rows"])
        if {"country", "outcome"} & set(by):
            assert {row["readers"] for row in rows.values()} == {None}
        else:
            # So few readers that a sketch is off by one at most, where two share a register.
            readers = {group: len(each["readers"]) for group, each in expected.items()}
            assert all(abs(rows[group]["readers"] - count) <= 1 for group, count in readers.items())


def test_readers_of_many_days_are_counted_once(ask: Ask, raw: Raw) -> None:
    answer = ask(0).get_json()
    everyone = groups_of(raw, raw.tenants[0], ())[()]
    assert answer["total"] == {**counts_of(answer["total"]), "readers": answer["total"]["readers"]}
    assert counts_of(answer["total"]) == counts_of(everyone)
    assert abs(answer["total"]["readers"] - len(everyone["readers"])) <= 1
    assert sum(row["readers"] for row in answer["rows"]) > answer["total"]["readers"] + 5


def test_a_campaign_and_a_creative_are_narrowed_to(ask: Ask, raw: Raw) -> None:
    tenant = raw.tenants[0]
    campaign: Campaign = next(
        each for each in tenant.campaigns if any(c.campaign_id == each.id for c in tenant.creatives)
    )
    by_campaign = groups_of(raw, tenant, ["campaign"])[(str(campaign.id),)]
    found = ask(0, campaign_id=campaign.id).get_json()["total"]
    assert counts_of(found) == counts_of(by_campaign)
    assert abs(found["readers"] - len(by_campaign["readers"])) <= 1

    creative = tenant.creatives[1]
    name = format_id(creative.watermark_id)
    by_creative = groups_of(raw, tenant, ["creative"])[(name,)]
    found = ask(0, creative_id=name, by=["day", "outcome"]).get_json()["total"]
    assert counts_of(found) == counts_of(by_creative)
    assert abs(found["readers"] - len(by_creative["readers"])) <= 1


def test_days_without_anything_are_there_too(ask: Ask) -> None:
    first = DAYS[0] - timedelta(days=3)
    rows = ask(0, **{"from": first.isoformat()}).get_json()["rows"]
    assert [row["day"] for row in rows] == [(first + timedelta(days=n)).isoformat() for n in range(7)]
    nothing = {"scans": 0, "readers": 0, "pins": 0, "failures": 0}
    assert rows[0] == {"day": first.isoformat(), **nothing}


def test_a_creative_that_moves_takes_its_counts_along(ask: Ask, raw: Raw, database: Database) -> None:
    tenant = raw.tenants[0]
    moved = tenant.creatives[0]
    campaign = next(each for each in tenant.campaigns if each.id != moved.campaign_id)
    with database.begin() as session:
        held = session.get_one(Creative, moved.id)
        held.campaign_id, held.page = campaign.id, 77
    mine = groups_of(raw, tenant, ["creative"])[(format_id(moved.watermark_id),)]
    rows = {row["page"]: row for row in ask(0, by=["page"], campaign_id=campaign.id).get_json()["rows"]}
    assert counts_of(rows[77]) == counts_of(mine)


def test_a_withdrawn_creative_is_still_counted(ask: Ask, raw: Raw, database: Database) -> None:
    with database.begin() as session:
        session.get_one(Creative, raw.tenants[0].creatives[0].id).withdrawn_at = NOW
    name = format_id(raw.tenants[0].creatives[0].watermark_id)
    assert ask(0, creative_id=name).get_json()["total"]["scans"] > 0


def test_a_publisher_sees_nothing_of_another(ask: Ask, raw: Raw) -> None:
    mine, other = raw.tenants[0], raw.tenants[1]
    theirs = {format_id(each.watermark_id) for each in other.creatives} | {
        str(each.id) for each in other.campaigns
    }
    for by in ("creative", "campaign"):
        text = ask(0, by=[by]).get_data(as_text=True)
        assert not [each for each in theirs if each in text]
    unseen = ask(0, creative_id=format_id(other.creatives[0].watermark_id))
    assert unseen.status_code == 404
    assert unseen.get_json()["code"] == "not-found"
    never_there = ask(0, creative_id="0x000000000000").get_json()["detail"]
    assert unseen.get_json()["detail"].split()[:4] == never_there.split()[:4]
    for campaign_id in (other.campaigns[0].id, uuid4()):
        assert ask(0, campaign_id=campaign_id).status_code == 404
    totals = [ask(tenant).get_json()["total"]["scans"] for tenant in range(len(raw.tenants))]
    assert totals[0] == groups_of(raw, mine, ())[()]["scans"]
    assert len(set(totals)) > 1


def test_a_new_publisher_has_nothing(ask: Ask, raw: Raw, database: Database) -> None:
    with database.begin() as session:
        raw.tenants.append(raw_rows.publisher(session, Random(3), 99))
    total = ask(len(raw.tenants) - 1, by=["creative"]).get_json()
    assert total["rows"] == []
    assert total["total"] == {"scans": 0, "readers": 0, "pins": 0, "failures": 0}


def test_only_a_key_for_analytics_opens_it(ask: Ask, client: FlaskClient) -> None:
    for path in ("/v1/analytics", "/v1/analytics/misses"):
        assert client.get(path).status_code == 401
        assert ask(0, path, scope=Scope.REGISTRY_READ).status_code == 403
        assert ask(0, path).status_code == 200


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"from": "2026-03-02", "to": "2026-03-01"}, "/to"),
    ({"from": "2024-01-01", "to": "2026-03-01"}, "/from"),
    ({"from": "0001-01-01"}, "/from"),
    ({"to": "soon"}, "/to"),
    ({"by": ["weather"]}, "/by/0"),
    ({"by": ["day", "day"]}, "/by"),
    ({"by": ["day", "page", "device"]}, "/by"),
    ({"creative_id": "0x12"}, "/creative_id"),
    ({"format": "xlsx"}, "/format"),
]


def test_what_cannot_be_answered_is_told(ask: Ask) -> None:
    for query, field in REFUSED:
        answer = ask(0, **query)
        assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, field)


def test_400_days_are_taken_and_401_are_not(ask: Ask) -> None:
    last = DAYS[-1]
    longest = {"from": (last - timedelta(days=399)).isoformat(), "to": last.isoformat()}
    assert len(ask(0, **longest).get_json()["rows"]) == 400
    assert ask(0, **longest | {"from": (last - timedelta(days=400)).isoformat()}).status_code == 422


def test_without_days_it_is_the_last_thirty(ask: Ask) -> None:
    answer = ask(0, **{"from": None, "to": None}).get_json()
    assert len(answer["rows"]) == 30


def test_an_answer_that_nobody_reads_is_refused(
    raw: Raw, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = Question(Period(DAYS[0], DAYS[-1]), (Dimension.DAY, Dimension.CREATIVE))
    for limit in ("MAX_ROWS", "MAX_SKETCHES"):
        with monkeypatch.context() as patch, database.read() as session:
            patch.setattr(analytics, limit, 3)
            with pytest.raises(InvalidRequest, match="fewer days"):
                analytics.report(session, raw.tenants[0].id, question)


def test_csv_holds_what_json_holds(ask: Ask) -> None:
    for by in (["day"], ["campaign", "page"], ["creative", "device"], ["outcome", "country"]):
        plain = ask(0, by=by).get_json()["rows"]
        answer = ask(0, by=by, format="csv")
        assert answer.content_type == "text/csv; charset=utf-8"
        assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
        rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
        assert rows == [
            {name: "" if value is None else str(value) for name, value in row.items()} for row in plain
        ]


FORMULAS = [
    '=HYPERLINK("https://evil.example","Scans")',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "＝1+1",
    '=1,"2"\n',
]


def test_no_title_is_a_formula_in_a_spreadsheet(ask: Ask, raw: Raw, database: Database) -> None:
    for formula in FORMULAS:
        with database.begin() as session:
            for creative in raw.tenants[0].creatives:
                session.get_one(Creative, creative.id).title = formula
            for number, campaign in enumerate(raw.tenants[0].campaigns):
                session.get_one(Campaign, campaign.id).title = f"{formula}{number}"
        text = ask(0, by=["creative", "campaign"], format="csv").data.decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert {row["creative_title"] for row in rows} == {f"'{formula}"}
        campaign_titles = {row["campaign_title"] for row in rows} - {""}
        assert campaign_titles
        assert all(title.startswith(f"'{formula}") for title in campaign_titles)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("Lemon tart", "Lemon tart"),
        (" =1", "' =1"),
        ("\t=1", "'\t=1"),
        (-5, -5),
        (None, None),
        ("a=b", "a=b"),
    ],
)
def test_cells_are_changed_only_where_they_must_be(value: Any, cell: Any) -> None:
    assert inert(value) == cell


def add_photos(database: Database, raw: Raw, count: int, reason: str | None, device: str) -> None:
    with database.begin() as session:
        session.add_all(
            Scan(
                reader_id=raw.people[0][0].id,
                outcome=Outcome.MISS if reason else Outcome.READ,
                reason=reason,
                width_px=1,
                height_px=1,
                load_ms=0,
                detect_ms=0,
                decode_ms=0,
                total_ms=0,
                device=device,
                country="FR",
                created_at=NOW - timedelta(days=400),
            )
            for _ in range(count)
        )
    day = (NOW - timedelta(days=400)).date()
    with database.begin() as session:
        rollups.replace(session, rollups.count(session, day, KEY), now=NOW)


def test_misses_are_shares_of_the_whole_deployments_photos(ask: Ask, raw: Raw, database: Database) -> None:
    add_photos(database, raw, 150, "glare", "ios")
    add_photos(database, raw, 50, "too_dark", "ios")
    add_photos(database, raw, 100, None, "ios")
    add_photos(database, raw, misses.LEAST_PHOTOS - 1, "glare", "android")
    day = (NOW - timedelta(days=400)).date().isoformat()
    span = {"from": day, "to": day}
    ios = [
        {"device": "ios", "reason": "glare", "share": 0.5},
        {"device": "ios", "reason": "too_dark", "share": 0.167},
    ]
    for tenant in range(2):  # they are the same for everyone
        assert ask(tenant, "/v1/analytics/misses", by=["device"], **span).get_json()["rows"] == ios
    whole = ask(0, "/v1/analytics/misses", **span).get_json()["rows"]
    assert whole == [
        {"reason": "glare", "share": round(249 / 399, 3)},
        {"reason": "too_dark", "share": round(50 / 399, 3)},
    ]
    by_both = ask(0, "/v1/analytics/misses", by=["device", "day"], **span).get_json()["rows"]
    assert by_both == [{**row, "day": day} for row in ios]


def test_sketches_are_merged_in_a_stream(database: Database, raw: Raw) -> None:
    publisher_id, last = raw.tenants[0].id, DAYS[0] - timedelta(days=1)
    days = [last - timedelta(days=number) for number in range(300)]
    rows = [
        {
            "subject_id": publisher_id, "publisher_id": publisher_id, "day": day, "device": f"of {number}",
            "sketch": bytes([number]) * sketch.DENSE_BYTES,
        }
        for day in days for number in range(20)
    ]  # fmt: skip
    with database.begin() as session:
        insert_many(session, ReaderSketch.metadata.tables["reader_sketch"], rows)
    asked = Question(Period(days[-1], last), (Dimension.DAY,))
    with database.read() as session:
        analytics.report(session, publisher_id, asked)  # compiled before it is measured
        tracemalloc.start()
        analytics.report(session, publisher_id, asked)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < len(rows) * sketch.DENSE_BYTES / 2


def test_misses_match_the_raw_rows(ask: Ask, raw: Raw) -> None:
    reasons = Counter(scan.reason for scan in raw.scans)
    assert len(raw.scans) >= misses.LEAST_PHOTOS
    found = {row["reason"]: row["share"] for row in ask(0, "/v1/analytics/misses").get_json()["rows"]}
    assert found == {reason: round(count / len(raw.scans), 3) for reason, count in reasons.items() if reason}


def test_misses_come_as_csv_too(ask: Ask) -> None:
    text = ask(0, "/v1/analytics/misses", format="csv").data.decode("utf-8-sig")
    assert text.splitlines()[0] == "reason,share"
    assert len(text.splitlines()) == 1 + len(raw_rows.REASONS)


def test_few_photos_tell_of_nobody(ask: Ask) -> None:
    span = {"from": "2020-01-01", "to": "2020-01-02"}
    assert ask(0, "/v1/analytics/misses", **span).get_json()["rows"] == []
