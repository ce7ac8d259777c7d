"""What the settings' texts spell: each function takes a variable's name and text, and gives its value."""

from __future__ import annotations

import base64
import binascii
import math
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from o2o.errors import SettingsError

MIN_KEY_BYTES: Final = 16
NO_LIMIT: Final = "none"

_RATE: Final = re.compile(r"[1-9]\d* per ([1-9]\d* )?(second|minute|hour|day)s?")
_STORAGES: Final = frozenset({"memory", "redis", "rediss", "redis+unix"})

# What migrations and queries are written for, each with the one driver that is installed.
_DATABASES: Final = frozenset({"sqlite", "sqlite+pysqlite", "postgresql+psycopg"})


def parse_key(text: str, source: str = "O2O_WATERMARK_KEY") -> bytes:
    """Return the watermark key that a text spells: hex, else base64, else its own UTF-8 bytes.

    Parameters
    ----------
    source : str, optional
        Where the text is from, for the message.

    Raises
    ------
    SettingsError
        If it comes to fewer than 16 bytes.
    """
    text = text.strip()
    key = _decoded(text) or text.encode()
    if len(key) < MIN_KEY_BYTES:
        raise SettingsError(
            f"the watermark key in {source} has {len(key)} bytes and needs at least {MIN_KEY_BYTES}: make "
            "one with `openssl rand -hex 32`"
        )
    return key


def key(name: str, text: str) -> bytes:
    """Return a watermark key."""
    return parse_key(text, name)


def text(_name: str, text: str) -> str:
    """Return any text as it is."""
    return text


def folder(_name: str, text: str) -> Path:
    """Return a folder, whole, so that it stays the same wherever the process goes."""
    return Path(text).resolve()


def database(name: str, text: str) -> str:
    """Return a database's address, PostgreSQL's plain ones with the driver that is installed.

    Raises
    ------
    SettingsError
        If it isn't an address, or that of another kind of database. It isn't repeated, for its password.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    for prefix in ("postgres://", "postgresql://"):
        if text.startswith(prefix):
            text = "postgresql+psycopg://" + text.removeprefix(prefix)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # the latter for a port that is no number
        url = None
    if url is None or url.drivername not in _DATABASES:
        raise SettingsError(
            f"{name} starts with sqlite:/// or postgresql://, such as sqlite:////srv/o2o/o2o.sqlite3 or "
            "postgresql://user:password@host:5432/o2o"
        )
    if url.get_backend_name() == "sqlite" and url.host:
        raise SettingsError(f"{name} has three slashes before a file's path, four before an absolute one")
    if "@" in (
        url.host or ""
    ):  # else the message that there is no such host would tell a part of the password
        raise SettingsError(f"{name} holds one @, before the host: write one in a password as %40")
    return text


def address(name: str, text: str) -> str:
    """Return a web address without a trailing slash."""
    if urlsplit(text).scheme not in {"http", "https"}:
        raise SettingsError(f"{name} starts with http:// or https://")
    return text.rstrip("/")


def count(name: str, text: str) -> int:
    """Return a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"{name} is a whole number above 0, not {text!r}")
    return int(text)


def count_or_none(name: str, text: str) -> int:
    """Return a whole number, 0 for none."""
    if not text.isdecimal():
        raise SettingsError(f"{name} is a whole number, not {text!r}")
    return int(text)


def seconds(name: str, text: str) -> float:
    """Return a number of seconds above 0."""
    found = _number(text)
    if not found > 0:
        raise SettingsError(f"{name} is a number of seconds above 0, such as 5 or 0.5, not {text!r}")
    return found


def waits(name: str, text: str) -> tuple[float, ...]:
    """Return numbers of seconds."""
    found = tuple(_number(part) for part in text.split(","))
    if not all(wait >= 0 for wait in found):
        raise SettingsError(f"{name} holds seconds such as 5 or 0.5 with commas between, not {text!r}")
    return found


def flag(name: str, text: str) -> bool:
    """Return yes or no."""
    lowered = text.lower()
    if lowered not in {"0", "1", "true", "false", "yes", "no"}:
        raise SettingsError(f"{name} is 1 or 0, not {text!r}")
    return lowered in {"1", "true", "yes"}


def rate(name: str, text: str) -> str:
    """Return a rate limit."""
    if text != NO_LIMIT and not _RATE.fullmatch(text):
        raise SettingsError(f"{name} is such as `30 per minute` or `1000 per 2 hours`, or none, not {text!r}")
    return text


def storage(name: str, text: str) -> str:
    """Return where rate limits are counted."""
    if urlsplit(text).scheme not in _STORAGES:  # what it says otherwise may be a password
        raise SettingsError(f"{name} is memory:// or starts with redis://, rediss:// or redis+unix://")
    return text


def origins(name: str, text: str) -> tuple[str, ...]:
    """Return the origins of web pages; `*` stands for all of them."""
    found = tuple(part.strip() for part in text.split(","))
    for each in found:
        parts = urlsplit(each)
        whole = (
            parts.scheme in {"http", "https"} and parts.netloc and each == f"{parts.scheme}://{parts.netloc}"
        )
        if each != "*" and not whole:
            raise SettingsError(
                f"{name} holds origins such as https://app.example with commas between, or *, not {each!r}"
            )
    return found


def _decoded(text: str) -> bytes | None:
    """Bytes of a hex or base64 text, if it is one and long enough to be meant so."""
    for decode in (bytes.fromhex, lambda t: base64.b64decode(t, validate=True)):
        try:
            found = decode(text)
        except (ValueError, binascii.Error):
            continue
        if len(found) >= MIN_KEY_BYTES:
            return found
    return None


def _number(text: str) -> float:
    """The finite number that a text spells; NaN if it spells none."""
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan
