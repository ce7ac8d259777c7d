"""The deployment's settings: one frozen value, read from the environment by entry points only.

Each is defined once, here: its variable, what it is, how its text is read and what it is without one.
`docs/reference/settings.md` and ``o2o settings`` are made from these definitions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, TypedDict
from urllib.parse import urlsplit

from o2o import settings_parsing as spelt
from o2o.errors import SettingsError
from o2o.settings_parsing import MIN_KEY_BYTES

DEMONSTRATION_KEY: Final = b"print-to-pin demonstration key!!"
"""Published, so a mark made with it proves nothing: for trials only."""

DEFAULT_PORT: Final = 8000

SPARE_THREADS: Final = 16
"""For all that isn't an upload: health, boards and pins are answered while uploads wait."""


@dataclass(frozen=True, slots=True)
class Variable:
    """How a setting is given from outside.

    Attributes
    ----------
    name : str
        Of the environment variable.
    about : str
        What it is, as Markdown.
    parse : callable
        Takes the name and a text, returns the value; raises `SettingsError`.
    default : str
        What it is without the variable, for people.
    secret : bool
        Whether its value is shown to nobody.
    """

    name: str
    about: str
    parse: Callable[[str, str], Any]
    default: str
    secret: bool = False


def _setting(
    name: str,
    about: str,
    parse: Callable[[str, str], Any],
    default: Any = MISSING,
    *,
    shown: str | None = None,
    secret: bool = False,
) -> Any:
    """Define a setting; what its default is called where its value doesn't say it is `shown`."""
    variable = Variable(name, about, parse, str(default) if shown is None else shown, secret)
    return field(default=default, repr=not secret, metadata={"variable": variable})


class PhotoLimits(TypedDict):
    """Arguments that bound a picture."""

    max_bytes: int
    max_pixels: int


