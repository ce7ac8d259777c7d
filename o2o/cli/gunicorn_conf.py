"""gunicorn's configuration from the settings: ``gunicorn -c python:o2o.cli.gunicorn_conf app:app``.

`o2o serve` takes the same options, upgrades the database and runs jobs besides.
"""

from __future__ import annotations

import structlog

from o2o.cli.environment import current_settings, require_database
from o2o.cli.exit_codes import USAGE
from o2o.cli.gunicorn_options import options, prepare
from o2o.errors import SettingsError
from o2o.settings import Settings


def _settings() -> Settings:
    """Return the settings of this environment, if the service can be started with them.

    Raises
    ------
    SystemExit
        If it can't be, with the reason as a line of the log: gunicorn reads this before it starts any
        process, each of which would find the same and tell it with all its frames.
    """
    try:
        settings = current_settings()
        require_database(settings)
    except SettingsError as error:
        structlog.get_logger().critical("not started", reason=error.detail)
        raise SystemExit(USAGE) from None
    return settings


prepare()
globals().update(options(_settings()))
