"""Alembic's entry: run migrations, or compare, on one connection.

The database's address is handed over by `o2o.db`; a developer's `alembic` command takes it from
the same settings as the service.
"""

import os
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

import o2o.models  # noqa: F401  fills the metadata
from o2o.db import Base, UtcDateTime, connect
from o2o.settings import Settings


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Keep the application's own types out of migrations, which must outlive them."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


if context.is_offline_mode():
    raise SystemExit("migrations look at the database they change: run them online")

url = context.config.attributes.get("url") or Settings.from_env(os.environ).database_url
# SQLite changes a table by copying it: with foreign keys on, dropping the old one would
# take the rows that refer to it along.
engine = connect(url, foreign_keys=False)
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        render_item=render_item,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
