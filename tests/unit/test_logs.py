"""Log lines: JSON, and silent about what is secret."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from o2o import composition, logs
from o2o.db import Database
from o2o.settings import Settings

SECRET = "whsec_tell-nobody"


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_an_error_is_one_line_without_the_values_at_hand(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    secret = SECRET
    try:
        raise RuntimeError(f"a secret of {len(secret)} characters")
    except RuntimeError:
        structlog.get_logger().exception("job failed", kind="webhook.deliver")
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["level"], entry["kind"]) == ("job failed", "error", "webhook.deliver")
    assert entry["exception"][0]["exc_value"] == "a secret of 17 characters"
    assert SECRET not in line


@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.parametrize("compose", [composition.create, composition.worker])
def test_whatever_serves_the_application_its_logs_are_set_up(
    compose: Callable[[Settings, Database], object],
    settings: Settings,
    database: Database,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Left to itself, structlog prints tracebacks with the values of all variables."""
    structlog.reset_defaults()
    compose(settings, database)
    token = SECRET
    try:
        raise RuntimeError(f"a token of {len(token)} characters")
    except RuntimeError:
        structlog.get_logger().exception("request failed")
    said = capsys.readouterr()
    assert json.loads(said.err)["event"] == "request failed"
    assert SECRET not in said.out + said.err


def test_settings_do_not_spell_out_their_secrets() -> None:
    settings = Settings(Path("data"), "postgresql://o2o:word@db/o2o", SECRET.encode())
    assert SECRET not in repr(settings)
    assert "word" not in repr(settings)
