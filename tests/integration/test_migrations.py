"""The schema: from empty to newest and back, without drift from the models."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from alembic import command
from sqlalchemy import MetaData, inspect, select

from o2o.db import Base, Database, alembic_config, connect, require_current, upgrade
from o2o.errors import SettingsError
from o2o.models import ApiKey, Campaign
from o2o.services import contents, creatives, destinations, keys
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
        (revision,) = destinations.history(session, destination)
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


def test_keys_that_were_there_before_keep_their_lifetimes(empty_database_url: str) -> None:
    config = alembic_config(empty_database_url)
    command.upgrade(config, "0008")
    engine = connect(empty_database_url)
    old = MetaData()
    old.reflect(engine)
    is_sqlite = engine.dialect.name == "sqlite"
    publisher, member = (each.hex if is_sqlite else each for each in (uuid4(), uuid4()))
    with engine.begin() as connection:
        connection.execute(
            old.tables["publisher"].insert(),
            {"id": publisher, "name": "Good Food", "version": 1, "created_at": NOW, "updated_at": NOW},
        )
        connection.execute(
            old.tables["member"].insert(),
            {
                "id": member, "publisher_id": publisher, "email": "ada@magazine.example", "name": "Ada",
                "role": "owner", "version": 1, "created_at": NOW,
            },
        )  # fmt: skip
        for days in (None, 90):
            connection.execute(
                old.tables["api_key"].insert(),
                {
                    "id": uuid4().hex if is_sqlite else uuid4(), "publisher_id": publisher,
                    "member_id": member, "public_id": str(days), "secret_hash": "", "label": str(days),
                    "scopes": ["registry:read"], "created_at": NOW,
                    "expires_at": NOW + timedelta(days=days) if days else None,
                },
            )  # fmt: skip
    engine.dispose()

    command.upgrade(config, "head")
    database = Database(empty_database_url)
    now = NOW + timedelta(days=1)
    with database.begin() as session:
        for key in session.scalars(select(ApiKey)).all():
            new = keys.rotate(session, key.publisher_id, key.id, overlap=timedelta(0), now=now).key
            assert new.expires_at == (now + timedelta(days=90) if key.label == "90" else None)
    database.engine.dispose()
    command.downgrade(config, "0008")
