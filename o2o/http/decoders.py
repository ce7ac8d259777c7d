"""Processes that decode and read photos, beside the one that answers requests.

In threads of one process, reading two photos at once takes a tenth longer than in two processes, as both want
the interpreter's lock between OpenCV's and numpy's calls, and all other requests wait for that lock too. A
file that makes a library crash, or the kernel's memory killer, ends one of these processes and no request but
that one and its neighbour.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Final, ParamSpec, Protocol, TypeVar

import structlog

P = ParamSpec("P")
R = TypeVar("R")

log: Final = structlog.get_logger(__name__)


class Run(Protocol):
    """Calls a function where photos are decoded; what it takes, returns and raises is sent there and back."""

    def __call__(self, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what it returns; raise what it raises."""


class DecoderDied(Exception):
    """The process that did some work, or one beside it, ended before the work was done."""


def run_here(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function in this thread: for codecs that can't be sent to another process."""
    return work(*args, **kwargs)


class Decoders:
    """Processes for photos; all are started anew where one of them has died.

    They are fresh interpreters, not copies of this process, which has threads already. They end with it,
    however it ends.

    Parameters
    ----------
    count : int
        How many; they are started at once, so that no photo waits for one.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._lock = threading.Lock()
        self._pool = self._started()

    def __call__(self, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function in one of the processes, as soon as one has nothing else to do.

        Raises
        ------
        DecoderDied
        """
        with self._lock:
            pool = self._pool
        try:
            return pool.submit(work, *args, **kwargs).result()
        except BrokenProcessPool as error:
            log.exception("decoder died")
            with self._lock:
                if self._pool is pool:
                    self._pool = self._started()
            raise DecoderDied from error

    def close(self) -> None:
        """End the processes, once they have done what they do."""
        self._pool.shutdown()

    def _started(self) -> ProcessPoolExecutor:
        """The processes, on their way up."""
        pool = ProcessPoolExecutor(
            self._count,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_prepare,
        )
        for _ in range(self._count):
            pool.submit(os.getpid)
        return pool


def _prepare() -> None:
    """Set up a process for photos."""
    # Ctrl-C goes to all processes of a terminal, and what is under way shall be answered.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()

    import cv2

    from o2o.services import scans  # noqa: F401  here, so that the first photo needn't wait for it
    from watermarks import read  # noqa: F401  the same

    cv2.setNumThreads(1)  # photos are what is read side by side, not the parts of one


def _end_with(parent: int) -> None:
    """End this process as soon as its parent has ended, even by SIGKILL."""
    wait([parent])
    os._exit(1)
