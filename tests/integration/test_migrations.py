"""The schema: from empty to newest and back, without drift from the models."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from alembic import command
from sqlalchemy import MetaData, inspect

from o2o.db import Base, Database, alembic_config, connect, require_current, upgrade
from o2o.errors import SettingsError
from o2o.models import Campaign
from o2o.services import contents, creatives, destinations
from o2o.services.contents import Asker
from o2o.services.destinations import Draft
from tests.integration.support import NOW


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


def test_what_a_picture_led_to_becomes_its_destination(empty_database_url: str) -> None:
    config = alembic_config(empty_database_url)
    command.upgrade(config, "0002")
    publisher, campaign, tart, bare = (uuid4() for _ in range(4))
    engine = connect(empty_database_url)
    old = MetaData()
    old.reflect(engine)
    with engine.begin() as connection:

        def insert(table: str, **values: Any) -> None:
            connection.execute(old.tables[table].insert(), values | {"created_at": NOW})

        # Reflected on SQLite, a UUID is its 32 digits.
        is_sqlite = engine.dialect.name == "sqlite"
        ids = (publisher, campaign, tart, bare)
        known = {each: each.hex if is_sqlite else each for each in ids}
        insert("publisher", id=known[publisher], name="Good Food")
        insert("campaign", id=known[campaign], publisher_id=known[publisher], name="May")
        insert(
            "creative", id=known[tart], watermark_id=0xABC, publisher_id=known[publisher],
            campaign_id=known[campaign], title="Lemon tart", description="With a crisp base",
            link="https://goodfood.example/tart", image="0" * 64 + ".jpg", alt_text="A tart",
        )  # fmt: skip
        insert(
            "creative", id=known[bare], watermark_id=0xDEF, publisher_id=known[publisher], campaign_id=None,
            title="Bare", description="", link=None, image=None, alt_text="",
        )  # fmt: skip

    command.upgrade(config, "head")
    database = Database(empty_database_url)
    with database.read() as session:
        known_now = creatives.find(session, [0xABC, 0xDEF])
        shown = contents.contents_of(session, known_now.values(), Asker(), now=NOW)
        content = shown[tart]
        assert (content.title, content.description, content.link) == (
            "Lemon tart", "With a crisp base", "https://goodfood.example/tart",
        )  # fmt: skip
        assert (content.images, content.alt_text) == (("0" * 64 + ".jpg",), "A tart")
        assert (content.origin, shown[bare].origin) == ("destination", "destination")
        (destination,) = destinations.of_creative(session, tart)
        (revision,) = destinations.history(session, destination, limit=9).items
        assert revision.content == Draft.of(destination).as_json()
        assert session.get_one(Campaign, campaign).title == "May"

    command.downgrade(config, "0002")
    with engine.connect() as connection:
        rows = old.tables["creative"].select().where(old.tables["creative"].c.watermark_id == 0xABC)
        back = connection.execute(rows).mappings().one()
    assert (back["description"], back["link"], back["image"]) == (
        "With a crisp base", "https://goodfood.example/tart", "0" * 64 + ".jpg",
    )  # fmt: skip
    engine.dispose()
    database.engine.dispose()
