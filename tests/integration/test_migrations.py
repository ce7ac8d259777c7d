"""The schema: from empty to newest and back, without drift from the models."""

from __future__ import annotations

import pytest
from alembic import command
from sqlalchemy import inspect

from o2o.db import Base, alembic_config, connect, require_current, upgrade
from o2o.errors import SettingsError


def tables(url: str) -> set[str]:
    engine = connect(url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def test_up_from_empty_down_and_up_again(empty_database_url: str) -> None:
    upgrade(empty_database_url)
    assert tables(empty_database_url) == {*Base.metadata.tables, "alembic_version"}

    command.downgrade(alembic_config(empty_database_url), "base")
    assert tables(empty_database_url) == {"alembic_version"}

    upgrade(empty_database_url)
    assert tables(empty_database_url) == {*Base.metadata.tables, "alembic_version"}


def test_models_and_migrations_agree(database_url: str) -> None:
    command.check(alembic_config(database_url))


def test_an_old_schema_is_told(empty_database_url: str) -> None:
    engine = connect(empty_database_url)
    with pytest.raises(SettingsError, match="o2o db upgrade"):
        require_current(engine, empty_database_url)
    upgrade(empty_database_url)
    require_current(engine, empty_database_url)
    engine.dispose()
