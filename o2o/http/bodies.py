"""Bodies of requests that are refused before they were read."""

from __future__ import annotations

import threading
from time import monotonic
from typing import Final

from flask import request

MAX_DISCARDED_BYTES: Final = 200_000_000
MAX_DISCARDING_S: Final = 10.0

_CHUNK_BYTES: Final = 1 << 16

_PLACES: Final = threading.BoundedSemaphore(4)
"""Of the process, as its one interpreter is what a rush of refused uploads would take from all others."""


def _left() -> int:
    """How many bytes may be read: more than there are would be waited for, where the server tells no end."""
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        return MAX_DISCARDED_BYTES
    was_read = "stream" in vars(request)
    return 0 if was_read else min(request.content_length or 0, MAX_DISCARDED_BYTES)


def discard_body(wait_s: float = 1.0) -> None:
    """Read on, within bounds, what is still being sent: closed on it, a connection loses the answer.

    A few at a time. Whoever finds no place in time may lose the answer, and nobody else is held up.

    Parameters
    ----------
    wait_s : float, optional
        How long to wait for a place; meanwhile the thread is lost to other requests.
    """
    if not _PLACES.acquire(timeout=wait_s):
        return
    until = monotonic() + MAX_DISCARDING_S
    try:
        body, left = request.input_stream, _left()
        while left > 0 and monotonic() < until and (chunk := body.read(min(left, _CHUNK_BYTES))):
            left -= len(chunk)
    finally:
        _PLACES.release()
