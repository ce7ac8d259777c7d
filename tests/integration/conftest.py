"""An application over a fresh database, with a codec that says what the test wants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from o2o.db import Database
from o2o.http import create_app
from o2o.services import creatives, publishers, publishing
from o2o.services.destinations import Draft
from o2o.settings import Settings
from tests.integration.support import NOW, Api, Desk, Receiver, Registered, ScriptedCodec, desk_of, receiving


@pytest.fixture
def creative(database: Database) -> Registered:
    """A registered creative."""
    with database.begin() as session:
        publisher = publishers.add(session, "Good Food", now=NOW)
        draft = Draft(
            "Lemon tart",
            description="With a crisp base",
            link="https://goodfood.example/tart",
            alt_text="A tart on a blue plate",
            images=("0" * 64 + ".jpg",),
        )
        added = publishing.publish(
            session, publisher.id, draft, draw=lambda _bits: 0xABC, by="a test", now=NOW, campaign="May"
        )
        return Registered(publisher.id, added.watermark_id, creatives.format_id(added.watermark_id))


@pytest.fixture
def codec() -> ScriptedCodec:
    """The codec of the application under test."""
    return ScriptedCodec()


@pytest.fixture
def client(settings: Settings, database: Database, codec: ScriptedCodec) -> FlaskClient:
    """An HTTP client of the application, without a token."""
    return create_app(settings, database, read=codec).test_client()


@pytest.fixture
def api(client: FlaskClient) -> Api:
    """The API as a new reader uses it."""
    return Api.of_new_reader(client)


@pytest.fixture
def desk(client: FlaskClient, database: Database) -> Desk:
    """The publisher's API as the owner of a new publisher uses it."""
    return desk_of(client, database)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A running webhook receiver."""
    with receiving() as server:
        yield server
