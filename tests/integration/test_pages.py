"""What the service serves besides the API, and what every answer has."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from flask.testing import FlaskClient

from o2o.integrations.storage import store_picture
from o2o.settings import Settings

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])  # nothing here depends on it


def test_the_phone_page_is_served_with_its_parts(client: FlaskClient) -> None:
    with client.get("/") as page:
        assert page.status_code == 200
        parts = set(re.findall(r'(?:src|href)="(/app/[^"]+)"', page.get_data(as_text=True)))
    assert parts
    for part in parts:
        with client.get(part) as answer:
            assert answer.status_code == 200, part
    assert client.get("/app/../settings.py").status_code == 404
    assert client.get("/app/none.js").status_code == 404


def test_pictures_are_served_by_name_for_ever(client: FlaskClient, settings: Settings) -> None:
    name = store_picture(np.full((40, 60, 3), 200, np.uint8), settings.media_dir)
    with client.get(f"/media/{name}") as answer:
        assert answer.status_code == 200
        assert answer.content_type == "image/jpeg"
        assert "max-age=31536000" in answer.headers["Cache-Control"]
    for missing in ("0" * 64 + ".jpg", "x.jpg", "..%2Fo2o.sqlite3", "o2o.sqlite3"):
        assert client.get(f"/media/{missing}").status_code == 404


@pytest.mark.parametrize("path", ["/", "/docs", "/healthz", "/v1/boards", "/nowhere"])
def test_every_answer_is_guarded(client: FlaskClient, path: str) -> None:
    with client.get(path) as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_health(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "ok"}
    assert client.get("/readyz").get_json() == {"status": "ok"}


def test_unknown_addresses_and_methods_are_problems(client: FlaskClient) -> None:
    assert client.get("/nowhere").get_json()["code"] == "not-found"
    refused = client.delete("/v1/boards")
    assert refused.status_code == 405
    assert refused.content_type == "application/problem+json"
    assert "GET" in refused.headers["Allow"]


def test_an_error_of_ours_tells_nothing_of_itself(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the secret is Rosebud")

    monkeypatch.setattr("o2o.services.readers.register", fail)
    answer = client.post("/v1/readers")
    assert (answer.status_code, answer.get_json()["code"]) == (500, "internal-error")
    assert "Rosebud" not in answer.get_data(as_text=True)


def test_the_api_describes_itself(client: FlaskClient) -> None:
    spec = client.get("/openapi.json").get_json()
    assert spec["openapi"].startswith("3.1")
    routes = {rule.rule for rule in client.application.url_map.iter_rules() if rule.rule.startswith("/v1/")}
    assert {re.sub(r"<\w+:(\w+)>", r"{\1}", route) for route in routes} <= set(spec["paths"])
    text = json.dumps(spec)
    for name in re.findall(r'"#/components/schemas/(\w+)"', text):
        assert name in spec["components"]["schemas"]
    for path, operations in spec["paths"].items():
        for method in set(operations) - {"parameters"}:
            for status, response in operations[method]["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"], (path, method, status)
    upload = spec["paths"]["/v1/scans"]["post"]
    assert list(upload["requestBody"]["content"]) == ["multipart/form-data"]
    assert upload["requestBody"]["required"]
    assert upload["security"]


def test_the_docs_explain_everything_and_load_nothing_from_elsewhere(client: FlaskClient) -> None:
    page = client.get("/docs").get_data(as_text=True)
    for path in client.get("/openapi.json").get_json()["paths"]:
        assert path in page
    assert 'id="image-too-large"' in page  # where a problem's type leads
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    with client.get("/static/docs.css") as style:
        assert style.status_code == 200
