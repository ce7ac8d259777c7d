"""The load benchmark's processes beside the service: senders of photos, a watcher, the bare codec."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import cv2

from benchmarks.pictures import KEY
from o2o.imaging import load_capture
from watermarks import Miss, read

TIMEOUT_S = 120.0
"""Longer than any answer may take: whoever waits that long counts as an error."""

PROBES_PER_S = 20.0
MAX_BYTES, MAX_PIXELS = 25_000_000, 60_000_000

_BOUNDARY = "a-boundary-of-the-load-benchmark"


@dataclass(frozen=True, slots=True)
class Rush:
    """Who sends what where.

    Attributes
    ----------
    port : int
        The service's, on loopback.
    photos : tuple of Path
    uploads : int
        Senders, each with one upload at a time.
    seconds : float
    patient : bool
        Whether they wait as long as ``Retry-After`` says before they send a refused photo again.
    """

    port: int
    photos: tuple[Path, ...]
    uploads: int
    seconds: float
    patient: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """What came of a rush.

    Attributes
    ----------
    counts : dict of str to int
        Answers by status, and errors by kind.
    without_retry : int
        Refusals that don't say when to come back.
    detected : int
        Photos in which a mark was read.
    read_s, refused_s : list of float
        How long each answer took, of those that were read and of those refused.
    cpu_s : float
        What the senders took of the processors.
    """

    counts: dict[str, int] = field(default_factory=dict)
    without_retry: int = 0
    detected: int = 0
    read_s: list[float] = field(default_factory=list)
    refused_s: list[float] = field(default_factory=list)
    cpu_s: float = 0.0


def send(rush: Rush) -> Answers:
    """Send photos for a time, from one thread a sender; what is under way at the end isn't counted."""
    bodies = [_form(path.read_bytes()) for path in rush.photos]
    tokens = [_register(rush.port) for _ in range(rush.uploads)]
    counts: Counter[str] = Counter()
    without_retry, detected, read_s, refused_s = [0], [0], [], []  # type: ignore[var-annotated]
    lock, until = threading.Lock(), time.perf_counter() + rush.seconds

    def one(sender: int) -> float:
        """Send one photo; return how long to wait for the next."""
        started = time.perf_counter()
        status, retry_after, found = _upload(rush.port, tokens[sender], bodies[sender % len(bodies)])
        took_s = time.perf_counter() - started
        with lock:
            if time.perf_counter() > until:
                return 0.0
            counts[status] += 1
            detected[0] += found
            (read_s if status == "200" else refused_s).append(took_s)
            without_retry[0] += status == "503" and not retry_after
        return retry_after if rush.patient else 0.0

    _in_threads(rush.uploads, until, one)
    return Answers(dict(counts), without_retry[0], detected[0], read_s, refused_s, time.process_time())


def watch(port: int, seconds: float) -> list[float]:
    """Return how long ``/healthz`` took each time, on a new connection; infinite where it failed."""
    took_s = []
    started = time.perf_counter()
    for probe in range(round(seconds * PROBES_PER_S)):
        time.sleep(max(0.0, started + probe / PROBES_PER_S - time.perf_counter()))
        asked = time.perf_counter()
        if asked > started + seconds:
            break
        try:
            status, _, _ = _ask(port, "GET", "/healthz", {}, None)
        except (OSError, HTTPException):
            status = 0
        took_s.append(time.perf_counter() - asked if status == 200 else float("inf"))
    return took_s


def read_bare(photos: Sequence[Path], seconds: float) -> tuple[float, float]:
    """Return a process's photos a second that only decodes and reads, and its processor time a photo."""
    cv2.setNumThreads(1)
    files = [path.read_bytes() for path in photos]
    _read(files[0])  # what is done at the first time only
    done, started, cpu_before_s = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() < started + seconds:
        _read(files[done % len(files)])
        done += 1
    return done / (time.perf_counter() - started), (time.process_time() - cpu_before_s) / done


def _read(photo: bytes) -> bool:
    """Decode and read a photo, as the service does; whether a mark was found."""
    return not isinstance(
        read(load_capture(photo, max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS).image, KEY), Miss
    )


def _in_threads(senders: int, until: float, one: Callable[[int], float]) -> None:
    """Have each sender send one photo after the other until the time is over."""
    over = threading.Event()

    def go_on(sender: int) -> None:
        while time.perf_counter() < until:
            over.wait(min(one(sender), max(0.0, until - time.perf_counter())))

    threads = [threading.Thread(target=go_on, args=(sender,)) for sender in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _upload(port: int, token: str, body: bytes) -> tuple[str, float, bool]:
    """Send a photo; return the status or kind of error, when to come back, and whether a mark was read."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
    }
    try:
        status, retry_after, answer = _ask(port, "POST", "/v1/scans", headers, body)
    except (OSError, HTTPException) as error:
        return type(error).__name__, 0.0, False
    return str(status), retry_after, status == 200 and bool(json.loads(answer)["detections"])


def _register(port: int) -> str:
    status, _, answer = _ask(port, "POST", "/v1/readers", {}, None)
    assert status == 201, answer
    token: str = json.loads(answer)["token"]
    return token


def _ask(
    port: int, method: str, path: str, headers: dict[str, str], body: bytes | None
) -> tuple[int, float, bytes]:
    """Return an answer's status, ``Retry-After`` and body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, float(answer.headers.get("Retry-After", 0)), answer.read()
    finally:
        connection.close()


def _form(photo: bytes) -> bytes:
    """A photo as a browser sends it."""
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="photo.jpg"\r\n'
    return f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + photo + f"\r\n--{_BOUNDARY}--\r\n".encode()
