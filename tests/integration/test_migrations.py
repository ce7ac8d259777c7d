"""The schema: from empty to newest and back, without drift from the models."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from alembic import command
from sqlalchemy import MetaData, inspect, select

from o2o.db import Base, Database, alembic_config, connect, require_current, upgrade
from o2o.errors import SettingsError
from o2o.models import ApiKey, Campaign, Creative, Rule, RuleRevision
from o2o.services import contents, creatives, destinations, keys, rules
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


def test_rules_that_are_there_begin_their_history(empty_database_url: str) -> None:
    config = alembic_config(empty_database_url)
    command.upgrade(config, "0007")
    publisher, ruled, bare, tart, tarte = (uuid4() for _ in range(5))
    until = NOW + timedelta(days=30, microseconds=250)
    engine = connect(empty_database_url)
    old = MetaData()
    old.reflect(engine)
    with engine.begin() as connection:
        # Reflected on SQLite, a UUID is its 32 digits.
        is_sqlite = engine.dialect.name == "sqlite"

        def insert(table: str, **values: Any) -> None:
            known = {
                name: each.hex if is_sqlite and isinstance(each, UUID) else each
                for name, each in values.items()
            }
            connection.execute(old.tables[table].insert(), known)

        times = {"created_at": NOW, "updated_at": NOW}
        insert("publisher", id=publisher, name="Good Food", version=1, **times)
        for number, creative in enumerate((ruled, bare)):
            insert(
                "creative", id=creative, watermark_id=number, publisher_id=publisher, title="Lemon tart",
                version=7, **times,
            )  # fmt: skip
        for destination in (tart, tarte):
            insert(
                "destination", id=destination, publisher_id=publisher, creative_id=ruled, state="live",
                title="Tart", description="", images=[], alt_text="", call_to_action="", version=1, **times,
            )  # fmt: skip
        empty: dict[str, Any] = {"countries": [], "languages": [], "devices": []}
        own = {"creative_id": ruled}
        insert("rule", **own, position=1, destination_id=tart, since=NOW, share_percent=50, **empty)
        insert("rule", **own, position=0, destination_id=tarte, until=until, **empty | {"countries": ["FR"]})

    command.upgrade(config, "head")
    database = Database(empty_database_url)
    with database.begin() as session:
        picture = session.get_one(Creative, ruled)
        (revision,) = rules.history(session, picture, limit=9).items
        assert (revision.version, revision.changed_by, revision.changed_at) == (
            7, "before histories were kept", NOW,
        )  # fmt: skip
        held = [[getattr(rule, name) for name in rules.CONDITIONS] for rule in revision.rules]
        now = rules.of_creative(session, ruled)
        assert held == [[getattr(rule, name) for name in rules.CONDITIONS] for rule in now]
        assert [(rule.destination_id, rule.until, rule.countries) for rule in revision.rules] == [
            (tarte, until, ["FR"]), (tart, None, []),
        ]  # fmt: skip
        assert rules.history(session, session.get_one(Creative, bare), limit=9).items == []
        # What is kept from now on has the same shape.
        rules.replace(session, picture, [], version=7, by="a test", now=NOW + timedelta(days=1))
        again = [Rule(**dict(zip(rules.CONDITIONS, said, strict=True))) for said in held]
        rules.replace(session, picture, again, version=8, by="a test", now=NOW + timedelta(days=2))
        newest, _, first = session.scalars(select(RuleRevision).order_by(RuleRevision.version.desc()))
        assert newest.rules == first.rules
    engine.dispose()
    database.engine.dispose()
