"""gunicorn's configuration from the settings: ``gunicorn -c python:o2o.cli.gunicorn_conf app:app``.

`o2o serve` takes the same options, upgrades the database and runs jobs besides.
"""

from __future__ import annotations

from o2o.cli.environment import current_settings
from o2o.cli.gunicorn_options import options, prepare

prepare()
globals().update(options(current_settings()))
