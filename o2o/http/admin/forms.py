"""Forms: what people type, as the API's schemas take it; what is wrong goes back beside its field."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from apiflask import Schema
from flask import request
from marshmallow import ValidationError
from werkzeug.datastructures import FileStorage

from o2o.errors import Conflict, ImageError, InvalidRequest

WHOLE_FORM: Final = ""
"""The field of a fault that isn't one field's."""

Convert = Callable[[str], Any]


@dataclass
class Errors:
    """What is wrong with a form, by field; filled on the way."""

    by_field: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.by_field)

    @contextmanager
    def caught(self, field_at_fault: str = WHOLE_FORM) -> Iterator[None]:
        """Take down what the form's sender can mend, and go on after the block."""
        try:
            yield
        except InvalidRequest as error:
            for fault in error.faults:
                self.by_field.setdefault(fault.field, _first(fault.detail))
            if not error.faults:
                self.by_field.setdefault(field_at_fault, sentence(error.detail))
        except (Conflict, ImageError) as error:
            self.by_field.setdefault(field_at_fault, sentence(error.detail))

    def load(self, schema: type[Schema], raw: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields as a schema loads them; without those, if something is wrong."""
        try:
            loaded: dict[str, Any] = schema().load(raw)
        except ValidationError as error:
            for name, message in error.messages_dict.items():
                self.by_field.setdefault(name, _first(message))
            return {}
        return loaded


def text(value: str) -> str:
    """Text as it is; browsers break lines by two characters, the service by none."""
    return value.replace("\r\n", " ").replace("\n", " ").strip()


def optional(value: str) -> str | None:
    """Text, or nothing."""
    return text(value) or None


def whole(value: str) -> int | str | None:
    """A whole number; what is none, the schema will refuse."""
    value = value.strip()
    if not value:
        return None
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else value


def number(value: str) -> float | str | None:
    """A number."""
    value = value.strip().replace(",", ".")
    if not value:
        return None
    try:
        found = float(value)
    except ValueError:
        return value
    return found if math.isfinite(found) else value


def moment(value: str) -> str | None:
    """A time in UTC, as date-and-time fields send it."""
    value = value.strip()
    return f"{value}+00:00" if value else None


def words(value: str) -> list[str]:
    """Words with commas or spaces between."""
    return value.replace(",", " ").replace(";", " ").split()


def typed(fields: Mapping[str, Convert], *, prefix: str = "") -> dict[str, Any]:
    """Return the current form's fields, each converted."""
    return {name: convert(request.form.get(prefix + name, "")) for name, convert in fields.items()}


def version() -> int:
    """Return the version that the current form was made from.

    Raises
    ------
    InvalidRequest
        If it says none.
    """
    sent = request.form.get("version", "")
    if not sent.isascii() or not sent.isdecimal() or len(sent) > 9:
        raise InvalidRequest("the form lacks its version: load the page anew", field="version")
    return int(sent)


def uploads(name: str) -> Sequence[FileStorage]:
    """Return the files that were chosen for a field."""
    return [file for file in request.files.getlist(name) if file.filename]


def sentence(detail: str) -> str:
    """Return what is wrong as a sentence of its own."""
    return detail[:1].upper() + detail[1:] + "."


def _first(message: Any) -> str:
    """The first of a field's messages, however deep it lies in a list."""
    while isinstance(message, list | dict):
        message = next(iter(message.values() if isinstance(message, dict) else message))
    return str(message)
