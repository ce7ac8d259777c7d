"""The composition: the one place that puts HTTP and jobs together from a deployment's settings.

It stands above them and below those who run what it makes: ``app.py`` and the commands.
"""

from __future__ import annotations

from datetime import UTC, datetime
from random import SystemRandom
from typing import TYPE_CHECKING

from o2o import logs
from o2o.db import Database, require_current

if TYPE_CHECKING:
    from flask import Flask

    from o2o.jobs.engine import Worker
    from o2o.settings import Settings


def create(settings: Settings, database: Database | None = None, *, read_only: bool = False) -> Flask:
    """Return the WSGI application; a read-only one refuses all changes.

    Raises
    ------
    SettingsError
        If the database's schema isn't the one that this code was written for.
    """
    from o2o.http import create_app
    from o2o.http.decoders import Decoders
    from watermarks import read

    ready = _ready(settings, database)
    return create_app(settings, ready, read=read, run=Decoders(settings.max_decodes), read_only=read_only)


def worker(settings: Settings, database: Database | None = None) -> Worker:
    """Return a worker, with the recurring jobs waiting for one.

    One that shares a process with the application shares its database too.

    Raises
    ------
    SettingsError
        If the database's schema isn't the one that this code was written for.
    """
    from o2o.integrations.outbound import Outbound
    from o2o.jobs.actors import RECURRING, Tools
    from o2o.jobs.engine import Worker
    from o2o.services import jobs

    ready = _ready(settings, database)
    with ready.begin() as session:
        for kind in RECURRING:
            jobs.ensure(session, kind, now=datetime.now(UTC))
    outbound = Outbound(allow_private=settings.webhook_allow_private, timeout_s=settings.webhook_timeout_s)
    return Worker(Tools(settings, ready, outbound, SystemRandom(), lambda: datetime.now(UTC)))


def _ready(settings: Settings, database: Database | None) -> Database:
    """Set up logs, then open the database or take the one given, and hold its schema to the code's."""
    logs.configure()
    database = database or Database(settings.database_url, connections=settings.database_connections)
    require_current(database.engine, settings.database_url)
    return database
