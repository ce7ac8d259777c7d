"""What the commands take from the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from o2o.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from o2o.db import Database


def current_settings() -> Settings:
    """Return the settings of this environment."""
    return Settings.from_env(os.environ)


def warn_of_demonstration_key() -> None:
    """Say that marks will be made or read with the key that everyone knows."""
    typer.secho(
        "warning: no watermark key is given, so the demonstration key is used, which everyone knows: for "
        "anything but a trial set O2O_WATERMARK_KEY to one of your own (openssl rand -hex 32)",
        fg="yellow",
        err=True,
    )


@contextmanager
def transaction(settings: Settings) -> Iterator[Session]:
    """One transaction on the settings' database, if its schema is this code's.

    Raises
    ------
    SettingsError
        If the database has to be upgraded first, or doesn't answer.
    """
    with _database(settings) as database, database.begin() as session:
        yield session


@contextmanager
def snapshot(settings: Settings) -> Iterator[Session]:
    """One look at one moment of the settings' database, if its schema is this code's.

    Raises
    ------
    SettingsError
        If the database has to be upgraded first, or doesn't answer.
    """
    with _database(settings) as database, database.snapshot() as session:
        yield session


def require_database(settings: Settings) -> None:
    """Find out whether the settings' database answers and its schema is this code's.

    Raises
    ------
    SettingsError
        If it doesn't, or isn't.
    """
    with _database(settings):
        pass


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    """The settings' database, if its schema is this code's."""
    from o2o.db import Database, require_current

    database = Database(settings.database_url)
    try:
        require_current(database.engine, settings.database_url)
        yield database
    finally:
        database.engine.dispose()


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
