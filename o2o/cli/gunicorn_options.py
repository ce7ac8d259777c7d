"""gunicorn as this service needs it, whoever starts it: `o2o serve`, or `gunicorn` itself."""

from __future__ import annotations

import os
from typing import Any, Final

from o2o.settings import Settings

KEEP_ALIVE_S: Final = 5
STOP_TIMEOUT_S: Final = 60
"""For the uploads that are in when the service is told to stop: all that may wait, and are read."""

METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Where Prometheus' client keeps the figures of several processes."""

_LIBRARIES: Final = ("OMP", "OPENBLAS", "MKL")


def options(settings: Settings) -> dict[str, Any]:
    """Return gunicorn's settings.

    Threads, as requests mostly wait; photos are read in processes of their own (`o2o.http.decoders`).
    """
    from o2o.cli.gunicorn_log import JsonLog

    return {
        "workers": settings.processes,
        "worker_class": "o2o.cli.gunicorn_worker.Worker",
        "threads": settings.threads,
        "worker_connections": 4 * settings.threads,
        "keepalive": KEEP_ALIVE_S,
        "graceful_timeout": STOP_TIMEOUT_S,
        "max_requests": settings.max_requests,
        "max_requests_jitter": settings.max_requests // 10,  # not all processes at once
        "logger_class": JsonLog,
        "control_socket_disable": True,
        "child_exit": _forget,
    }


def prepare() -> None:
    """Set up logs and hold numerical libraries to one thread; before anything loads them.

    Requests are what runs side by side, not the parts of one.
    """
    from o2o import logs

    logs.configure()
    for library in _LIBRARIES:
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")


def _forget(_arbiter: object, gunicorn_worker: Any) -> None:
    """Take what a process that has ended was doing out of the figures."""
    if os.environ.get(METRICS_FOLDER):
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(gunicorn_worker.pid)  # type: ignore[no-untyped-call]
