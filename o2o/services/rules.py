"""A creative's rules: put in place as a whole, and what they were before is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from o2o.errors import InvalidRequest
from o2o.models import Creative, Rule, RuleRevision
from o2o.services import destinations
from o2o.services.checks import require_version
from o2o.services.paging import Page, newest_versions

CONDITIONS = tuple(
    column.key for column in Rule.__table__.columns if column.key not in {"creative_id", "position"}
)
"""What a rule says: where it leads, and for whom."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A list of rules that was, from one version of the creative on.

    Attributes
    ----------
    rules : list of Rule
        Of no session: what they said.
    """

    version: int
    changed_by: str
    changed_at: datetime
    rules: list[Rule]


def of_creative(session: Session, creative_id: UUID) -> list[Rule]:
    """Return a creative's rules, in order."""
    return list(session.scalars(select(Rule).where(Rule.creative_id == creative_id).order_by(Rule.position)))


def replace(
    session: Session, creative: Creative, rules: Sequence[Rule], *, version: int, by: str, now: datetime
) -> None:
    """Put other rules in place of a creative's; the same ones change nothing.

    Parameters
    ----------
    rules : sequence of Rule
        In order; creative and position are set here.
    version : int
        The creative's.
    by : str
        Who does it, for the history.

    Raises
    ------
    PreconditionFailed
        If the creative was changed since that version.
    InvalidRequest
        If a rule leads elsewhere than to the creative's destinations, or the shares come to more than all.
    """
    require_version(creative.version, version)
    _check(session, creative, rules)
    held = of_creative(session, creative.id)
    if [_said(each) for each in held] == [_said(each) for each in rules]:
        return
    for old in held:
        session.delete(old)
    creative.updated_at = now
    session.flush()
    for position, rule in enumerate(rules):
        rule.creative_id, rule.position = creative.id, position
    session.add_all(rules)
    content = [_as_json(each) for each in rules]
    session.add(
        RuleRevision(
            creative_id=creative.id, version=creative.version, rules=content, changed_by=by, changed_at=now
        )
    )
    session.flush()


def history(session: Session, creative: Creative, *, limit: int, cursor: str | None = None) -> Page[Revision]:
    """Return a page of the lists of rules that a creative has had, the newest first.

    Before the first it had none.
    """
    wanted = select(RuleRevision).where(RuleRevision.creative_id == creative.id)
    return newest_versions(session, wanted, RuleRevision.version, limit=limit, cursor=cursor).map(_revision)


def _revision(kept: RuleRevision) -> Revision:
    """Return a list of rules from the row that holds it."""
    return Revision(kept.version, kept.changed_by, kept.changed_at, [_from_json(rule) for rule in kept.rules])


def _from_json(said: dict[str, Any]) -> Rule:
    """Return a rule that a revision holds."""
    times = {name: datetime.fromisoformat(said[name]) for name in ("since", "until") if said[name]}
    return Rule(**said | times | {"destination_id": UUID(said["destination_id"])})


def _check(session: Session, creative: Creative, rules: Sequence[Rule]) -> None:
    """Refuse rules that can't be kept."""
    own = {each.id for each in destinations.of_creative(session, creative.id)}
    for position, rule in enumerate(rules):
        if rule.destination_id not in own:
            raise InvalidRequest(
                f"there is no destination {rule.destination_id} of this creative",
                field=f"rules/{position}/destination_id",
            )
        if rule.since and rule.until and rule.until <= rule.since:
            raise InvalidRequest("until must lie after since", field=f"rules/{position}/until")
        if rule.min_scans is not None and rule.max_scans is not None and rule.max_scans < rule.min_scans:
            raise InvalidRequest("max_scans can't lie below min_scans", field=f"rules/{position}/max_scans")
    if sum(rule.share_percent or 0 for rule in rules) > 100:
        raise InvalidRequest("the shares come to more than 100 percent", field="rules")


def _said(rule: Rule) -> dict[str, Any]:
    """Return what a rule says, by the names of its columns."""
    return {name: getattr(rule, name) for name in CONDITIONS}


def _as_json(rule: Rule) -> dict[str, Any]:
    """Return what a rule says as the API has it."""
    typed = _said(rule)
    times = {name: typed[name].isoformat() for name in ("since", "until") if typed[name]}
    return typed | times | {"destination_id": str(rule.destination_id)}
