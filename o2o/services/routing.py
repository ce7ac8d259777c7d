"""Routing: which of a creative's destinations a reader gets, and why.

The first rule whose every condition holds, and whose destination is live, wins; where none does, the oldest
live destination; then the campaign's fallback, then the publisher's. Pure: a dry run and a scan go the same
way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from o2o.models import Creative, Destination, DestinationState, Rule

PERCENT: Final = 100


class Device(StrEnum):
    """What a reader holds, as far as it is asked."""

    IOS = "ios"
    ANDROID = "android"
    OTHER = "other"


class Origin(StrEnum):
    """Where an answer comes from."""

    RULE = "rule"
    DESTINATION = "destination"
    CAMPAIGN_FALLBACK = "campaign_fallback"
    PUBLISHER_FALLBACK = "publisher_fallback"
    NOTICE = "notice"
    """Nothing at all is live: the publisher's name, and that there is nothing now."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks, and when.

    Attributes
    ----------
    country : str or None
        ISO 3166-1 alpha-2, in capitals; None if it isn't known.
    languages : tuple of str
        Primary language subtags in lower case, the preferred first.
    bucket : int
        The reader's place among all readers of the creative, 0 to 99: see `bucket_of`.
    scans : callable
        Returns how many scans have read the creative before, exactly up to the largest number that a rule
        names and more beyond it; called only where a rule asks.
    """

    at: datetime
    country: str | None
    languages: tuple[str, ...]
    device: Device
    bucket: int
    scans: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one thing that could have been the answer.

    Attributes
    ----------
    subject : str
        What it is, as a person says it.
    destination_id : UUID or None
        None if there is none of this kind.
    wins : bool
    why : str
        Why it wins or doesn't, in words.
    """

    subject: str
    destination_id: UUID | None
    wins: bool
    why: str


@dataclass(frozen=True, slots=True)
class Route:
    """The answer, and how it was come by.

    Attributes
    ----------
    destination : Destination or None
        None only for `Origin.NOTICE`.
    steps : tuple of Step
        What was looked at, in order; the last one wins.
    """

    origin: Origin
    destination: Destination | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Choices:
    """What a creative may lead to.

    Attributes
    ----------
    rules : sequence of Rule
        In order.
    destinations : sequence of Destination
        The creative's own, the oldest first.
    campaign_fallback, publisher_fallback : Destination or None
    """

    creative: Creative
    rules: Sequence[Rule]
    destinations: Sequence[Destination]
    campaign_fallback: Destination | None
    publisher_fallback: Destination | None


def bucket_of(creative_id: UUID, reader_id: UUID) -> int:
    """Return a reader's place among all readers of a creative, 0 to 99: the same at every visit.

    Another for every creative, so that nobody is always in the smaller half of a test.
    """
    digest = hashlib.sha256(creative_id.bytes + reader_id.bytes).digest()
    return int.from_bytes(digest[:8]) % PERCENT


def status(destination: Destination, at: datetime) -> str:
    """Return what a destination is at a time: draft, scheduled, live or expired."""
    if destination.state is DestinationState.LIVE:
        if destination.ends_at is not None and destination.ends_at <= at:
            return DestinationState.EXPIRED.value
        if destination.starts_at is not None and at < destination.starts_at:
            return "scheduled"
    return destination.state.value


def route(choices: Choices, visit: Visit) -> Route:
    """Return what a visit leads to."""
    steps: list[Step] = []
    for origin, destination, step in _candidates(choices, visit):
        steps.append(step)
        if step.wins:
            return Route(origin, destination, tuple(steps))
    raise AssertionError("the notice always wins")


