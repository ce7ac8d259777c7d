"""Rules: in words, as a form, and tried on a reader who isn't there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from flask import render_template, request
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from o2o.http.admin import forms
from o2o.http.admin.access import FILTERS, actor, admin_blueprint, done, needs, publisher_id
from o2o.http.admin.destination_form import MOST_VERSIONS
from o2o.http.admin.forms import Errors
from o2o.http.creatives import tried
from o2o.http.problems import faults_of
from o2o.http.registry_schemas import MAX_RULES, DryRunQuery, RuleList
from o2o.http.service import service, utc_now
from o2o.models import Creative, Destination, Rule
from o2o.roles import Scope
from o2o.services import creatives, destinations, routing, rules
from o2o.services.routing import Device

blueprint = admin_blueprint("rules")

DEVICES: Final[Mapping[str, str]] = {
    Device.IOS.value: "iPhone or iPad",
    Device.ANDROID.value: "Android",
    Device.OTHER.value: "another device",
}

POINTER: Final = re.compile(r"rules/(?P<index>[0-9]+)/(?P<field>[a-z_]+)")

_RULE: Final[dict[str, forms.Convert]] = {
    "destination_id": forms.text,
    "since": forms.moment,
    "until": forms.moment,
    "countries": lambda value: [word.upper() for word in forms.words(value)],
    "languages": lambda value: [word.lower() for word in forms.words(value)],
    "min_scans": forms.whole,
    "max_scans": forms.whole,
    "share_percent": forms.whole,
}

_DRY_RUN: Final[dict[str, forms.Convert]] = {
    "at": forms.moment,
    "country": lambda value: value.strip().upper() or None,
    "language": lambda value: value.strip().lower() or None,
    "device": lambda value: value or Device.OTHER.value,
    "scans": forms.whole,
    "bucket": lambda value: forms.whole(value) or 0,
}


@dataclass(frozen=True, slots=True)
class Change:
    """A list of rules that a picture has had, as a person would say it."""

    version: int
    at: datetime
    by: str
    rules: Sequence[str]


def history(session: Session, creative: Creative, owned: Sequence[Destination]) -> tuple[list[Change], bool]:
    """Return the lists of rules that a picture has had, the newest first, and whether there are more."""
    page = rules.history(session, creative, limit=MOST_VERSIONS)
    changes = [
        Change(
            each.version,
            each.changed_at,
            each.changed_by,
            in_words(each.rules, owned),
        )
        for each in page.items
    ]
    return changes, page.next_cursor is not None


def in_words(listed: Iterable[Rule], owned: Iterable[Destination]) -> list[str]:
    """Return rules as a person would say them."""
    titles = {each.id: each.title for each in owned}
    return [f"{_conditions(rule)}: {titles[rule.destination_id]}" for rule in listed]


def _conditions(rule: Rule) -> str:
    """Return a rule's conditions as a person would say them."""
    when, day = FILTERS["when"], []
    if rule.since:
        day.append(f"from {when(rule.since)}")
    if rule.until:
        day.append(f"until {when(rule.until)}")
    parts = [
        rule.countries and f"in {_or(rule.countries)}",
        rule.languages and f"reading {_or(rule.languages)}",
        rule.devices and f"on {_or([DEVICES[each] for each in rule.devices])}",
        " ".join(day),
        rule.min_scans is not None and f"after {rule.min_scans} scans",
        rule.max_scans is not None and f"up to {rule.max_scans} scans",
        rule.share_percent is not None and f"{rule.share_percent} of 100 readers",
    ]
    said = ", ".join(part for part in parts if isinstance(part, str) and part)
    return said[:1].upper() + said[1:] if said else "Everyone"


def _or(values: Sequence[str]) -> str:
    return " or ".join(values)


@blueprint.get("/creatives/<watermark_id:watermark_id>/rules")
@needs(Scope.REGISTRY_WRITE)
def edit_rules(watermark_id: int) -> str:
    """Ask which destination is for whom."""
    with service().database.read() as session:
        creative = creatives.get(session, publisher_id(), watermark_id)
        held = [_held(rule) for rule in rules.of_creative(session, creative.id)]
        return _form(session, creative, held, creative.version, Errors())


