"""Settings from an environment."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from o2o.errors import SettingsError
from o2o.settings import DEMONSTRATION_KEY, Settings, parse_key


def test_without_any_variable_everything_has_a_default() -> None:
    settings = Settings.from_env({})
    assert settings.data_dir == Path("data").resolve()
    assert settings.database_url == f"sqlite:///{Path('data').resolve() / 'o2o.sqlite3'}"
    assert settings.watermark_key == DEMONSTRATION_KEY
    assert settings.uses_demonstration_key
    assert not settings.webhook_allow_private
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
    with pytest.raises(SettingsError, match="at least 16"):
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
    ],
)
def test_what_cannot_be_understood_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_env({name: value})


def test_a_mail_server_needs_a_sender() -> None:
    given = {"O2O_SMTP_URL": "smtps://u:secret@mail.example", "O2O_MAIL_FROM": "pin@magazine.example"}
    settings = Settings.from_env(given)
    assert settings.smtp_url == given["O2O_SMTP_URL"]
    assert "secret" not in repr(settings)
    for wrong in ({"O2O_SMTP_URL": "smtps://mail.example"}, given | {"O2O_SMTP_URL": "mail.example:25"}):
        with pytest.raises(SettingsError, match="O2O_SMTP_URL"):
            Settings.from_env(wrong)