@dataclass(frozen=True)
class Settings:
    """What a deployment decides."""

    data_dir: Path = _setting(  # noqa: RUF009  a dataclass's field, as `field` itself makes one
        "O2O_DATA_DIR",
        "holds the SQLite database and `media/`, the creatives' pictures",
        spelt.folder,
        shown="`data`",
    )
    database_url: str = _setting(
        "O2O_DATABASE_URL",
        "SQLAlchemy's URL; `postgres://` and `postgresql://` take the psycopg driver",
        spelt.database,
        shown="`o2o.sqlite3` in the data folder",
        secret=True,
    )
    watermark_key: bytes = _setting(
        "O2O_WATERMARK_KEY",
        "hex, else base64, else plain text; at least 16 bytes (`openssl rand -hex 32`)",
        spelt.key,
        shown="the demonstration key, with a warning",
        secret=True,
    )
    public_url: str = _setting(
        "O2O_PUBLIC_URL",
        "where readers reach the service; addresses in webhooks begin with it",
        spelt.address,
        f"http://127.0.0.1:{DEFAULT_PORT}",
        shown=f"`http://127.0.0.1:{DEFAULT_PORT}`; `o2o serve`: its own host and port",
    )
    max_photo_bytes: int = _setting(
        "O2O_MAX_PHOTO_BYTES", "the largest photo taken, in bytes", spelt.count, 25_000_000
    )
    max_photo_pixels: int = _setting(
        "O2O_MAX_PHOTO_PIXELS", "the same in pixels, checked before decoding", spelt.count, 60_000_000
    )
    country_header: str = _setting(
        "O2O_COUNTRY_HEADER",
        "the header in which the proxy in front gives a reader's country, such as `CF-IPCountry`; without it "
        "no country is known, as readers could send any",
        spelt.text,
        "",
        shown="none",
    )
    smtp_url: str = _setting(
        "O2O_SMTP_URL",
        "the mail server that login links are sent by: `smtp://user:password@host:587` or `smtps://...`; a "
        "password is sent over TLS only. Without it no link is mailed",
        spelt.text,
        "",
        shown="none",
        secret=True,
    )
    mail_from: str = _setting(
        "O2O_MAIL_FROM",
        "whom those letters come from; needed with `O2O_SMTP_URL`",
        spelt.text,
        "",
        shown="none",
    )
    max_decodes: int = _setting(
        "O2O_MAX_DECODES",
        "processes that read photos, beside each that answers requests: as many as there are cores; each "
        "may take a few hundred MB",
        spelt.count,
        2,
    )
    max_waiting: int = _setting(
        "O2O_MAX_WAITING",
        "photos received beside those, on disk, waiting for their turn; further uploads wait unread, for "
        "10 seconds at most",
        spelt.count,
        16,
    )
    threads: int = _setting(
        "O2O_THREADS",
        "request threads of each process: at least `O2O_MAX_DECODES` + `O2O_MAX_WAITING` + "
        f"{SPARE_THREADS}; as many more as uploads may wait unread",
        spelt.count,
        256,
    )
    database_connections: int = _setting(
        "O2O_DATABASE_CONNECTIONS",
        "connections to the database that each process may hold at once, workers too: a request that finds "
        "none free for 10 seconds gets 503 `busy`. Most threads wait without one; all processes together "
        "stay below PostgreSQL's `max_connections` (100)",
        spelt.count,
        32,
    )
    processes: int = _setting(
        "O2O_PROCESSES", "processes that answer requests, each with its own limits", spelt.count, 1
    )
    max_requests: int = _setting(
        "O2O_MAX_REQUESTS",
        "requests after which a process is replaced by a fresh one; 0: never. For several processes: a "
        "single one leaves a gap of seconds",
        spelt.count_or_none,
        0,
    )
    trusted_proxies: int = _setting(
        "O2O_TRUSTED_PROXIES",
        "proxies in front that each add the sender's address to `X-Forwarded-For`; without it all readers "
        "behind a proxy share the limit of its address",
        spelt.count_or_none,
        0,
    )
    rate_limit_scans: str = _setting(
        "O2O_RATE_LIMIT_SCANS", "photos a reader may send; `none`: any number", spelt.rate, "30 per minute"
    )
    rate_limit_reader: str = _setting(
        "O2O_RATE_LIMIT_READER", "a reader's other requests", spelt.rate, "300 per minute"
    )
    rate_limit_key: str = _setting(
        "O2O_RATE_LIMIT_KEY", "requests with one publisher's key", spelt.rate, "600 per minute"
    )
    rate_limit_address: str = _setting(
        "O2O_RATE_LIMIT_ADDRESS",
        "requests under `/v1/` without a token or key, and attempts to log in, from one address (of IPv6, "
        "one /64)",
        spelt.rate,
        "120 per minute",
    )
    rate_limit_failures: str = _setting(
        "O2O_RATE_LIMIT_FAILURES",
        "requests from one address with tokens or keys that are nobody's; then all are refused from there, "
        "until the window ends, that come with one not used before",
        spelt.rate,
        "30 per minute",
    )
    rate_limit_storage: str = _setting(
        "O2O_RATE_LIMIT_STORAGE",
        "where they are counted: `memory://` in each process by itself, `redis://host:6379/0` for all "
        "together",
        spelt.storage,
        "memory://",
        shown="`memory://`",
        secret=True,
    )
    cors_origins: tuple[str, ...] = _setting(
        "O2O_CORS_ORIGINS",
        "origins whose web pages may call `/v1/`, such as `https://app.example`, comma-separated; `*`: all",
        spelt.origins,
        (),
        shown="none",
    )
    hsts_seconds: int = _setting(
        "O2O_HSTS_SECONDS",
        "how long browsers keep to https (`Strict-Transport-Security`); sent where `O2O_PUBLIC_URL` is https",
        spelt.count_or_none,
        0,
        shown="0: not sent",
    )
    metrics_token: str = _setting(
        "O2O_METRICS_TOKEN",
        "the bearer token that `GET /metrics` asks for",
        spelt.text,
        "",
        shown="none: there is no `/metrics`",
        secret=True,
    )
    worker_threads: int = _setting("O2O_WORKER_THREADS", "jobs that a worker runs at once", spelt.count, 4)
    job_poll_s: float = _setting(
        "O2O_JOB_POLL", "seconds that an idle worker waits before it looks again", spelt.seconds, 0.5
    )
    job_lease_s: float = _setting(
        "O2O_JOB_LEASE",
        "seconds that a worker holds a job before others take it for dead; renewed while the job runs; at "
        "least twice `O2O_WEBHOOK_TIMEOUT`",
        spelt.seconds,
        60.0,
        shown="60",
    )
    webhook_timeout_s: float = _setting(
        "O2O_WEBHOOK_TIMEOUT",
        "seconds that a webhook's receiver may take",
        spelt.seconds,
        15.0,
        shown="15",
    )
    webhook_waits_s: tuple[float, ...] = _setting(
        "O2O_WEBHOOK_WAITS",
        "seconds before each further attempt at a delivery; the first is made at once",
        spelt.waits,
        (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400),
        shown="5,300,1800,7200,18000,36000,50400,72000,86400",
    )
    webhook_allow_private: bool = _setting(
        "O2O_WEBHOOK_ALLOW_PRIVATE",
        "1 lets webhooks go to loopback, private addresses and plain http: development only",
        spelt.flag,
        default=False,
        shown="0",
    )

    def __post_init__(self) -> None:
        if len(self.watermark_key) < MIN_KEY_BYTES:
            raise SettingsError(f"O2O_WATERMARK_KEY needs at least {MIN_KEY_BYTES} bytes")
        if self.job_lease_s < 2 * self.webhook_timeout_s:
            raise SettingsError("set O2O_JOB_LEASE to at least twice O2O_WEBHOOK_TIMEOUT")
        if urlsplit(self.public_url).scheme not in {"http", "https"}:
            raise SettingsError("O2O_PUBLIC_URL starts with http:// or https://")
        if (least := self.max_decodes + self.max_waiting + SPARE_THREADS) > self.threads:
            raise SettingsError(
                f"O2O_THREADS is at least {least}: O2O_MAX_DECODES {self.max_decodes} + O2O_MAX_WAITING "
                f"{self.max_waiting} for uploads and {SPARE_THREADS} for all other requests"
            )

        if self.smtp_url and (urlsplit(self.smtp_url).scheme not in {"smtp", "smtps"} or not self.mail_from):
            raise SettingsError("O2O_SMTP_URL starts with smtp:// or smtps://, and needs O2O_MAIL_FROM")

    @property
    def uses_demonstration_key(self) -> bool:
        """Whether no key of the deployment's own was given."""
        return self.watermark_key == DEMONSTRATION_KEY

    @property
    def photos_dir(self) -> Path:
        """Where the photos lie that readers let publishers keep; never served but to those."""
        return self.data_dir / "photos"

    @property
    def media_dir(self) -> Path:
        """Where the creatives' pictures lie."""
        return self.data_dir / "media"

    @property
    def photo_limits(self) -> PhotoLimits:
        """What a picture from outside may be at most, as `imaging.load_capture` takes it."""
        return {"max_bytes": self.max_photo_bytes, "max_pixels": self.max_photo_pixels}

    @property
    def max_at_the_door(self) -> int:
        """Uploads that may wait unread: each holds a thread, and some threads are left for others."""
        return self.threads - self.max_decodes - self.max_waiting - SPARE_THREADS

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings from an environment; called by entry points only.

        Raises
        ------
        SettingsError
            If a variable can't be understood; the message names it.
        """
        given = {
            name: variable.parse(variable.name, text)
            for name, variable in variables().items()
            if (text := env.get(variable.name))
        }
        data_dir = given.setdefault("data_dir", Path("data").resolve())
        given.setdefault("database_url", f"sqlite:///{data_dir / 'o2o.sqlite3'}")
        given.setdefault("watermark_key", DEMONSTRATION_KEY)
        return cls(**given)


def variables() -> Mapping[str, Variable]:
    """Return each setting's variable by the setting's name, in the order of their definitions."""
    return {each.name: each.metadata["variable"] for each in fields(Settings)}
