"""From a pin to its integrators: saved once, announced once, sent until it is acknowledged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from o2o.db import Database
from o2o.integrations.outbound import Outbound
from o2o.integrations.webhooks import format_secret
from o2o.jobs.actors import Tools
from o2o.jobs.engine import Worker
from o2o.models import Job, JobState, WebhookDelivery, WebhookEndpoint
from o2o.services import publishers, webhooks
from o2o.settings import Settings
from tests.integration.support import NOW, Answer, Api, Receiver, Registered, ScriptedCodec, detection

SECRET = format_secret(bytes(range(32)))


@pytest.fixture
def worker(database: Database, settings: Settings) -> Worker:
    """A worker that runs what is due when a test says so."""
    return make_worker(database, settings)


def make_worker(database: Database, settings: Settings) -> Worker:
    outbound = Outbound(allow_private=settings.webhook_allow_private, timeout_s=settings.webhook_timeout_s)
    return Worker(Tools(settings, database, outbound, Random(1), lambda: datetime.now(UTC)))


@pytest.fixture
def endpoint(database: Database, creative: Registered, receiver: Receiver) -> Receiver:
    """A receiver that is registered for the creative's publisher."""
    receiver.secret = SECRET
    with database.begin() as session:
        webhooks.add_endpoint(session, creative.publisher_id, receiver.url, SECRET, now=NOW)
    return receiver


@pytest.fixture
def pin(api: Api, codec: ScriptedCodec, creative: Registered) -> Callable[[], dict[str, Any]]:
    """Pins the creative and returns the pin."""

    def clip() -> dict[str, Any]:
        codec.found = [detection(creative.watermark_id)]
        wish = {"creative_id": creative.creative_id, "board_id": api.board_id}
        pin: dict[str, Any] = api.pin("key", scan_id=api.scan().json["id"], **wish).json
        return pin

    return clip


def delivery(database: Database) -> WebhookDelivery:
    with database.read() as session:
        return session.scalars(select(WebhookDelivery)).one()


def delivery_job(database: Database) -> Job:
    with database.read() as session:
        return session.scalars(select(Job).where(Job.kind == "webhook.deliver")).one()


def test_a_pin_is_saved_and_told(
    worker: Worker, api: Api, database: Database, endpoint: Receiver, pin: Callable[[], dict[str, Any]]
) -> None:
    clipped = pin()
    assert worker.drain() == 2
    saved = api.get(f"/v1/pins/{clipped['id']}").json
    assert saved["status"] == "saved"
    assert saved["saved_at"] > saved["created_at"]

    assert list(endpoint.received.values()) == [1]
    (body,) = endpoint.bodies.values()
    event = json.loads(body)
    assert event["type"] == "pin.saved"
    assert datetime.fromisoformat(event["timestamp"]).tzinfo is not None
    assert event["data"] == {
        "id": clipped["id"],
        "status": "saved",
        "creative_id": clipped["creative_id"],
        "board_id": api.board_id,
        "board_url": f"https://o2o.example/boards/{api.board_id}",
        "title": "Lemon tart",
        "link": "https://goodfood.example/tart",
        "image_url": f"https://o2o.example/media/{'0' * 64}.jpg",
        "alt_text": "A tart on a blue plate",
        "publisher": "Good Food",
        "created_at": saved["created_at"],
        "saved_at": saved["saved_at"],
    }
    assert len(body) < 20_000
    assert delivery(database).status == "delivered"
    assert [attempt["status"] for attempt in delivery(database).attempts] == [204]


def test_others_are_not_told(
    worker: Worker, database: Database, receiver: Receiver, pin: Callable[[], dict[str, Any]]
) -> None:
    with database.begin() as session:
        other = publishers.add(session, "Other", now=NOW)
        webhooks.add_endpoint(session, other.id, receiver.url, SECRET, now=NOW)
    pin()
    assert worker.drain() == 1
    assert not receiver.received


