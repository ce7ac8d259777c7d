"""The deployment's settings: one frozen value, read from the environment by entry points only."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from o2o.errors import SettingsError

DEMONSTRATION_KEY: Final = b"print-to-pin demonstration key!!"
"""Published, so a mark made with it proves nothing: for trials only."""

MIN_KEY_BYTES: Final = 16
DEFAULT_PORT: Final = 8000


@dataclass(frozen=True)
class Settings:
    """What a deployment decides.

    Attributes
    ----------
    data_dir : Path
        Holds the SQLite database and the creatives' pictures (``O2O_DATA_DIR``).
    database_url : str
        SQLAlchemy's URL; SQLite inside ``data_dir`` unless set (``O2O_DATABASE_URL``).
    watermark_key : bytes
        At least 16 bytes (``O2O_WATERMARK_KEY``: hex, base64 or plain text).
    public_url : str
        Where readers reach the service, without a trailing slash (``O2O_PUBLIC_URL``).
    max_photo_bytes, max_photo_pixels : int
        The largest photo taken (``O2O_MAX_PHOTO_BYTES``, ``O2O_MAX_PHOTO_PIXELS``).
    country_header : str
        The header in which the proxy in front gives a reader's country; none is trusted unless it is set
        (``O2O_COUNTRY_HEADER``, such as ``CF-IPCountry``).
    smtp_url : str
        The mail server that login links are sent by; none is sent unless it is set (``O2O_SMTP_URL``, such as
        ``smtp://user:password@mail.example:587``).
    mail_from : str
        Whom those letters come from (``O2O_MAIL_FROM``).
    max_decodes : int
        Photos decoded at once; each may take a few hundred MB (``O2O_MAX_DECODES``).
    threads : int
        Request threads of ``o2o serve`` (``O2O_THREADS``).
    webhook_allow_private : bool
        Whether webhooks may go to private and loopback addresses: development only
        (``O2O_WEBHOOK_ALLOW_PRIVATE``).
    webhook_waits_s : tuple of float
        Waits before each further attempt at a delivery (``O2O_WEBHOOK_WAITS``, comma-separated
        seconds).
    webhook_timeout_s : float
        How long a webhook's receiver may take (``O2O_WEBHOOK_TIMEOUT``).
    job_lease_s : float
        How long a worker holds a job before others take it for dead: well above
        ``webhook_timeout_s`` (``O2O_JOB_LEASE``).
    job_poll_s : float
        How long an idle worker waits before it looks again (``O2O_JOB_POLL``).
    worker_threads : int
        Jobs that a worker runs at once (``O2O_WORKER_THREADS``).
    """

    data_dir: Path
    database_url: str = field(repr=False)
    watermark_key: bytes = field(repr=False)
    public_url: str = f"http://127.0.0.1:{DEFAULT_PORT}"
    max_photo_bytes: int = 25_000_000
    max_photo_pixels: int = 60_000_000
    country_header: str = ""
    smtp_url: str = field(default="", repr=False)
    mail_from: str = ""
    max_decodes: int = 2
    threads: int = 8
    webhook_allow_private: bool = False
    webhook_waits_s: tuple[float, ...] = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
    webhook_timeout_s: float = 15.0
    job_lease_s: float = 60.0
    job_poll_s: float = 0.5
    worker_threads: int = 4

    def __post_init__(self) -> None:
        if len(self.watermark_key) < MIN_KEY_BYTES:
            raise SettingsError(f"the watermark key needs at least {MIN_KEY_BYTES} bytes")
        if self.job_lease_s < 2 * self.webhook_timeout_s:
            raise SettingsError("set O2O_JOB_LEASE to at least twice O2O_WEBHOOK_TIMEOUT")
        if urlsplit(self.public_url).scheme not in {"http", "https"}:
            raise SettingsError("O2O_PUBLIC_URL starts with http:// or https://")

        if self.smtp_url and (urlsplit(self.smtp_url).scheme not in {"smtp", "smtps"} or not self.mail_from):
            raise SettingsError("O2O_SMTP_URL starts with smtp:// or smtps://, and needs O2O_MAIL_FROM")

    @property
    def uses_demonstration_key(self) -> bool:
        """Whether no key of the deployment's own was given."""
        return self.watermark_key == DEMONSTRATION_KEY

    @property
    def media_dir(self) -> Path:
        """Where the creatives' pictures lie."""
        return self.data_dir / "media"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings from an environment; called by entry points only.

        Raises
        ------
        SettingsError
            If a variable can't be understood; the message names it.
        """
        data_dir = Path(env.get("O2O_DATA_DIR") or "data").resolve()
        key = env.get("O2O_WATERMARK_KEY")
        return cls(
            data_dir=data_dir,
            database_url=_psycopg(env.get("O2O_DATABASE_URL") or f"sqlite:///{data_dir / 'o2o.sqlite3'}"),
            watermark_key=parse_key(key) if key else DEMONSTRATION_KEY,
            public_url=(env.get("O2O_PUBLIC_URL") or cls.public_url).rstrip("/"),
            max_photo_bytes=_integer(env, "O2O_MAX_PHOTO_BYTES", cls.max_photo_bytes),
            max_photo_pixels=_integer(env, "O2O_MAX_PHOTO_PIXELS", cls.max_photo_pixels),
            country_header=env.get("O2O_COUNTRY_HEADER") or cls.country_header,
            smtp_url=env.get("O2O_SMTP_URL") or cls.smtp_url,
            mail_from=env.get("O2O_MAIL_FROM") or cls.mail_from,
            max_decodes=_integer(env, "O2O_MAX_DECODES", cls.max_decodes),
            threads=_integer(env, "O2O_THREADS", cls.threads),
            webhook_allow_private=_flag(env, "O2O_WEBHOOK_ALLOW_PRIVATE"),
            webhook_waits_s=_waits(env, "O2O_WEBHOOK_WAITS", cls.webhook_waits_s),
            webhook_timeout_s=_seconds(env, "O2O_WEBHOOK_TIMEOUT", cls.webhook_timeout_s),
            job_lease_s=_seconds(env, "O2O_JOB_LEASE", cls.job_lease_s),
            job_poll_s=_seconds(env, "O2O_JOB_POLL", cls.job_poll_s),
            worker_threads=_integer(env, "O2O_WORKER_THREADS", cls.worker_threads),
        )


def parse_key(text: str) -> bytes:
    """Return the watermark key that a text spells: hex, else base64, else its own UTF-8 bytes.

    Raises
    ------
    SettingsError
        If it comes to fewer than 16 bytes.
    """
    text = text.strip()
    key = _decoded(text) or text.encode()
    if len(key) < MIN_KEY_BYTES:
        raise SettingsError(
            f"the watermark key has {len(key)} bytes and needs at least {MIN_KEY_BYTES}: "
            "make one with `openssl rand -hex 32`"
        )
    return key


def _decoded(text: str) -> bytes | None:
    """Bytes of a hex or base64 text, if it is one and long enough to be meant so."""
    for decode in (bytes.fromhex, lambda t: base64.b64decode(t, validate=True)):
        try:
            key = decode(text)
        except (ValueError, binascii.Error):
            continue
        if len(key) >= MIN_KEY_BYTES:
            return key
    return None


def _psycopg(url: str) -> str:
    """Send PostgreSQL's plain URLs to the driver that is installed."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url.removeprefix(prefix)
    return url


def _integer(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name)
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"{name} is a whole number above 0, not {text!r}")
    return int(text)


def _seconds(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name)
    seconds = _number(text) if text else default
    if not seconds > 0:
        raise SettingsError(f"{name} is a number of seconds above 0, such as 5 or 0.5, not {text!r}")
    return seconds


def _waits(env: Mapping[str, str], name: str, default: tuple[float, ...]) -> tuple[float, ...]:
    text = env.get(name)
    if not text:
        return default
    waits = tuple(_number(part) for part in text.split(","))
    if not all(wait >= 0 for wait in waits):
        raise SettingsError(f"{name} holds seconds such as 5 or 0.5 with commas between, not {text!r}")
    return waits


def _number(text: str) -> float:
    """The finite number that a text spells; NaN if it spells none."""
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _flag(env: Mapping[str, str], name: str) -> bool:
    text = (env.get(name) or "0").lower()
    if text not in {"0", "1", "true", "false", "yes", "no"}:
        raise SettingsError(f"{name} is 1 or 0, not {text!r}")
    return text in {"1", "true", "yes"}
