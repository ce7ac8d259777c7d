"""What the demo relies on to tell success from failure."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from standardwebhooks import Webhook

from o2o.cli.demo import _fresh_folder
from o2o.cli.demo_photos import Shot, shipped_photograph, take_photos
from o2o.cli.demo_readers import Visit, visit
from o2o.cli.demo_receiver import Receiver, receiving
from o2o.cli.demo_report import Result
from o2o.cli.demo_service import DemoFailed, demo_environment, run_command

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_" + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
CREATIVE = "0x000000000abc"


def send(receiver: Receiver, message_id: str, *, secret: str = SECRET) -> int:
    body = json.dumps({"type": "pin.saved", "data": {"id": message_id}})
    now = datetime.now(UTC)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, now, body),
    }
    return httpx.post(receiver.url, content=body, headers=headers, trust_env=False).status_code


def test_the_receiver_takes_what_is_signed_and_counts_repeats_once() -> None:
    with receiving() as receiver:
        receiver.secret = SECRET
        assert [send(receiver, "msg_1"), send(receiver, "msg_1"), send(receiver, "msg_2")] == [204, 204, 204]
        assert [event["data"]["id"] for event in receiver.wait_for(2, timeout_s=5)] == ["msg_1", "msg_2"]
        assert receiver.refused == 0


def test_the_receiver_refuses_a_forged_event_and_one_without_a_signature() -> None:
    with receiving() as receiver:
        receiver.secret = SECRET
        assert send(receiver, "msg_1", secret=OTHER_SECRET) == 400
        assert httpx.post(receiver.url, content=b"{}", trust_env=False).status_code == 400
        assert receiver.wait_for(1, timeout_s=0) == []
        assert receiver.refused == 2


def result(*, pins: int, saved: int | None = None, told: int | None = None, refused: int = 0) -> Result:
    ids = [str(number) for number in range(pins)]
    visits = [Visit(Shot("1-easy.jpg", "easy", None), {}, {"id": one}, "/", "") for one in ids]  # type: ignore[arg-type]
    told_ids = set(ids[: pins if told is None else told])
    return Result(visits, pins if saved is None else saved, told_ids, refused)


@pytest.mark.parametrize(
    ("run", "is_good"),
    [
        (result(pins=6), True),
        (result(pins=5), True),
        (result(pins=4), False),
        (result(pins=6, saved=5), False),
        (result(pins=6, told=5), False),
        (result(pins=6, refused=1), False),
    ],
)
def test_a_run_is_good_only_if_every_pin_is_saved_and_told_of(run: Result, is_good: bool) -> None:
    assert run.is_good is is_good


def test_a_misread_stops_the_demo(tmp_path: Path) -> None:
    answers: dict[str, Any] = {
        "/v1/readers": {"token": "t", "board": {"id": "b", "url": "/boards/b"}},
        "/v1/scans": {"id": "s", "outcome": "read", "detections": [{"id": "0x000000000123"}]},
    }
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=answers[request.url.path]))
    grey = np.full((200, 300, 3), 128, np.uint8)
    (shot,) = take_photos(grey, ["easy"], tmp_path, seed=1)
    with (
        httpx.Client(transport=transport, base_url="http://test") as client,
        pytest.raises(DemoFailed, match="misread as 0x000000000123"),
    ):
        visit(client, shot, CREATIVE)


def test_runs_never_share_a_folder(tmp_path: Path) -> None:
    names = [_fresh_folder(tmp_path / "out").name for _ in range(3)]
    assert names == ["001", "002", "003"]


def test_the_callers_database_is_left_alone(tmp_path: Path) -> None:
    env = demo_environment({"O2O_DATABASE_URL": "postgresql://production"}, tmp_path, 1)
    assert "O2O_DATABASE_URL" not in env
    assert env["O2O_DATA_DIR"] == str(tmp_path)


def test_a_failing_command_says_why(tmp_path: Path) -> None:
    env = demo_environment({}, tmp_path, 1) | {"O2O_WATERMARK_KEY": "short"}
    with pytest.raises(DemoFailed, match="the watermark key"):
        run_command("publisher", "add", "Someone", env=env)


def test_the_shipped_photograph_needs_no_download() -> None:
    assert shipped_photograph().startswith(b"\x89PNG")