@blueprint.post("/creatives/<watermark_id:watermark_id>/rules")
@needs(Scope.REGISTRY_WRITE)
def set_rules(watermark_id: int) -> ResponseReturnValue:
    """Put the form's rules in place of a picture's; those without a destination are left out."""
    errors, sent = Errors(), _sent()
    wanted = _loaded(sent, errors)
    with errors.caught(), service().database.begin() as session:
        creative = creatives.get(session, publisher_id(), watermark_id)
        if not errors:
            others = [Rule(**each) for each in wanted["rules"]]
            rules.replace(session, creative, others, version=forms.version(), by=actor().name, now=utc_now())
    if errors:
        with service().database.read() as session:
            creative = creatives.get(session, publisher_id(), watermark_id)
            return _form(session, creative, sent, forms.version(), errors), 422
    return done("rules", "admin_creatives.show_creative", watermark_id=watermark_id)


@blueprint.get("/creatives/<watermark_id:watermark_id>/dry-run")
@needs(Scope.REGISTRY_READ)
def dry_run(watermark_id: int) -> str:
    """Tell what a reader would get, and why; nothing is counted."""
    errors = Errors()
    wanted = errors.load(
        DryRunQuery, {n: convert(request.args.get(n, "")) for n, convert in _DRY_RUN.items()}
    )
    shown: dict[str, Any] = {}
    with service().database.read() as session:
        creative = creatives.get(session, publisher_id(), watermark_id)
        if not errors:
            shown = tried(session, creative, wanted)
    return render_template(
        "admin/dry_run.html",
        creative=creative,
        watermark_id=creatives.format_id(watermark_id),
        devices=DEVICES,
        values=request.args.to_dict(),
        errors=errors.by_field,
        **shown,
    )


def _sent() -> list[dict[str, Any]]:
    """Return the rules that the current form holds, as they were typed, in the order that it asks for."""
    found = []
    for index in range(MAX_RULES + 1):
        prefix = f"rule-{index}-"
        if not request.form.get(f"{prefix}destination_id") or request.form.get(f"{prefix}remove"):
            continue
        typed = {name: request.form.get(prefix + name, "") for name in (*_RULE, "place")}
        found.append(typed | {"devices": request.form.getlist(f"{prefix}devices")})
    return sorted(found, key=_place)


def _loaded(sent: Sequence[Mapping[str, Any]], errors: Errors) -> dict[str, Any]:
    """Return typed rules as the schema loads them; what is wrong is named by rule and field."""
    try:
        loaded: dict[str, Any] = RuleList().load({"rules": [_raw(each) for each in sent]})
    except ValidationError as error:
        for fault in faults_of(error.messages_dict):
            errors.by_field.setdefault(fault.field, forms.sentence(fault.detail))
        return {}
    return loaded


def _at_fields(by_pointer: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return faults by the form's fields, ``rule-0-countries``, and what those fields are called."""
    by_field: dict[str, str] = {}
    labels: dict[str, str] = {}
    for pointer, fault in by_pointer.items():
        name = pointer
        if found := POINTER.match(pointer):
            name = f"rule-{found['index']}-{found['field']}"
            labels[name] = f"Rule {int(found['index']) + 1}, {found['field'].replace('_', ' ')}"
        by_field.setdefault(name, fault)
    return by_field, labels


def _place(typed: Mapping[str, Any]) -> float:
    """Return where in the list a rule wants to be; the last ones as they come."""
    place = forms.number(str(typed["place"]))
    return place if isinstance(place, float) else float("inf")


def _raw(typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return a typed rule as the schema takes it."""
    return {name: convert(typed[name]) for name, convert in _RULE.items()} | {"devices": typed["devices"]}


def _held(rule: Rule) -> dict[str, Any]:
    """Return a rule as the form shows it."""
    field_time = FILTERS["field_time"]
    return {
        "destination_id": str(rule.destination_id),
        "since": field_time(rule.since),
        "until": field_time(rule.until),
        "countries": ", ".join(rule.countries),
        "languages": ", ".join(rule.languages),
        "devices": rule.devices,
        **{
            name: "" if getattr(rule, name) is None else str(getattr(rule, name))
            for name in ("min_scans", "max_scans", "share_percent")
        },
    }


def _form(
    session: Session, creative: Creative, listed: list[dict[str, Any]], version: int, errors: Errors
) -> str:
    """The form: the rules, and an empty one to add."""
    owned: list[tuple[UUID, str]] = [
        (each.id, f"{each.title} ({routing.status(each, utc_now())})")
        for each in destinations.of_creative(session, creative.id)
    ]
    by_field, labels = _at_fields(errors.by_field)
    return render_template(
        "admin/rules.html",
        creative=creative,
        watermark_id=creatives.format_id(creative.watermark_id),
        destinations=owned,
        devices=DEVICES,
        rules=listed,
        version=version,
        errors=by_field,
        labels=labels,
    )
