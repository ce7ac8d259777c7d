"""Routing: which destination a reader gets, and why; never nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from o2o.models import Creative, Destination, DestinationState, Rule
from o2o.services.creatives import format_code, parse_code
from o2o.services.routing import Choices, Device, Origin, Visit, bucket_of, route, status

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def destination(
    title: str = "T", state: DestinationState = DestinationState.LIVE, **more: Any
) -> Destination:
    return Destination(id=uuid4(), title=title, state=state, **more)


def rule(to: Destination, position: int = 0, **conditions: Any) -> Rule:
    empty: dict[str, Any] = {"countries": [], "languages": [], "devices": []}
    return Rule(destination_id=to.id, position=position, **empty | conditions)


def never() -> int:
    raise AssertionError("no rule asks how many scans there were")


def visit(**more: Any) -> Visit:
    asked: dict[str, Any] = {
        "at": NOW, "country": None, "languages": (), "device": Device.OTHER, "bucket": 0, "scans": never,
    }  # fmt: skip
    return Visit(**asked | more)


def choices(*destinations: Destination, rules: tuple[Rule, ...] = (), **more: Any) -> Choices:
    held: dict[str, Any] = {"campaign_fallback": None, "publisher_fallback": None} | more
    return Choices(Creative(), rules, destinations, **held)


@pytest.mark.parametrize(
    ("conditions", "fitting", "unfitting"),
    [
        ({"since": NOW}, {"at": NOW}, {"at": NOW - HOUR}),
        ({"until": NOW}, {"at": NOW - HOUR}, {"at": NOW}),
        ({"countries": ["DE", "AT"]}, {"country": "AT"}, {"country": "FR"}),
        ({"countries": ["DE"]}, {"country": "DE"}, {"country": None}),
        ({"languages": ["fr"]}, {"languages": ("de", "fr")}, {"languages": ()}),
        ({"devices": ["ios"]}, {"device": Device.IOS}, {"device": Device.ANDROID}),
        ({"min_scans": 3}, {"scans": lambda: 3}, {"scans": lambda: 2}),
        ({"max_scans": 99}, {"scans": lambda: 99}, {"scans": lambda: 100}),
        ({"share_percent": 30}, {"bucket": 29}, {"bucket": 30}),
    ],
)
def test_a_rule_wins_if_every_condition_holds(
    conditions: dict[str, Any], fitting: dict[str, Any], unfitting: dict[str, Any]
) -> None:
    usual, special = destination("Usual"), destination("Special")
    both = choices(usual, special, rules=(rule(special, **conditions),))

    won = route(both, visit(**fitting))
    assert (won.origin, won.destination) == (Origin.RULE, special)
    assert won.steps[-1].why.startswith("every condition holds")

    lost = route(both, visit(**unfitting))
    assert (lost.origin, lost.destination) == (Origin.DESTINATION, usual)
    assert lost.steps[0].destination_id == special.id
    assert not lost.steps[0].wins


def test_the_first_rule_that_holds_wins() -> None:
    one, other = destination("One"), destination("Other")
    rules = (rule(one, 0, devices=["ios"]), rule(other, 1), rule(one, 2))
    assert route(choices(one, other, rules=rules), visit()).destination is other


def test_shares_lie_side_by_side() -> None:
    a, b, rest = destination("A"), destination("B"), destination("Rest")
    rules = (rule(a, 0, share_percent=20), rule(b, 1, share_percent=30), rule(rest, 2))
    got = [route(choices(rest, a, b, rules=rules), visit(bucket=bucket)).destination for bucket in range(100)]
    assert got == [a] * 20 + [b] * 30 + [rest] * 50


def test_a_rule_to_what_is_not_live_is_passed_over() -> None:
    draft, live = destination("Draft", DestinationState.DRAFT), destination("Live")
    found = route(choices(draft, live, rules=(rule(draft),)), visit())
    assert found.destination is live
    assert found.steps[0].why == "every condition holds, but its destination is draft"


def test_a_schedule_decides_what_is_live() -> None:
    for begins, ends, expected in (
        (None, None, "live"),
        (NOW, NOW + HOUR, "live"),
        (NOW + HOUR, None, "scheduled"),
        (None, NOW, "expired"),
    ):
        assert status(destination(starts_at=begins, ends_at=ends), NOW) == expected
    assert status(destination(state=DestinationState.DRAFT, ends_at=NOW), NOW) == "draft"


@given(
    own=st.sampled_from([*DestinationState, None]),
    campaigns=st.sampled_from([*DestinationState, None]),
    publishers=st.sampled_from([*DestinationState, None]),
    is_withdrawn=st.booleans(),
)
def test_there_is_always_an_answer(
    own: DestinationState | None,
    campaigns: DestinationState | None,
    publishers: DestinationState | None,
    is_withdrawn: bool,
) -> None:
    made = [destination(state=state) if state else None for state in (own, campaigns, publishers)]
    held = Choices(
        Creative(withdrawn_at=NOW if is_withdrawn else None),
        (),
        [made[0]] if made[0] else [],
        made[1],
        made[2],
    )
    found = route(held, visit())

    live = [each for each in (None if is_withdrawn else made[0], *made[1:]) if each]
    expected = next((each for each in live if each.state is DestinationState.LIVE), None)
    assert found.destination is expected
    assert (found.origin is Origin.NOTICE) == (expected is None)
    assert [step.wins for step in found.steps] == [False] * (len(found.steps) - 1) + [True]


def test_scans_are_counted_only_where_a_rule_asks() -> None:
    counted = []

    def count() -> int:
        counted.append(1)
        return 5

    only = destination()
    asking: Callable[..., Rule] = lambda **more: rule(only, max_scans=9, **more)  # noqa: E731
    route(choices(only, rules=(asking(devices=["ios"]),)), visit(scans=count))
    assert not counted
    route(choices(only, rules=(asking(),)), visit(scans=count))
    assert counted == [1]


def test_readers_spread_over_all_places_and_keep_theirs() -> None:
    creative, other = UUID(int=1), UUID(int=2)
    readers = [UUID(int=number) for number in range(5000)]
    places = [bucket_of(creative, reader) for reader in readers]
    assert places == [bucket_of(creative, reader) for reader in readers]
    assert places != [bucket_of(other, reader) for reader in readers]
    counts = [places.count(place) for place in range(100)]
    assert min(counts) > 20
    assert max(counts) < 90


@given(st.integers(0, 2**48 - 1))
def test_codes_go_there_and_back(watermark_id: int) -> None:
    code = format_code(watermark_id)
    assert len(code) == 10
    assert parse_code(code) == watermark_id
    assert parse_code(code.lower().replace("0", "o").replace("1", "l")) == watermark_id


@pytest.mark.parametrize("text", ["", "0", "ZZZZZZZZZZ", "000000000U", "00000000000", "ſſſſſſſſſſ"])
def test_what_is_no_code_is_none(text: str) -> None:
    assert parse_code(text) is None