def test_retries_say_the_same_under_the_same_id_until_acknowledged(
    worker: Worker,
    database: Database,
    endpoint: Receiver,
    pin: Callable[[], dict[str, Any]],
    settings: Settings,
) -> None:
    endpoint.answers = [Answer(500), Answer(302, {"Location": endpoint.url}), Answer(204)]
    pin()
    worker.drain()
    for wait_s in settings.webhook_waits_s[:2]:
        job = delivery_job(database)
        waits = job.run_at - datetime.fromisoformat(delivery(database).attempts[-1]["at"])
        assert timedelta(seconds=wait_s) <= waits <= timedelta(seconds=1.25 * wait_s + 1)
        assert worker.drain() == 0
        _bring_forward(database)
        assert worker.drain() == 1
    assert list(endpoint.received.values()) == [3]
    done = delivery(database)
    assert (done.status, [a["status"] for a in done.attempts]) == ("delivered", [500, 302, 204])


def test_a_failed_delivery_is_logged_with_its_reason(
    worker: Worker, database: Database, endpoint: Receiver, pin: Callable[[], dict[str, Any]]
) -> None:
    endpoint.answers = [Answer(500)]
    pin()
    with capture_logs() as logged:
        worker.drain()
    (said,) = (entry for entry in logged if entry["log_level"] == "warning")
    assert said == {
        "event": "delivery failed, trying again",
        "log_level": "warning",
        "delivery": str(delivery(database).id),
        "status": 500,
        "error": None,
    }
    assert [entry["event"] for entry in logged] == ["job done", said["event"], "job again"]


def test_patience_is_granted_when_asked_for(
    worker: Worker, database: Database, endpoint: Receiver, pin: Callable[[], dict[str, Any]]
) -> None:
    endpoint.answers = [Answer(503, {"Retry-After": "120"})]
    pin()
    worker.drain()
    assert delivery_job(database).run_at >= datetime.now(UTC) + timedelta(seconds=110)


def test_gone_means_never_again(
    worker: Worker, database: Database, endpoint: Receiver, pin: Callable[[], dict[str, Any]]
) -> None:
    endpoint.answers = [Answer(410)]
    pin()
    worker.drain()
    assert delivery(database).status == "failed"
    assert delivery_job(database).state is JobState.DONE
    with database.read() as session:
        gone = session.scalars(select(WebhookEndpoint)).one()
        assert gone.disabled_at is not None
        assert "410" in (gone.disabled_reason or "")


def test_after_the_last_attempt_it_is_given_up(
    database: Database, settings: Settings, endpoint: Receiver, pin: Callable[[], dict[str, Any]]
) -> None:
    impatient = make_worker(database, replace(settings, webhook_waits_s=(0.0, 0.0)))
    endpoint.answers = [Answer(500)] * 9
    pin()
    assert impatient.drain() == 1 + 3
    assert delivery(database).status == "failed"
    assert list(endpoint.received.values()) == [3]


def test_a_dead_receiver_is_noted(
    worker: Worker, database: Database, creative: Registered, pin: Callable[[], dict[str, Any]]
) -> None:
    with database.begin() as session:
        webhooks.add_endpoint(session, creative.publisher_id, "http://127.0.0.1:1/", SECRET, now=NOW)
    pin()
    worker.drain()
    (attempt,) = delivery(database).attempts
    assert attempt["status"] is None
    assert "ConnectError" in attempt["error"]
    assert delivery(database).status == "pending"


def test_an_address_inside_is_never_called(
    database: Database, settings: Settings, endpoint: Receiver, pin: Callable[[], dict[str, Any]]
) -> None:
    strict = make_worker(database, replace(settings, webhook_allow_private=False))
    pin()
    strict.drain()
    assert "refused" in delivery(database).attempts[0]["error"]
    assert not endpoint.received


def test_a_disabled_endpoint_gets_nothing(
    worker: Worker, database: Database, endpoint: Receiver, pin: Callable[[], dict[str, Any]]
) -> None:
    endpoint.answers = [Answer(500)]
    pin()
    worker.drain()
    with database.begin() as session:
        session.scalars(select(WebhookEndpoint)).one().disabled_at = NOW
    _bring_forward(database)
    worker.drain()
    assert list(endpoint.received.values()) == [1]
    assert delivery(database).status == "failed"


def _bring_forward(database: Database) -> None:
    """Make the waiting delivery due, as if the time until then had passed."""
    with database.begin() as session:
        session.scalars(select(Job).where(Job.kind == "webhook.deliver")).one().run_at = NOW
