"""The API's description: the OpenAPI document, and a page made from it that loads nothing from elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from apiflask import APIBlueprint, APIFlask
from apispec import APISpec
from apispec.ext.marshmallow.common import make_schema_key
from flask import Flask, current_app, render_template

from o2o import errors
from o2o.http import conditional, once
from o2o.http.fields import WatermarkIdConverter
from o2o.http.problems import MEDIA_TYPE
from o2o.http.schemas import Problem

_RETRY_AFTER = {"schema": {"type": "integer"}, "description": "When to send it again, in seconds."}

METHODS = ("get", "post", "put", "patch", "delete")

_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Draw one for each request; send the same again when repeating it.",
    "schema": {"type": "string", "pattern": f"^{once.KEY.pattern}$"},
}
_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag that came with what is to be changed; `*`: whatever it is now.",
    "schema": {"type": "string", "pattern": f"^{conditional.IF_MATCH.pattern}$"},
}

blueprint = APIBlueprint("documentation", __name__, enable_openapi=False)


class DocumentedApp(APIFlask):
    """APIFlask, but for one fault of its OpenAPI document."""

    def _register_schema_and_get_ref(
        self, spec: APISpec, registered_schema_classes: dict[int, str], schema_obj: Any
    ) -> dict[str, str]:
        # A schema that was first met nested in another is in the document already; APIFlask 3.1
        # would put it there once more, as "Board1".
        converter = self._ma_plugin.converter
        if converter is not None and (name := converter.refs.get(make_schema_key(schema_obj))):
            return {"$ref": f"#/components/schemas/{name}"}
        reference: dict[str, str] = super()._register_schema_and_get_ref(
            spec, registered_schema_classes, schema_obj
        )
        return reference


@blueprint.get("/docs")
def docs() -> str:
    """The reference, for people."""
    spec = current_app._get_spec("json")  # type: ignore[attr-defined]
    return render_template("docs.html", spec=spec, methods=METHODS, problems=list(_problems(errors.O2oError)))


def describe(app: APIFlask) -> None:
    """Set up an application's OpenAPI document."""
    app.config.update(
        OPENAPI_VERSION="3.1.0",
        VALIDATION_ERROR_SCHEMA=Problem,
        HTTP_ERROR_SCHEMA=Problem,
        VALIDATION_ERROR_DESCRIPTION="The request isn't as described",
        DESCRIPTION=(
            "Photograph a marked picture in print, see what is behind it, pin it to a board. "
            "Addresses in answers are relative to the API. Errors are problem documents (RFC 9457)."
        ),
    )
    app.spec_callback = partial(_mended, set(_answered_once(app)))


def _mended(repeatable: set[tuple[str, str]], spec: Any) -> Any:
    """Give every error its media type, and every upload the form that it has to have."""
    for path, operations in spec["paths"].items():
        for method in METHODS:
            if operation := operations.get(method):
                if path.startswith("/v1/"):
                    operation["responses"].setdefault("429", {})
                if "PublisherKey" in _takes(operation):
                    operation["responses"].setdefault("403", {})
                _mend(operation, answers_once=(path, method) in repeatable)
    spec["paths"] = dict(sorted(spec["paths"].items()))
    # Patterns end as Python spells it; JSON Schema goes by JavaScript.
    return json.loads(json.dumps(spec).replace(r"\\Z", "$"))


def _takes(operation: dict[str, Any]) -> list[str]:
    """The kinds of token that an operation takes."""
    return [name for each in operation.get("security", ()) for name in each]


def _answered_once(app: Flask) -> Iterator[tuple[str, str]]:
    """The operations that take an ``Idempotency-Key``, by path and method."""
    for rule in app.url_map.iter_rules():
        if getattr(app.view_functions[rule.endpoint], "answers_once", False):
            path = re.sub(r"<(?:[a-z_]+:)?([a-z_]+)>", r"{\1}", rule.rule)
            yield from ((path, method.lower()) for method in rule.methods or ())


def _mend_parameters(operation: dict[str, Any], *, answers_once: bool) -> None:
    """Describe the headers that the views don't name, and what an ID looks like."""
    parameters = operation.setdefault("parameters", [])
    if answers_once:
        parameters.append(_IDEMPOTENCY_KEY)
    if "428" in operation["responses"]:
        parameters.append(_IF_MATCH)
    if answers_once or "428" in operation["responses"]:
        operation["responses"].setdefault("400", {})
    for parameter in parameters:
        if parameter["name"] == "watermark_id":
            parameter["schema"]["pattern"] = f"^{WatermarkIdConverter.regex}$"


def _mend(operation: dict[str, Any], *, answers_once: bool) -> None:
    _mend_parameters(operation, answers_once=answers_once)
    if body := operation.get("requestBody"):
        body["required"] = True
        operation["responses"].setdefault("400", {})
        for media_type in operation.pop("x-also-takes", ()):
            body["content"][media_type] = {"schema": {"type": "string", "format": media_type.split("/")[1]}}
    for status, response in operation["responses"].items():
        if status.isdecimal() and int(status) >= 400:
            response["description"] = HTTPStatus(int(status)).phrase
            if status in {"429", "503"}:
                response["headers"] = {"Retry-After": _RETRY_AFTER}
            response["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses = operation["responses"]
    if "202" in responses:
        responses["200"] = {**responses["202"], "description": "It was there before"}
    operation["responses"] = dict(sorted(responses.items()))
    operation["summary"] = operation["summary"].removesuffix(".")


def _problems(kind: type[errors.O2oError]) -> Iterator[type[errors.O2oError]]:
    """All kinds of errors that the service has, each after its parent."""
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:  # commands have kinds of their own
            yield from _problems(child)
