"""The service and the commands as the demo runs them: real processes over a folder of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from o2o.errors import O2oError

COMMAND_TIMEOUT_S: Final = 120.0
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 20.0
POLL_S: Final = 0.1

_O2O: Final = (sys.executable, "-c", "from o2o.cli import app; app()")
_SOURCE: Final = Path(__file__).parents[2]


class DemoFailed(O2oError):
    """A step of the demo did not come off."""

    code = "demo-failed"
    title = "The demo could not go on"


def demo_environment(outer: Mapping[str, str], data_dir: Path, port: int) -> dict[str, str]:
    """Return the environment of the demo's processes: the caller's, but for where things lie.

    A database or an address that the caller has set is left out: the demo keeps to its folder.
    """
    inherited = {name: value for name, value in outer.items() if name != "O2O_DATABASE_URL"}
    return inherited | {
        # The children run this very code, installed or not.
        "PYTHONPATH": os.pathsep.join(filter(None, (str(_SOURCE), outer.get("PYTHONPATH")))),
        "O2O_DATA_DIR": str(data_dir),
        "O2O_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "O2O_WEBHOOK_ALLOW_PRIVATE": "1",
        "O2O_JOB_POLL": "0.1",
    }


def run_command(*arguments: str, env: Mapping[str, str]) -> str:
    """Run one ``o2o`` command and return what it printed.

    Raises
    ------
    DemoFailed
        If it fails; the message holds what it said.
    """
    try:
        done = subprocess.run(  # noqa: S603  our own command
            [*_O2O, *arguments],
            env=dict(env),
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DemoFailed(f"`o2o {arguments[0]}` took over {COMMAND_TIMEOUT_S:g} s") from error
    if done.returncode != 0:
        raise DemoFailed(f"`o2o {' '.join(arguments)}` failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


def free_port() -> int:
    """Return a loopback port that nothing listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


@contextmanager
def serving(env: Mapping[str, str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``o2o serve`` with its worker as long as the block lasts; it is ready when the block begins.

    Raises
    ------
    DemoFailed
        If it doesn't come up; the message names its log.
    """
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603  our own command
            [*_O2O, "serve", "--host", "127.0.0.1", "--port", str(port)],
            env=dict(env),
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_ready(process, f"http://127.0.0.1:{port}/readyz", log)
            yield process
        finally:
            _stop(process)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Return as soon as the service answers that it is ready."""
    deadline = time.monotonic() + START_TIMEOUT_S
    with httpx.Client(timeout=5.0, trust_env=False) as client:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise DemoFailed(f"the service ended at once, see {log}: {_last_line(log)}")
            try:
                if client.get(url).is_success:
                    return
            except httpx.TransportError:
                pass  # It does not listen yet.
            time.sleep(POLL_S)
    raise DemoFailed(f"the service wasn't ready after {START_TIMEOUT_S:g} s: see {log}")


def _last_line(log: Path) -> str:
    """What the service said last."""
    return (log.read_text(errors="replace").splitlines() or ["it said nothing"])[-1]


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the service, by force if it won't go."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
