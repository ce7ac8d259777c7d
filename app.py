"""The WSGI entry: ``app:app`` for any server; ``o2o serve`` adds the migrations and a worker."""

from __future__ import annotations

import os

from o2o.composition import create
from o2o.settings import Settings

app = create(Settings.from_env(os.environ))