def _candidates(choices: Choices, visit: Visit) -> Iterator[tuple[Origin, Destination | None, Step]]:
    """Yield all that may be the answer, in order; the last one always wins."""
    if choices.creative.withdrawn_at is None:
        yield from _of_rules(choices, visit)
        for each in choices.destinations:
            yield Origin.DESTINATION, each, _own_step(f"destination {each.title!r}", each, visit)
    for origin, subject, fallback in (
        (Origin.CAMPAIGN_FALLBACK, "the campaign's fallback", choices.campaign_fallback),
        (Origin.PUBLISHER_FALLBACK, "the publisher's fallback", choices.publisher_fallback),
    ):
        if fallback is None:
            yield origin, None, Step(subject, None, wins=False, why="there is none")
        else:
            yield origin, fallback, _own_step(subject, fallback, visit)
    yield (
        Origin.NOTICE,
        None,
        Step("a notice of the publisher's name", None, wins=True, why="nothing is live"),
    )


def _own_step(subject: str, destination: Destination, visit: Visit) -> Step:
    """Say whether a destination is live."""
    found = status(destination, visit.at)
    return Step(subject, destination.id, wins=found == DestinationState.LIVE, why=f"it is {found}")


def _of_rules(choices: Choices, visit: Visit) -> Iterator[tuple[Origin, Destination, Step]]:
    """Yield what the rules lead to."""
    by_id = {each.id: each for each in choices.destinations}
    taken = 0
    for rule in choices.rules:
        destination = by_id[rule.destination_id]
        against, before = _against(rule, taken, visit), taken
        taken += rule.share_percent or 0
        found = status(destination, visit.at)
        if against is None and found != DestinationState.LIVE:
            against = f"every condition holds, but its destination is {found}"
        step = Step(
            f"rule {rule.position + 1}, to {destination.title!r}",
            destination.id,
            wins=against is None,
            why=against or _why(rule, before, visit),
        )
        yield Origin.RULE, destination, step


def _why(rule: Rule, taken: int, visit: Visit) -> str:
    """Say why a rule wins."""
    if rule.share_percent is None:
        return "every condition holds"
    return f"every condition holds, and {_place(rule.share_percent, taken, visit)}"


def _place(share_percent: int, taken: int, visit: Visit) -> str:
    """Say which readers a rule is for, and which this one is."""
    last = taken + share_percent - 1
    return f"the reader's place is {visit.bucket} of 100, and this rule has {taken} to {last}"


def _against(rule: Rule, taken: int, visit: Visit) -> str | None:
    """Return the first condition that doesn't hold, in words; None if all do.

    Parameters
    ----------
    taken : int
        Percent of readers that the shares of the rules before it take up.
    """
    if rule.since is not None and visit.at < rule.since:
        return f"it begins at {rule.since.isoformat()}"
    if rule.until is not None and visit.at >= rule.until:
        return f"it ended at {rule.until.isoformat()}"
    if rule.countries and visit.country not in rule.countries:
        return f"the reader's country is {visit.country or 'unknown'}, not {_either(rule.countries)}"
    if rule.languages and not set(visit.languages) & set(rule.languages):
        return f"the reader reads {_either(visit.languages)}, not {_either(rule.languages)}"
    if rule.devices and visit.device not in rule.devices:
        return f"the reader's device is {visit.device}, not {_either(rule.devices)}"
    if rule.share_percent is not None and not taken <= visit.bucket < taken + rule.share_percent:
        return _place(rule.share_percent, taken, visit)
    return _against_scans(rule, visit)


def _against_scans(rule: Rule, visit: Visit) -> str | None:
    """Return why the number of scans doesn't fit, in words; None if it does. Last, as it must be counted."""
    if rule.min_scans is None and rule.max_scans is None:
        return None
    scans = visit.scans()
    if rule.min_scans is not None and scans < rule.min_scans:
        return f"there were {scans} scans before, and it takes at least {rule.min_scans}"
    if rule.max_scans is not None and scans > rule.max_scans:
        return f"there were more scans before than the {rule.max_scans} that it takes"
    return None


def _either(values: Sequence[str]) -> str:
    """Name alternatives."""
    return " or ".join(values) if values else "nothing known"
