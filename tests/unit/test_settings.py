"""Settings from an environment."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from o2o.cli import app
from o2o.db import CONNECTIONS
from o2o.errors import SettingsError
from o2o.settings import DEMONSTRATION_KEY, Settings
from o2o.settings_parsing import NO_LIMIT, parse_key
from o2o.settings_shown import documented, shown


def test_without_any_variable_everything_has_a_default() -> None:
    settings = Settings.from_env({})
    assert settings.data_dir == Path("data").resolve()
    assert settings.database_url == f"sqlite:///{Path('data').resolve() / 'o2o.sqlite3'}"
    assert settings.watermark_key == DEMONSTRATION_KEY
    assert settings.uses_demonstration_key
    assert not settings.webhook_allow_private
    assert settings.database_connections == CONNECTIONS
    assert settings.webhook_waits_s == (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)


def test_variables_are_taken() -> None:
    settings = Settings.from_env(
        {
            "O2O_DATABASE_URL": "postgresql://o2o@db/o2o",
            "O2O_PUBLIC_URL": "https://pin.example/",
            "O2O_MAX_PHOTO_BYTES": "1000",
            "O2O_WEBHOOK_ALLOW_PRIVATE": "1",
            "O2O_WEBHOOK_WAITS": "0,0.5,3",
            "O2O_WATERMARK_KEY": "ab" * 16,
        }
    )
    assert settings.database_url == "postgresql+psycopg://o2o@db/o2o"
    assert settings.public_url == "https://pin.example"
    assert settings.max_photo_bytes == 1000
    assert settings.webhook_allow_private
    assert list(settings.webhook_waits_s) == [0, 0.5, 3]
    assert settings.watermark_key == bytes.fromhex("ab" * 16)
    assert not settings.uses_demonstration_key


def test_a_key_is_hex_or_base64_or_the_text_itself() -> None:
    key = bytes(range(32))
    assert parse_key(key.hex()) == key
    assert parse_key(base64.b64encode(key).decode()) == key
    assert parse_key(" a passphrase of some length\n") == b"a passphrase of some length"


@pytest.mark.parametrize("text", ["", "short", "ab" * 7])
def test_a_short_key_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"in O2O_WATERMARK_KEY has .* at least 16"):
        parse_key(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("O2O_MAX_PHOTO_BYTES", "25MB"),
        ("O2O_MAX_PHOTO_PIXELS", "0"),
        ("O2O_THREADS", "-1"),
        ("O2O_WEBHOOK_WAITS", "soon"),
        ("O2O_WEBHOOK_WAITS", "-1"),
        ("O2O_WEBHOOK_ALLOW_PRIVATE", "maybe"),
        ("O2O_PUBLIC_URL", "pin.example"),
        ("O2O_WEBHOOK_WAITS", "5,,300"),
        ("O2O_WEBHOOK_WAITS", "5,nan"),
        ("O2O_WEBHOOK_WAITS", "inf"),
        ("O2O_WEBHOOK_TIMEOUT", "nan"),
        ("O2O_WEBHOOK_TIMEOUT", "0"),
        ("O2O_WEBHOOK_TIMEOUT", "5,10"),
        ("O2O_JOB_LEASE", "1"),
        ("O2O_JOB_LEASE", "inf"),
        ("O2O_JOB_POLL", "nan"),
        ("O2O_JOB_POLL", "-1"),
        ("O2O_THREADS", "33"),
        ("O2O_MAX_REQUESTS", "-1"),
        ("O2O_RATE_LIMIT_KEY", "many"),
        ("O2O_RATE_LIMIT_KEY", "0 per minute"),
        ("O2O_RATE_LIMIT_STORAGE", "redis.example"),
        ("O2O_CORS_ORIGINS", "app.example"),
        ("O2O_CORS_ORIGINS", "https://app.example/"),
        ("O2O_CORS_ORIGINS", "https://app.example,"),
    ],
)
def test_what_cannot_be_understood_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_env({name: value})


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://o2o:word@db/o2o",
        "postgresql+psycopg2://o2o:word@db/o2o",
        "postgresql://o2o:word@db:port/o2o",
        "postgresql://o2o:a@word@db/o2o",
        "sqlite://o2o.sqlite3",
    ],
)
def test_an_address_of_no_database_that_is_taken_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match="O2O_DATABASE_URL") as refused:
        Settings.from_env({"O2O_DATABASE_URL": url})
    assert "word@db" not in str(refused.value)


def test_a_mail_server_needs_a_sender() -> None:
    given = {"O2O_SMTP_URL": "smtps://u:secret@mail.example", "O2O_MAIL_FROM": "pin@magazine.example"}
    settings = Settings.from_env(given)
    assert settings.smtp_url == given["O2O_SMTP_URL"]
    assert "secret" not in repr(settings)
    for wrong in ({"O2O_SMTP_URL": "smtps://mail.example"}, given | {"O2O_SMTP_URL": "mail.example:25"}):
        with pytest.raises(SettingsError, match="O2O_SMTP_URL"):
            Settings.from_env(wrong)


def test_limits_and_origins_are_taken() -> None:
    settings = Settings.from_env(
        {
            "O2O_RATE_LIMIT_SCANS": "none",
            "O2O_RATE_LIMIT_KEY": "1000 per 2 hours",
            "O2O_CORS_ORIGINS": "https://app.example, http://127.0.0.1:5173",
            "O2O_THREADS": "40",
        }
    )
    assert settings.rate_limit_scans == NO_LIMIT
    assert settings.rate_limit_key == "1000 per 2 hours"
    assert settings.cors_origins == ("https://app.example", "http://127.0.0.1:5173")
    assert settings.max_at_the_door == 40 - 2 - 16 - 16


def test_the_reference_is_what_the_definitions_make_of_it() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "settings.md").read_text("utf-8")
    assert page == documented(page), "run `make docs`"
    assert "| `O2O_MAX_DECODES` | 2 | processes that read photos" in page


def test_settings_are_shown_as_they_would_be_set_and_secrets_are_not() -> None:
    secrets = {
        "O2O_DATABASE_URL": "postgresql://o2o:word@db/o2o",
        "O2O_WATERMARK_KEY": "ab" * 16,
        "O2O_METRICS_TOKEN": "a-token",
        "O2O_RATE_LIMIT_STORAGE": "redis://:word@cache/0",
    }
    env = secrets | {"O2O_WEBHOOK_WAITS": "0,0.5,3", "O2O_CORS_ORIGINS": "*", "O2O_JOB_POLL": "0.25"}
    env["O2O_RATE_LIMIT_KEY"] = "none"
    values = shown(Settings.from_env(env))
    assert {values[name] for name in secrets} == {"(hidden)"}
    plain = {name: text for name, text in values.items() if name not in secrets}
    assert Settings.from_env(plain | secrets) == Settings.from_env(env)


def test_the_command_shows_them() -> None:
    told = CliRunner().invoke(app, ["settings"], env={"O2O_MAX_DECODES": "3", "O2O_METRICS_TOKEN": "a-token"})
    assert told.exit_code == 0
    assert "O2O_MAX_DECODES=3\n" in told.output
    assert "a-token" not in told.output
    as_json = CliRunner().invoke(app, ["settings", "--json"], env={"O2O_MAX_DECODES": "3"})
    assert json.loads(as_json.output)["O2O_MAX_DECODES"] == "3"
