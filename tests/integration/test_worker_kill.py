"""A worker is killed in the middle of its work, twice: nothing is lost, nothing is there twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select

from o2o.db import Database
from o2o.integrations.webhooks import format_secret
from o2o.models import Job, JobState, Pin, PinStatus, Scan, ScanDetection, WebhookDelivery
from o2o.services import creatives, pins, publishers, readers, webhooks
from o2o.services.creatives import Particulars
from o2o.services.jobs import NO_ROW
from o2o.services.pins import PinWish
from o2o.settings import Settings
from tests.integration.support import NOW, Receiver

PINS = 200
TIMEOUT_S = 120.0

pytestmark = pytest.mark.slow


@contextmanager
def running_worker(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """A real `o2o worker`, killed with SIGKILL at the end of the block, or when it takes too long."""
    env = os.environ | {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "O2O_DATA_DIR": str(settings.data_dir),
        "O2O_DATABASE_URL": settings.database_url,
        "O2O_WEBHOOK_ALLOW_PRIVATE": "1",
        "O2O_WEBHOOK_TIMEOUT": "2",
        "O2O_WEBHOOK_WAITS": "0.1,0.1,0.1,0.1,0.1",
        "O2O_JOB_LEASE": "4",
        "O2O_JOB_POLL": "0.05",
    }
    command = [sys.executable, "-c", "from o2o.cli import app; app()", "worker"]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(TIMEOUT_S, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


def wait_for_jobs(process: subprocess.Popen[str], kind: str, count: int) -> None:
    """Read the worker's log until it has done that many jobs of a kind."""
    assert process.stderr is not None
    for line in process.stderr:
        count -= json.loads(line).get("kind") == kind
        if count == 0:
            return
    raise AssertionError("the worker ended early")


def wait_for_end(process: subprocess.Popen[str], database: Database) -> None:
    """Read the worker's log until there is nothing left to do."""
    assert process.stderr is not None
    for _line in process.stderr:
        if waiting(database) == 0:
            return
    raise AssertionError("the worker ended early")


def waiting(database: Database) -> int:
    with database.read() as session:
        ends = select(func.count()).where(Job.state == JobState.WAITING, Job.ref != NO_ROW)
        return session.scalar(ends) or 0


def make_pins(database: Database, receiver: Receiver) -> set[UUID]:
    """Clip many creatives of one publisher whose webhooks go to the receiver."""
    receiver.secret = format_secret(b"a secret of twenty-four bytes and more")
    with database.begin() as session:
        publisher_id = publishers.add(session, "P", now=NOW).id
        webhooks.add_endpoint(session, publisher_id, receiver.url, receiver.secret, now=NOW)
        reader_id, board = readers.register(session, "token", now=NOW)
        scan = Scan(
            reader_id=reader_id, outcome="read", width_px=1, height_px=1, load_ms=0, detect_ms=0,
            decode_ms=0, total_ms=0, created_at=NOW,
        )  # fmt: skip
        session.add(scan)
        clipped = set()
        for number in range(PINS):
            creative = creatives.add(
                session, publisher_id, Particulars("T"), draw=partial(_same, number), now=NOW
            )
            scan.detections.append(
                ScanDetection(
                    position=number, created_at=NOW, watermark_id=number, profile=0, creative_id=creative.id,
                    confidence=1, signal_db=30, px_per_chip=3, tilt_deg=0, sharpness=1, share=1,
                )
            )  # fmt: skip
            session.flush()
            wish = PinWish(scan.id, number, board.id)
            clipped.add(pins.clip(session, reader_id, wish, f"key-{number}", now=NOW).pin.id)
    return clipped


def _same(number: int, _bits: int) -> int:
    """A source of randomness that gives this number."""
    return number


def test_a_killed_worker_loses_and_doubles_nothing(
    database: Database, settings: Settings, receiver: Receiver
) -> None:
    clipped = make_pins(database, receiver)

    with running_worker(settings) as worker:
        wait_for_jobs(worker, "pin.save", PINS // 4)
        os.kill(worker.pid, signal.SIGKILL)
    assert waiting(database) > 0

    with running_worker(settings) as worker:
        drain_log = threading.Thread(target=lambda: list(worker.stderr or ()))
        drain_log.start()
        assert receiver.wait_for(PINS // 3, TIMEOUT_S)
        os.kill(worker.pid, signal.SIGKILL)
        drain_log.join()
    assert waiting(database) > 0

    with running_worker(settings) as worker:
        wait_for_end(worker, database)
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=TIMEOUT_S)
        assert worker.returncode == 0

    with database.read() as session:
        kept = session.scalars(select(Pin)).all()
        assert {pin.id for pin in kept} == clipped
        assert len(kept) == PINS
        assert {pin.status for pin in kept} == {PinStatus.SAVED}
        deliveries = session.scalars(select(WebhookDelivery)).all()
        assert len(deliveries) == PINS
        assert {delivery.subject_id for delivery in deliveries} == clipped
        assert {delivery.status for delivery in deliveries} == {"delivered"}
        assert session.scalar(select(func.count()).where(Job.state == JobState.DONE)) == 2 * PINS
    # At least once each, every signature verified by the receiver, and never under two names.
    assert set(receiver.received) == {f"msg_{delivery.id.hex}" for delivery in deliveries}
    told = {UUID(json.loads(body)["data"]["id"]) for body in receiver.bodies.values()}
    assert told == clipped
