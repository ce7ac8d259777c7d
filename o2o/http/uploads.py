"""The way in for photos: a rush of them waits where it costs least, and nobody else is held up by it.

An upload goes through three places. *At the door* it waits unread: it costs a thread and the sender's
patience, nothing else. *Inside* it is received, to disk, so that a slow sender holds up no decoder. *At the
decoder* it is in memory, which is what has to be scarce. Each place is bounded, and a service that has no
place left says so at once, with the time to come back. The threads that are left over answer all other
requests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from time import perf_counter
from typing import Final, ParamSpec, TypeVar

from o2o.errors import Busy
from o2o.http.bodies import discard_body
from o2o.http.decoders import DecoderDied, Run
from o2o.http.metrics import Metrics

P = ParamSpec("P")
R = TypeVar("R")

MAX_WAIT_S: Final = 10.0
"""At the door, or half as long, by chance, so that those who came together don't leave together."""

MAX_TURN_WAIT_S: Final = 30.0
"""Inside: the photo is here, and its turn comes soon unless something is wrong."""

LEAST_RETRY_S, MOST_RETRY_S = 5, 60

_FIRST_GUESS_S: Final = 1.0
_MEMORY: Final = 0.9
"""How much of the mean decoding time stays as it was with each new one."""


class Uploads:
    """The places of one process.

    Parameters
    ----------
    decodes : int
        Photos in memory at once.
    waiting : int
        Photos received beside those.
    at_the_door : int
        Uploads that wait unread.
    run : Run
        Calls what takes a photo into memory.
    metrics : Metrics
        Where waiting and refused ones are counted.
    draw : callable
        Returns a random number between two: those who are sent away shall not all come back at once.
    """

    def __init__(
        self,
        *,
        decodes: int,
        waiting: int,
        at_the_door: int,
        run: Run,
        metrics: Metrics,
        draw: Callable[[float, float], float],
    ) -> None:
        self._decodes = decodes
        self._run = run
        self._decoding = threading.BoundedSemaphore(decodes)
        self._inside = threading.BoundedSemaphore(decodes + waiting)
        self._most_at_the_door = at_the_door
        self._at_the_door = 0
        self._metrics = metrics
        self._draw = draw
        self._mean_s = _FIRST_GUESS_S
        self._lock = threading.Lock()

    @contextmanager
    def let_in(self) -> Iterator[None]:
        """Hold a place inside, for an upload that hasn't been read yet.

        Raises
        ------
        Busy
            If none gets free in time, or too many wait already.
        """
        if not self._inside.acquire(blocking=False):
            self._wait_at_the_door()
        try:
            yield
        finally:
            self._inside.release()

    @contextmanager
    def decoder(self, wait_s: float) -> Iterator[Run]:
        """Hold one of the places for a photo in memory; yields what calls functions that take it there.

        Raises
        ------
        Busy
            If none gets free in time, or its work was lost.
        """
        with self._metrics.waiting.labels("inside").track_inprogress():
            taken = self._decoding.acquire(timeout=wait_s)
        if not taken:
            raise self._refusal("inside")
        started = perf_counter()
        try:
            yield self._run
        except DecoderDied as error:
            raise self._refusal("decoder") from error
        finally:
            self._decoding.release()
            with self._lock:
                self._mean_s += (1 - _MEMORY) * (perf_counter() - started - self._mean_s)

    def _wait_at_the_door(self) -> None:
        """Return with a place inside."""
        with self._lock:
            full = self._at_the_door >= self._most_at_the_door
            self._at_the_door += not full
        if full:
            discard_body(wait_s=0)
            raise self._refusal("door_full")
        try:
            with self._metrics.waiting.labels("door").track_inprogress():
                if self._inside.acquire(timeout=self._draw(MAX_WAIT_S / 2, MAX_WAIT_S)):
                    return
                refusal = self._refusal("door")
                # As long as it holds a thread, it counts as one at the door.
                discard_body(wait_s=MAX_WAIT_S)
                raise refusal
        finally:
            with self._lock:
                self._at_the_door -= 1

    def _refusal(self, where: str) -> Busy:
        """The answer to who has waited in vain."""
        self._metrics.refused.labels(where).inc()
        line_s = self._at_the_door * self._mean_s / self._decodes
        most_s = min(max(line_s, LEAST_RETRY_S), MOST_RETRY_S)
        return Busy(
            "many photos are being read: send this one again when Retry-After says",
            retry_after_s=round(self._draw(LEAST_RETRY_S, most_s)),
        )


def admitted(uploads: Callable[[], Uploads]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a view's request in before its body is read; to be put on a view below its authentication.

    Parameters
    ----------
    uploads : callable
        Returns the places of the current application.
    """

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def let_in(*args: P.args, **kwargs: P.kwargs) -> R:
            with uploads().let_in():
                return view(*args, **kwargs)

        return let_in

    return decorate
