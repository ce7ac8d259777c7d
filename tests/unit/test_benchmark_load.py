"""The load report: what it says of a rush, and what the clients count."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks import load
from benchmarks.load_clients import Answers, Rush, send, watch
from o2o.cli.demo_service import free_port


class _Service(BaseHTTPRequestHandler):
    """Reads every second photo and sends the others away."""

    photos = 0

    def do_GET(self) -> None:
        self._answer(200, {})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/v1/readers":
            self._answer(201, {"token": "a-token"})
            return
        type(self).photos += 1
        if type(self).photos % 2:
            self._answer(200, {"detections": [{}]})
        else:
            self._answer(503, {}, {"Retry-After": "60"})

    def _answer(self, status: int, document: object, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Service) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_patient_senders_wait_as_long_as_a_refusal_says(port: int, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"a photo")
    _Service.photos = 0
    answers = send(Rush(port, (photo,), uploads=1, seconds=0.5, patient=True))
    assert answers.counts == {"200": 1, "503": 1}
    assert (answers.detected, answers.without_retry) == (1, 0)
    impatient = send(Rush(port, (photo,), uploads=1, seconds=0.5, patient=False))
    assert impatient.counts["503"] > 1


def test_the_watcher_tells_each_time(port: int) -> None:
    took_s = watch(port, 0.3)
    assert len(took_s) == 6
    assert max(took_s) < 1
    assert watch(free_port(), 0.1) == [float("inf")] * 2


def test_the_report_has_each_rush_beside_what_was_asked_for() -> None:
    rush = Rush(8000, (Path("a.jpg"),), uploads=200, seconds=10, patient=True)
    answers = Answers({"200": 45, "503": 7, "BrokenPipeError": 1}, 2, 44, [1.0, 3.0], [5.0], 1.0)
    outcome = load.Outcome("patient", rush, answers, [0.01] * 98 + [0.2, 0.3], 5.0, 0.4, 300, 500, 510, 18)
    text = load.report([outcome])
    assert "| share of the bare codec's rate | 90 % | ≥ 85 % |" in text
    assert "| answers 503 | 7 | – |" in text
    assert "| 503 without Retry-After | 2 | 0 |" in text
    assert "| anything else | 1 BrokenPipeError | none |" in text
    assert "| `/healthz`, p99 | 300 ms | < 250 ms |" in text
    assert "| processor time a photo, bare / service | 0.40 s / 0.40 s | – |" in text
