"""The real server in a process of its own, and what hostile uploads do to it: nothing."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]
import pytest
from PIL import Image

from o2o.cli.demo_service import free_port
from o2o.db import upgrade
from tests.integration.support import jpeg

pytestmark = pytest.mark.slow

START_TIMEOUT_S = 60.0
ALLOWED_GROWTH_BYTES = 150_000_000


def environment(folder: Path) -> dict[str, str]:
    """An environment whose data lie in a folder."""
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "O2O_DATA_DIR": str(folder)}
    env.pop("O2O_DATABASE_URL", None)
    return env


@contextmanager
def serving(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A real `o2o serve` on a free port."""
    command = [sys.executable, "-c", "from o2o.cli import app; app()", "serve", "--port", str(free_port())]
    with (
        (folder / "serve.log").open("w") as log,
        subprocess.Popen(
            command, env=environment(folder), stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        watchdog = threading.Timer(START_TIMEOUT_S, process.kill)
        watchdog.start()
        try:
            assert process.stdout is not None
            url = process.stdout.readline().removeprefix("serving on ").strip()
            assert url.startswith("http://127.0.0.1:"), (folder / "serve.log").read_text()
            watchdog.cancel()
            yield process, url
        finally:
            watchdog.cancel()
            process.send_signal(signal.SIGTERM)


class PeakMemory:
    """The highest resident memory of a process and its children while the block lasts."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.peak = 0

    def now(self) -> int:
        processes = [self._process, *self._process.children(recursive=True)]
        return sum(process.memory_info().rss for process in processes)

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            self.peak = max(self.peak, self.now())

    def __enter__(self) -> PeakMemory:
        self.before = self.now()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


def png_bomb(side: int) -> bytes:
    """A PNG of side x side black RGB pixels, made without making the pixels.

    A deflate stream flushed in full can be repeated byte by byte.
    """
    raw_bytes = side * (1 + 3 * side)
    block_bytes = 1 << 20
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = deflate.compress(bytes(block_bytes)) + deflate.flush(zlib.Z_FULL_FLUSH)
    rest = zlib.compressobj(9, zlib.DEFLATED, -15)
    end = rest.compress(bytes(raw_bytes % block_bytes)) + rest.flush()
    checksum = struct.pack(">I", raw_bytes % 65521 << 16 | 1)  # Adler-32 of that many zeros
    data = b"\x78\x01" + block * (raw_bytes // block_bytes) + end + checksum

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def one_pixel() -> bytes:
    png = io.BytesIO()
    Image.new("RGB", (1, 1)).save(png, "PNG")
    return png.getvalue()


def test_the_bomb_is_a_real_picture() -> None:
    with Image.open(io.BytesIO(png_bomb(700))) as picture:
        assert picture.convert("RGB").getextrema() == ((0, 0), (0, 0), (0, 0))


def test_hostile_uploads_get_a_problem_and_no_memory(tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    with large.open("wb") as file:
        file.truncate(60_000_000)
    with (
        serving(tmp_path) as (process, url),
        httpx.Client(base_url=url, timeout=60, trust_env=False) as client,
    ):
        token = client.post("/v1/readers").json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        good = client.post("/v1/scans", files={"photo": ("good.jpg", jpeg(200, 150))})
        assert good.status_code == 200
        assert good.json()["outcome"] == "miss"

        cases = {
            "truncated JPEG": (jpeg(2000, 1500)[:-3000], 422, "unreadable-image"),
            "1 px PNG": (one_pixel(), 422, "image-too-small"),
            "30,000 x 30,000 PNG bomb": (png_bomb(30_000), 413, "image-too-large"),
            "text named .jpg": (b"This is no photo.\n" * 100, 415, "unsupported-image"),
            "empty file": (b"", 415, "unsupported-image"),
        }
        with PeakMemory(process.pid) as memory:
            for name, (photo, status, code) in cases.items():
                answer = client.post("/v1/scans", files={"photo": ("photo.jpg", photo)})
                expect(answer, name, status, code)
            expect(client.post("/v1/scans", content=b""), "empty body", 422, "invalid-request")
            for _ in range(3):
                with large.open("rb") as file:
                    answer = client.post("/v1/scans", files={"photo": ("large.jpg", file)})
                expect(answer, "60 MB", 413, "request-too-large")
            undeclared = client.post("/v1/scans", content=iter([b"x" * 1_000_000] * 60), headers=MULTIPART)
            expect(undeclared, "60 MB without a length", 413, "request-too-large")
        assert memory.peak - memory.before < ALLOWED_GROWTH_BYTES
        assert client.get("/healthz").status_code == 200

        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    log = (tmp_path / "serve.log").read_text()
    assert "Traceback" not in log
    assert token not in log


def test_an_upload_under_way_is_answered_before_the_service_ends(tmp_path: Path) -> None:
    photo = jpeg(200, 150)
    head = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="photo.jpg"\r\n\r\n'
    body = head + photo + b"\r\n--x--\r\n"
    with serving(tmp_path) as (process, url):
        port = int(url.rpartition(":")[2])
        token = httpx.post(f"{url}/v1/readers", trust_env=False).json()["token"]
        connection = HTTPConnection("127.0.0.1", port, timeout=START_TIMEOUT_S)
        connection.request("GET", "/healthz")
        connection.getresponse().read()  # By now the service has taken the connection.
        connection.putrequest("POST", "/v1/scans")
        for name, value in {**MULTIPART, "Authorization": f"Bearer {token}"}.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        connection.send(body[:100])
        process.send_signal(signal.SIGTERM)
        wait_until_it_refuses(url)
        connection.send(body[100:])
        answer = connection.getresponse()
        assert answer.status == 200
        assert json.loads(answer.read())["outcome"] == "miss"
        connection.close()
        assert process.wait(timeout=30) == 0
    assert "Traceback" not in (tmp_path / "serve.log").read_text()


def wait_until_it_refuses(url: str) -> None:
    """Return once new connections are refused; one that is taken and never answered isn't."""
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until:
        try:
            httpx.get(f"{url}/healthz", timeout=START_TIMEOUT_S, trust_env=False)
        except httpx.ConnectError:
            return
        except httpx.ReadError:
            continue  # It was waiting at the door as that was closed.
    raise AssertionError("the service still takes connections")


def test_gunicorn_takes_its_options_from_the_settings(tmp_path: Path) -> None:
    """Two processes that share their figures, a thread for each part, and logs that tell nobody's address."""
    upgrade(f"sqlite:///{tmp_path / 'o2o.sqlite3'}")
    (tmp_path / "metrics").mkdir()
    port = free_port()
    env = environment(tmp_path) | {
        "O2O_PROCESSES": "2",
        "O2O_METRICS_TOKEN": "figures-please",
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "python:o2o.cli.gunicorn_conf", "--bind"]
    with (
        (tmp_path / "gunicorn.log").open("w") as log,
        subprocess.Popen([*command, f"127.0.0.1:{port}", "app:app"], env=env, stderr=log) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        try:
            wait_until_ready(client)
            assert len(psutil.Process(process.pid).children()) == 2
            for _ in range(5):
                assert httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).status_code == 200
            with socket.create_connection(("127.0.0.1", port)) as malformed:
                malformed.sendall(b"GET / HTTP/1.1\r\nAuthorization : Bearer a-token\r\n\r\n")
                assert malformed.recv(100).startswith(b"HTTP/1.1 400")
            told = client.get("/metrics", headers={"Authorization": "Bearer figures-please"}).text
            line = 'o2o_requests_total{method="GET",route="/healthz",status="2xx"} 5.0'
            assert line in told.splitlines()
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    lines = [json.loads(line) for line in (tmp_path / "gunicorn.log").read_text().splitlines()]
    assert {line["event"] for line in lines} >= {"request", "server"}
    assert "a-token" not in json.dumps(lines)
    assert "127.0.0.1" not in json.dumps(lines)


@pytest.mark.parametrize("url", ["mysql://ada:secret@db/o2o", "postgresql://ada:secret@127.0.0.1:{}/o2o", ""])
def test_gunicorn_says_in_one_line_why_it_does_not_start(url: str, tmp_path: Path) -> None:
    """The last case is a folder without a database."""
    env = environment(tmp_path) | {"O2O_DATABASE_URL": url.format(free_port())}
    command = [sys.executable, "-m", "gunicorn", "-c", "python:o2o.cli.gunicorn_conf", "app:app"]
    done = subprocess.run(
        [*command, "--bind", f"127.0.0.1:{free_port()}"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=START_TIMEOUT_S,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    told = json.loads(line)
    assert (told["event"], told["level"]) == ("not started", "critical")
    assert "O2O_DATABASE_URL" in told["reason"]
    assert "secret" not in line


def wait_until_ready(client: httpx.Client) -> None:
    """Return once the service answers."""
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until:
        try:
            if client.get("/readyz").is_success:
                return
        except httpx.TransportError:
            continue
    raise AssertionError("the service doesn't answer")


def test_the_application_holds_libraries_to_one_thread(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path / 'o2o.sqlite3'}")
    lines = (
        "import app, cv2",
        "with app.app.extensions['o2o'].uploads.decoder(1) as run:",
        "    print(run(cv2.getNumThreads))",
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "1\n", done.stderr


def test_any_wsgi_server_finds_the_application(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path / 'o2o.sqlite3'}")
    code = "from app import app; print(app.test_client().get('/readyz').status_code)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "200\n", done.stderr
    assert json.loads(done.stderr.splitlines()[-1])["event"] == "request"


MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}


def expect(answer: httpx.Response, name: str, status: int, code: str) -> None:
    assert answer.status_code == status, name
    assert answer.headers["content-type"] == "application/problem+json", name
    assert answer.json()["status"] == status, name
    assert answer.json()["code"] == code, name
    assert answer.json()["detail"], name
