"""``o2o serve``: the service in one command."""

from __future__ import annotations

import dataclasses
import errno
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from o2o.cli.environment import current_settings, warn_of_demonstration_key
from o2o.cli.gunicorn_options import METRICS_FOLDER, STOP_TIMEOUT_S, options, prepare
from o2o.cli.registry_copy import private_copy
from o2o.errors import SettingsError
from o2o.settings import DEFAULT_PORT, Settings

if TYPE_CHECKING:
    from flask import Flask


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    host: str = typer.Option("127.0.0.1", help="The address to listen on; 0.0.0.0 for all."),
    port: int = typer.Option(DEFAULT_PORT, min=1, max=65535),
    worker: bool = typer.Option(True, help="Run jobs here too; without, run `o2o worker` beside it."),
    registry: Path | None = typer.Option(
        None, exists=True, dir_okay=False, help="Serve this exported file, read-only, and no database."
    ),
) -> None:
    """Serve the API, the phone page, the boards and the admin pages; the database is upgraded first."""
    from o2o.db import upgrade

    settings = current_settings()
    _require_free(host, port)
    prepare()
    if not os.environ.get("O2O_PUBLIC_URL"):
        settings = dataclasses.replace(settings, public_url=f"http://{_reachable(host)}:{port}")
    if settings.uses_demonstration_key:
        warn_of_demonstration_key()
    if registry is not None:
        with private_copy(registry, settings) as copied:
            _gunicorn(copied, host, port, with_worker=False, read_only=True)
        return
    upgrade(settings.database_url)
    with _metrics_folder(settings.processes):
        _gunicorn(settings, host, port, with_worker=worker)


def _require_free(host: str, port: int) -> None:
    """Find out before anything is done whether the address can be listened on."""
    try:
        socket.create_server((host, port), family=_family(host)).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"port {port} is taken: stop the other service or say --port"
        else:
            message = f"can't listen on {host} port {port} ({error.strerror or error}): say --host or --port"
        raise SettingsError(message) from error


def _family(host: str) -> socket.AddressFamily:
    """The kind of address that a host is."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _reachable(host: str) -> str:
    """The host as an address names it, for a host to listen on."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104  what is asked about here, not what is listened on
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _gunicorn(
    settings: Settings, host: str, port: int, *, with_worker: bool, read_only: bool = False
) -> None:
    """Run gunicorn until it is told to stop."""
    from gunicorn.app.base import BaseApplication

    class Server(BaseApplication):  # type: ignore[misc]
        """gunicorn, set up here and not by files or the command line."""

        def load_config(self) -> None:
            for name, value in _options(settings, host, port, with_worker=with_worker).items():
                self.cfg.set(name, value)

        def load(self) -> Flask:
            from o2o.composition import create

            return create(settings, read_only=read_only)

    Server().run()


def _options(settings: Settings, host: str, port: int, *, with_worker: bool) -> dict[str, Any]:
    def say_ready(arbiter: Any) -> None:
        address = arbiter.LISTENERS[0].getsockname()
        typer.echo(f"serving on http://{address[0]}:{address[1]}")

    jobs = _Jobs(settings)
    return {
        **options(settings),
        "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "when_ready": say_ready,
    } | ({"post_worker_init": jobs.start, "worker_exit": jobs.stop} if with_worker else {})


@contextmanager
def _metrics_folder(processes: int) -> Iterator[None]:
    """A folder for the figures of several processes, unless one is named."""
    if processes == 1 or os.environ.get(METRICS_FOLDER):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="o2o-metrics-") as folder:
        os.environ[METRICS_FOLDER] = folder
        yield


class _Jobs:
    """A worker beside the application, in the same process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._thread: threading.Thread | None = None

    def start(self, gunicorn_worker: Any) -> None:
        """Start it, once the application stands; it shares its database, so that new jobs wake it."""
        from o2o.composition import worker

        database = gunicorn_worker.wsgi.extensions["o2o"].database
        self._worker = worker(self._settings, database)
        self._thread = threading.Thread(target=self._worker.run, name="jobs-0", daemon=True)
        self._thread.start()

    def stop(self, _arbiter: object, _gunicorn_worker: object) -> None:
        """Let it finish its current jobs."""
        if self._thread is not None:
            self._worker.stop()
            self._thread.join(STOP_TIMEOUT_S)
