"""The database: connection, transactions, times in UTC, and the schema's version."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from psycopg import sql
from sqlalchemy import DateTime, Dialect, Enum, MetaData, Table, create_engine, event, insert, text
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import TypeDecorator

from o2o.errors import SettingsError

MIGRATIONS: Final = Path(__file__).parents[1] / "migrations"

BUSY_TIMEOUT_MS: Final = 30_000
"""How long SQLite waits for another writer; each holds its lock for milliseconds."""

CONNECTIONS: Final = 32
"""Of one process, unless a setting says otherwise."""

POOL_WAIT_S: Final = 10.0
"""How long to wait for one of them to get free: each is held for milliseconds."""

CONNECT_TIMEOUT_S: Final = 5
SEND_TIMEOUT_MS: Final = 10_000
"""After that, a server that is gone without a word is given up."""


class UtcDateTime(TypeDecorator[datetime]):
    """A time that goes in and comes out aware and in UTC, also on SQLite, which forgets zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """What it comes out as."""
        return datetime

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone: it would be read as UTC and may not be."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Give the time its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The tables' common base: every constraint gets a name that a migration can speak of."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime()}  # noqa: RUF012  SQLAlchemy reads it from the class


def named_enum(kind: type[StrEnum], name: str) -> Enum:
    """Return a column type that holds an enumeration's values under a check of that name."""
    return Enum(
        kind,
        name=name,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )


