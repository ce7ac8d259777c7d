"""``o2o worker``: runs the jobs."""

from __future__ import annotations

import signal

import typer

from o2o.cli.environment import current_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("worker")(worker)


def worker(
    once: bool = typer.Option(False, "--once", help="Run what is due now, then end."),
) -> None:
    """Save pins and deliver webhooks; any number of workers may run at once.

    Ends on SIGTERM and Ctrl-C once its current jobs are done. What it holds when it is killed is
    taken over by another worker after its lease has run out.
    """
    from o2o import composition

    jobs = composition.worker(current_settings())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: jobs.stop())
    if once:
        jobs.drain()
    else:
        jobs.run()
