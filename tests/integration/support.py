"""The service as tests use it: a scripted codec, a reader's API, and a webhook receiver."""

from __future__ import annotations

import io
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from flask import has_request_context
from flask.testing import FlaskClient
from numpy.typing import NDArray
from PIL import Image
from sqlalchemy import event
from standardwebhooks import Webhook
from werkzeug.datastructures import FileStorage

from o2o.db import Database
from o2o.roles import ROLE_SCOPES, Role
from o2o.services import keys, members, publishers
from watermarks.payload import Payload
from watermarks.results import Detection, Miss

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def detection(watermark_id: int) -> Detection:
    """A detection of that ID; its figures are of no matter here."""
    corners = np.array([[10, 10], [90, 10], [90, 60], [10, 60]], float)
    return Detection(
        Payload(watermark_id),
        corners,
        confidence=0.9,
        signal_db=31.5,
        px_per_chip=3.2,
        tilt_deg=21.5,
        sharpness=0.75,
        share=0.8,
    )


@dataclass
class ScriptedCodec:
    """Reads what the test says and remembers the last capture's shape."""

    found: list[Detection] | Miss = field(default_factory=list)
    shape: tuple[int, ...] = ()

    def __call__(
        self,
        capture: NDArray[np.uint8],
        key: bytes,  # noqa: ARG002
        *,
        stopwatch: Callable[[str], AbstractContextManager[None]],
    ) -> list[Detection] | Miss:
        self.shape = capture.shape
        with stopwatch("detect"):
            return self.found


@dataclass
class Api:
    """The HTTP API as a reader uses it."""

    client: FlaskClient
    token: str = ""
    board_id: str = ""

    @classmethod
    def of_new_reader(cls, client: FlaskClient) -> Api:
        """The API with a new reader's token."""
        registered = client.post("/v1/readers")
        assert registered.status_code == 201
        return cls(client, registered.get_json()["token"], registered.get_json()["board"]["id"])

    def headers(self, **more: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", **more}

    def get(self, path: str) -> Any:
        return self.client.get(path, headers=self.headers())

    def post(self, path: str, json: Any) -> Any:
        return self.client.post(path, json=json, headers=self.headers())

    def scan(self, photo: bytes | None = None, *, key: str | None = None) -> Any:
        file = (io.BytesIO(photo or jpeg(100, 80)), "photo.jpg")
        once = {"Idempotency-Key": key} if key else {}
        return self.client.post("/v1/scans", data={"photo": file}, headers=self.headers(**once))

    def pin(self, key: str, **wish: str) -> Any:
        return self.client.post("/v1/pins", json=wish, headers=self.headers(**{"Idempotency-Key": key}))


def jpeg(width: int, height: int, **options: Any) -> bytes:
    """A plain JPEG."""
    encoded = io.BytesIO()
    Image.new("RGB", (width, height), (90, 120, 60)).save(encoded, "JPEG", **options)
    return encoded.getvalue()


@dataclass(frozen=True)
class Registered:
    """A publisher with one creative."""

    publisher_id: UUID
    watermark_id: int
    creative_id: str


@dataclass(frozen=True)
class Answer:
    """What a receiver answers to one request."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)


class Receiver(ThreadingHTTPServer):
    """A webhook receiver on loopback that verifies every signature.

    Attributes
    ----------
    received : Counter of str
        How often each ``webhook-id`` came, verified.
    bodies : dict of str to bytes
        The last body under each ID.
    answers : list of Answer
        Used up one by one, then it is 204 for all.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.secret = ""
        self.received: Counter[str] = Counter()
        self.bodies: dict[str, bytes] = {}
        self.answers: list[Answer] = []
        self._changed = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    def take(self, body: bytes, headers: dict[str, str]) -> Answer:
        Webhook(self.secret).verify(body, headers)
        with self._changed:
            self.received[headers["webhook-id"]] += 1
            self.bodies[headers["webhook-id"]] = body
            answer = self.answers.pop(0) if self.answers else Answer()
            self._changed.notify_all()
        return answer

    def wait_for(self, distinct: int, timeout_s: float) -> bool:
        """Wait until that many different messages have come."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.received) >= distinct, timeout_s)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = self.server.take(body, {name.lower(): value for name, value in self.headers.items()})
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver as long as the block lasts."""
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Desk:
    """The publisher's API as one of its members uses it."""

    client: FlaskClient
    publisher_id: UUID
    member_id: UUID
    key: str

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", **more}

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(path, query_string=query, headers=self._headers({}))

    def post(self, path: str, json: Any, **headers: str) -> Any:
        return self.client.post(path, json=json, headers=self._headers(_dashed(headers)))

    def patch(self, path: str, json: Any, **headers: str) -> Any:
        return self.client.patch(path, json=json, headers=self._headers(_dashed(headers)))

    def put(self, path: str, json: Any, **headers: str) -> Any:
        return self.client.put(path, json=json, headers=self._headers(_dashed(headers)))

    def delete(self, path: str, **headers: str) -> Any:
        return self.client.delete(path, headers=self._headers(_dashed(headers)))

    def creative(self, title: str = "Lemon tart", **fields: Any) -> str:
        """A new creative's ID."""
        added = self.post("/v1/creatives", {"title": title, **fields})
        assert added.status_code == 201, added.text
        return str(added.json["id"])

    def destination(self, creative_id: str, title: str, **fields: Any) -> Any:
        """A new destination, live."""
        path = f"/v1/creatives/{creative_id}/destinations"
        added = self.post(path, {"title": title, "state": "live", **fields})
        assert added.status_code == 201, added.text
        return added.json


@contextmanager
def seen_reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[FileStorage]]:
    """The uploads that the application reads into memory as long as the block lasts."""
    found: list[FileStorage] = []

    def read(self: FileStorage, *size: int) -> bytes:
        if has_request_context():  # else it is the client, who sends it
            found.append(self)
        return self.stream.read(*size)

    with monkeypatch.context() as patched:
        patched.setattr(FileStorage, "read", read, raising=False)
        yield found