def connect(url: str | URL, *, foreign_keys: bool = True, connections: int = CONNECTIONS) -> Engine:
    """Return an engine for SQLite or PostgreSQL, with SQLite made to behave like a database.

    Its errors don't tell the statements' parameters, as errors end up in logs.

    Parameters
    ----------
    url : str or URL
        SQLAlchemy's database URL.
    foreign_keys : bool, optional
        Whether SQLite enforces them; off only for migrations, which rebuild whole tables.
    connections : int, optional
        How many there may be at once; who finds none free waits for `POOL_WAIT_S`. An SQLite database in
        memory has one a thread.
    """
    parsed = make_url(url)
    pool: dict[str, Any] = {"pool_size": connections, "max_overflow": 0, "pool_timeout": POOL_WAIT_S}
    if parsed.get_backend_name() != "sqlite":
        limits = {"connect_timeout": CONNECT_TIMEOUT_S, "tcp_user_timeout": SEND_TIMEOUT_MS}
        unsaid = {name: limit for name, limit in limits.items() if name not in parsed.query}
        return create_engine(parsed, connect_args=unsaid, pool_pre_ping=True, hide_parameters=True, **pool)
    engine = create_engine(parsed, hide_parameters=True, **(pool if _sqlite_file(parsed) else {}))

    @event.listens_for(engine, "connect")
    def set_pragmas(dbapi_connection: Any, _record: object) -> None:
        # The driver's own transaction control would begin too late: SQLAlchemy's events do it.
        dbapi_connection.isolation_level = None
        dbapi_connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        dbapi_connection.execute("PRAGMA journal_mode = WAL")
        dbapi_connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes the write lock at once: one that began as a reader can't be
        # promoted once another has written, however long it waits.
        read_only = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def insert_many(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert thousands of rows, all with the same columns, past the session's objects.

    PostgreSQL takes them by COPY, in a fraction of the time that a statement for each row wants.

    Raises
    ------
    sqlalchemy.exc.DBAPIError, psycopg.Error
        If the database refuses one, from either; none is kept then.
    """
    if not rows:
        return
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        connection.execute(insert(table), list(rows))
        return
    names = list(rows[0])
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([row[name] for name in names])


class Database:
    """The transactions of one process.

    Attributes
    ----------
    engine : Engine
        Its connections.
    jobs_added : threading.Event
        Set after the commit of a transaction that added jobs, so that workers in this
        process needn't wait for their next poll. A messenger between processes or machines
        (a later issue) is told of the new jobs at the same place, in `begin`.
    """

    def __init__(self, url: str | URL, *, connections: int = CONNECTIONS) -> None:
        self.engine = connect(url, connections=connections)
        self.jobs_added = threading.Event()
        self._lock = threading.Lock()
        self._asked: Future[None] | None = None
        self._writing = sessionmaker(self.engine, expire_on_commit=False)
        self._reading = sessionmaker(self.engine.execution_options(read_only=True), expire_on_commit=False)

    def answers(self, within_s: float) -> bool:
        """Whether the database answers in time; it doesn't, too, while all connections are in use.

        It is asked on a thread of its own, as a network that swallows everything may hold that up for long.
        However many want to know at once, it is asked once.
        """
        with self._lock:
            if self._asked is None or self._asked.done():
                self._asked = Future()
                threading.Thread(target=self._ask, args=(self._asked,), daemon=True).start()
            asked = self._asked
        try:
            asked.result(within_s)
        except (SQLAlchemyError, TimeoutError):
            return False
        return True

    def _ask(self, asked: Future[None]) -> None:
        """Ask the database something that it need not look up."""
        try:
            with self.read() as session:
                session.execute(text("SELECT 1"))
        except Exception as error:  # noqa: BLE001  it is raised where the answer is waited for
            asked.set_exception(error)
        else:
            asked.set_result(None)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back by an exception."""
        with self._writing.begin() as session:
            yield session
        if session.info.pop("jobs_added", False):
            self.jobs_added.set()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent look at the database that holds up no writer."""
        with self._reading() as session:
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """One look that shows all rows as they were at one moment, however many queries it takes."""
        with self._reading() as session:
            if self.engine.dialect.name == "postgresql":  # SQLite's reads are so by themselves
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session


def alembic_config(url: str | URL) -> Config:
    """Return Alembic's configuration for the database at ``url``."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = url
    return config


@contextmanager
def answering(url: str | URL) -> Iterator[None]:
    """Name the setting to look at where a database can't be opened, reached or used.

    Raises
    ------
    SettingsError
        In place of the driver's error. The address isn't repeated: it may hold a password.
    """
    try:
        yield
    except (DBAPIError, OSError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error.strerror
        reason = next(iter(str(cause or error).splitlines()), type(error).__name__)
        file = _sqlite_file(url)
        if file is None:
            message = (
                f"the database can't be used ({reason}): is O2O_DATABASE_URL right, and does its server run?"
            )
        else:
            message = (
                f"the database {file} can't be used ({reason}): set O2O_DATA_DIR to a folder that can be "
                "written, or O2O_DATABASE_URL to another database"
            )
        raise SettingsError(message) from error


def upgrade(url: str | URL) -> None:
    """Bring the database's schema to the newest version; make the database where there is none.

    Raises
    ------
    SettingsError
        If it can't be opened or reached, or has a schema that this code doesn't know.
    """
    with answering(url):
        if file := _sqlite_file(url):
            file.parent.mkdir(parents=True, exist_ok=True)
        # Only this is a question of settings: what a migration itself runs into is told in full.
        engine = connect(url)
        with engine.connect():
            pass
        engine.dispose()
    try:
        command.upgrade(alembic_config(url), "head")
    except CommandError as error:
        raise SettingsError(
            f"the database has a schema that this version doesn't know ({error}): run the version that made "
            "it, or set O2O_DATA_DIR or O2O_DATABASE_URL to another database"
        ) from error


def require_current(engine: Engine, url: str | URL) -> None:
    """Check that the schema is the one this code was written for.

    Raises
    ------
    SettingsError
        If it is older or newer, or there is no database; then none is made. Or if it doesn't answer.
    """
    with answering(url):
        if (file := _sqlite_file(url)) and not file.exists():
            raise SettingsError(
                f"there is no database in {file.parent}: set O2O_DATA_DIR or O2O_DATABASE_URL, or make one "
                "with `o2o db upgrade`"
            )
        with engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    if found != ScriptDirectory.from_config(alembic_config(url)).get_current_head():
        state = f"at version {found}" if found else "empty"
        raise SettingsError(f"the database is {state}: run `o2o db upgrade` first")


def _sqlite_file(url: str | URL) -> Path | None:
    """Where an SQLite database lies; None for one in memory and for other databases."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        return None
    return Path(str(parsed.database))
