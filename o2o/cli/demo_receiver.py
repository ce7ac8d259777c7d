"""A webhook receiver for the demo: what an integrator would run, in one thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

MAX_BODY_BYTES = 20_000
"""What Standard Webhooks allows an event."""


class Receiver(ThreadingHTTPServer):
    """Takes signed events on a free loopback port.

    Attributes
    ----------
    secret : str
        The endpoint's secret; set it once the endpoint is registered, as only then it is known.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.secret = ""
        self._events: dict[str, dict[str, Any]] = {}
        self._refused = 0
        self._arrival = threading.Condition()

    @property
    def url(self) -> str:
        """The address to register."""
        return f"http://127.0.0.1:{self.server_port}/webhooks"

    @property
    def refused(self) -> int:
        """How many requests carried no valid signature."""
        return self._refused

    def take(self, body: bytes, headers: dict[str, str]) -> bool:
        """Verify one request; an event that comes twice counts once."""
        try:
            event = Webhook(self.secret).verify(body, headers)
        except (WebhookVerificationError, json.JSONDecodeError, RuntimeError):
            event = None
        with self._arrival:
            if event is None:
                self._refused += 1
            else:
                self._events[headers["webhook-id"]] = event
            self._arrival.notify_all()
        return event is not None

    def wait_for(self, count: int, *, timeout_s: float) -> list[dict[str, Any]]:
        """Return the verified events as soon as there are ``count``, or those there are at the end."""
        with self._arrival:
            self._arrival.wait_for(lambda: len(self._events) >= count, timeout_s)
            return list(self._events.values())


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        """Answer 204 to a verified event, 400 to anything else."""
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(min(length, MAX_BODY_BYTES))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.send_response(204 if self.server.take(body, headers) else 400)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's names
        """Keep quiet: the demo tells of what came in."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver as long as the block lasts."""
    with Receiver() as receiver:
        thread = threading.Thread(
            target=receiver.serve_forever, kwargs={"poll_interval": 0.05}, name="receiver"
        )
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()
