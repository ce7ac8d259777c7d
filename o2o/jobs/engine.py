"""The engine: leases jobs one by one, runs them, and writes what came of them.

The rows are the truth, so any number of workers may run against a database, and any of them may be
killed at any moment: what it held is due again when its lease runs out. Idle workers poll. The
database's `jobs_added` wakes those in the same process; a messenger between machines (Celery, in a
later issue) has its place there, and needn't be trusted to deliver.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import structlog

from o2o.jobs.actors import ACTORS, Actor, Tools
from o2o.services import jobs
from o2o.services.jobs import Lease, LeaseLost

MAX_ERRORS: Final = 10
BACKOFF_BASE_S: Final = 1.0
BACKOFF_CAP_S: Final = 3600.0

_log = structlog.get_logger()


class Worker:
    """Runs jobs until it is told to stop.

    Parameters
    ----------
    tools : Tools
        What the actors work with.
    actors : mapping of str to Actor, optional
        What is done for each kind of job.
    """

    def __init__(self, tools: Tools, actors: Mapping[str, Actor] = ACTORS) -> None:
        self._tools = tools
        self._actors = actors
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Ask the worker to return once its current jobs are done."""
        self._stopping.set()
        self._tools.database.jobs_added.set()

    def run(self) -> None:
        """Run jobs as they fall due, on as many threads as the settings say, until stopped.

        Threads, because a job mostly waits for someone else's server: one slow receiver must
        not hold up all the others.
        """
        others = [
            threading.Thread(target=self._run_one_thread, name=f"jobs-{number}")
            for number in range(1, self._tools.settings.worker_threads)
        ]
        for thread in others:
            thread.start()
        self._run_one_thread()
        for thread in others:
            thread.join()

    def drain(self) -> int:
        """Run what is due now and return how many jobs that was."""
        count = 0
        while not self._stopping.is_set() and self.run_one():
            count += 1
        return count

    def _run_one_thread(self) -> None:
        jobs_added = self._tools.database.jobs_added
        while not self._stopping.is_set():
            jobs_added.clear()
            try:
                found = self.run_one()
            except Exception:  # noqa: BLE001  whatever ails the database now, the worker outlives it
                _log.exception("worker could not take a job")
                found = False
            if not found and not self._stopping.is_set():
                jobs_added.wait(self._tools.settings.job_poll_s)

    def run_one(self) -> bool:
        """Run the job that has been due longest; False if none is due."""
        tools = self._tools
        with tools.database.begin() as session:
            lease = jobs.claim(session, now=tools.clock(), lease_s=tools.settings.job_lease_s)
        if lease is None:
            return False
        try:
            self._run(lease)
        except LeaseLost:
            _log.warning("lease lost", job=str(lease.job_id), kind=lease.kind)
        return True

    def _run(self, lease: Lease) -> None:
        """Do a job, or what is left to do about one that fails."""
        if lease.errors >= MAX_ERRORS:
            # The last worker left no word of it: the job may be what kills workers.
            self._park(lease, "its lease ran out: the worker died or stood still")
            return
        try:
            self._perform(lease)
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001  one job's bug must not stop the others
            _log.exception("job failed", job=str(lease.job_id), kind=lease.kind)
            self._retry_or_park(lease, f"{type(error).__name__}: {error}")

    def _perform(self, lease: Lease) -> None:
        """Do the work, then write its result and the job's end in one transaction."""
        tools = self._tools
        with self._renewing(lease):
            record = self._actors[lease.kind].perform(tools, lease.ref)
        with tools.database.begin() as session:
            now = tools.clock()
            job = jobs.held(session, lease)
            run_at = record(session, now)
            if run_at is None:
                jobs.finish(session, job, now=now)
            else:
                jobs.again(session, job, run_at)
        if run_at is None:
            _log.info("job done", job=str(lease.job_id), kind=lease.kind)
        else:
            _log.info("job again", job=str(lease.job_id), kind=lease.kind, again_at=run_at.isoformat())

    def _retry_or_park(self, lease: Lease, error: str) -> None:
        """Give a job that ended in an exception another chance, later each time, or give it up."""
        if lease.errors + 1 >= MAX_ERRORS:
            self._park(lease, error)
            return
        with self._tools.database.begin() as session:
            run_at = self._tools.clock() + self._backoff(lease.errors)
            jobs.again(session, jobs.held(session, lease), run_at, error=error)

    def _park(self, lease: Lease, error: str) -> None:
        """Give a job up, also if its row can't be told so: else it would be due for ever."""
        with self._tools.database.begin() as session:
            jobs.park(session, jobs.held(session, lease), error, now=self._tools.clock())
            try:
                with session.begin_nested():
                    self._actors[lease.kind].give_up(session, lease.ref)
            except Exception:  # noqa: BLE001  its kind may be unknown here, or its row gone
                _log.exception("job's row not given up", job=str(lease.job_id), kind=lease.kind)
        _log.error("job parked", job=str(lease.job_id), kind=lease.kind)

    def _backoff(self, errors: int) -> timedelta:
        """Full jitter: anything up to a limit that doubles each time."""
        limit_s = min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2**errors)
        return timedelta(seconds=self._tools.rng.uniform(0, limit_s))

    @contextmanager
    def _renewing(self, lease: Lease) -> Iterator[None]:
        """Renew a lease while its job runs, so that long work isn't taken for a dead worker."""
        done = threading.Event()
        renewer = threading.Thread(target=self._renew_until, args=(lease, done), name="lease")
        renewer.start()
        try:
            yield
        finally:
            done.set()
            renewer.join()

    def _renew_until(self, lease: Lease, done: threading.Event) -> None:
        tools = self._tools
        while not done.wait(tools.settings.job_lease_s / 3):
            try:
                with tools.database.begin() as session:
                    jobs.renew(session, lease, now=tools.clock(), lease_s=tools.settings.job_lease_s)
            except LeaseLost:
                return  # told to the job when it comes to write
            except Exception:  # noqa: BLE001  the next renewal may do better
                _log.exception("lease not renewed", job=str(lease.job_id))