@dataclass
class Connections:
    """How many connections to the database are in use, and the most that were."""

    now: int = 0
    most: int = 0

    def take(self, *_: object) -> None:
        self.now += 1
        self.most = max(self.most, self.now)

    def give_back(self, *_: object) -> None:
        self.now -= 1


@contextmanager
def counted_connections(database: Database) -> Iterator[Connections]:
    """What is counted as long as the block lasts."""
    found = Connections()
    event.listen(database.engine, "checkout", found.take)
    event.listen(database.engine, "checkin", found.give_back)
    try:
        yield found
    finally:
        event.remove(database.engine, "checkout", found.take)
        event.remove(database.engine, "checkin", found.give_back)


def _dashed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def desk_of(
    client: FlaskClient, database: Database, name: str = "Good Food", role: Role = Role.OWNER
) -> Desk:
    """A new publisher with one member, who has a key for all that the role may do."""
    with database.begin() as session:
        publisher_id = publishers.add(session, name, now=NOW).id
    return member_desk(client, database, publisher_id, role)


def member_desk(client: FlaskClient, database: Database, publisher_id: UUID, role: Role) -> Desk:
    """Another member of a publisher, with a key for all that the role may do."""
    with database.begin() as session:
        email = f"{role}-{uuid4().hex[:8]}@magazine.example"
        member = members.add(session, publisher_id, email=email, name=f"An {role}", role=role, now=NOW)
        issued = keys.issue(session, member, label="Tests", scopes=ROLE_SCOPES[role], now=NOW)
        return Desk(client, publisher_id, member.id, issued.text)


def kept_photo(desk: Desk, creative_id: str) -> str:
    """The scan of a photo that a reader lets the publisher keep."""
    seen = desk.get("/v1/publisher").headers["ETag"]
    desk.put("/v1/publisher", {"name": "Good Food", "keep_photos_days": 30}, If_Match=seen)
    codec = desk.client.application.extensions["o2o"].read
    codec.found = [detection(int(creative_id, 16))]
    form = {"photo": (io.BytesIO(jpeg(100, 80)), "photo.jpg"), "keep": "true"}
    scan = desk.client.post("/v1/scans", data=form, headers=Api.of_new_reader(desk.client).headers())
    return str(scan.get_json()["id"])
