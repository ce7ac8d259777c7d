"""How the registry's times grow: looking an ID up, keeping a scan, a campaign's analytics, on PostgreSQL.

    python -m benchmarks.registry_scale --creatives 10000 100000 1000000

Fills a fresh PostgreSQL for each size, twenty scans a creative, spread over 90 days; then asks with several
threads at once through the service's own functions. Every statement that they send is explained, and none
may read a whole table.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import numpy as np
from sqlalchemy import Connection, event, select, text

from benchmarks import markdown, plots
from benchmarks.registry_filling import (
    CREATIVES_A_CAMPAIGN,
    DAYS,
    FIRST_DAY,
    NOW,
    SCANS_A_CREATIVE,
    SPREAD,
    Sizes,
    fill,
    md5,
    postgres,
)
from o2o.db import Database, upgrade
from o2o.models import CreativeRollup, PhotoRollup, ReaderSketch, RollupDay
from o2o.services import analytics, contents, creatives, rollups, scans, sketch
from o2o.services.analytics import Dimension, Period, Question
from o2o.services.contents import Asker
from o2o.services.scans import Reading, Timing
from watermarks.payload import Payload
from watermarks.results import Detection

# A table of fewer rows is a few pages: a planner reads it as a whole rather than by an index, and rightly.
SMALL_TABLE = 2000


@dataclass(slots=True)
class Measured:
    """Times of one piece of work at one size, in milliseconds, and what its statements read as a whole."""

    work: str
    creatives: int
    ms: list[float] = field(default_factory=list)
    whole_tables: set[str] = field(default_factory=set)


def roll_up(database: Database) -> float:
    """Count all days anew, as the job does, and hold what is there to that; return the seconds it took."""
    key = sketch.derive_key(bytes(32))
    before = _counts(database)
    started = time.perf_counter()
    for count in range(DAYS):
        with database.read() as session:
            counted = rollups.count(session, FIRST_DAY + timedelta(days=count), key)
        with database.begin() as session:
            rollups.replace(session, counted, now=NOW)
    took_s = time.perf_counter() - started
    assert _counts(database) == before, "the rollups that were filled in aren't the job's"
    return took_s


def _counts(database: Database) -> list[Any]:
    """All rollups, but for what readers' sketches hold."""
    kept = (
        select(
            *(
                column
                for column in table.metadata.tables[table.__tablename__].columns
                if column.key not in out
            )
        )
        for table, out in (
            (CreativeRollup, ()),
            (PhotoRollup, ()),
            (ReaderSketch, ("sketch",)),
            (RollupDay, ("rolled_at",)),
        )
    )
    with database.read() as session:
        return [sorted(map(str, session.execute(rows))) for rows in kept]


class Work:
    """What is measured, each a call with random numbers."""

    def __init__(self, database: Database, sizes: Sizes) -> None:
        self._database = database
        self._sizes = sizes

    def look_up(self, rng: Random) -> None:
        """Look up what is behind a mark's ID."""
        watermark_id = self._id(rng)
        with self._database.read() as session:
            found = creatives.find(session, [watermark_id])
            shown = contents.contents_of(session, found.values(), self._asker(rng), now=NOW)
        assert next(iter(shown.values())).link

    def keep_scan(self, rng: Random) -> None:
        """Keep a photo's row, with the look-up that is part of it."""
        corners = np.zeros((4, 2))
        seen = Detection(Payload(self._id(rng)), corners, 0.99, 31.0, 4.0, 12.0, 0.8, 0.95)
        reading = Reading(4032, 3024, [seen], Timing(60, 300, 40, 400))
        with self._database.begin() as session:
            scans.record(session, self._asker(rng), reading, now=NOW)

    def analyse(self, rng: Random) -> None:
        """Count a campaign's 90 days, day by day."""
        number = rng.randrange(self._sizes.campaigns)
        question = Question(
            Period(FIRST_DAY, NOW.date() - timedelta(days=1)),
            (Dimension.DAY,),
            campaign_id=md5(f"campaign{number}"),
        )
        with self._database.read() as session:
            answer = analytics.report(session, md5(f"publisher{number % self._sizes.publishers}"), question)
        assert answer.total.scans

    def _id(self, rng: Random) -> int:
        return rng.randrange(self._sizes.creatives) * SPREAD % (1 << 48)

    def _asker(self, rng: Random) -> Asker:
        return Asker(md5(f"reader{rng.randrange(self._sizes.readers)}"), "DE", ("de",))


def measure(
    database: Database,
    name: str,
    work: Callable[[Random], None],
    creatives_: int,
    *,
    threads: int,
    seconds: float,
) -> Measured:
    """Do a piece of work for some seconds on several threads at once, then explain what it sends."""
    measured = Measured(name, creatives_)
    lock = threading.Lock()
    until = time.perf_counter() + seconds

    def run(seed: int) -> None:
        rng = Random(seed)  # noqa: S311  which row is asked for is no secret
        own = []
        while time.perf_counter() < until:
            started = time.perf_counter()
            work(rng)
            own.append(1000 * (time.perf_counter() - started))
        with lock:
            measured.ms += own[1:]  # the first opens a connection

    workers = [threading.Thread(target=run, args=(seed,)) for seed in range(threads)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    measured.whole_tables = _read_whole(database, lambda: work(Random(99)))  # noqa: S311
    return measured


def _read_whole(database: Database, work: Callable[[], None]) -> set[str]:
    """Explain every statement that some work sends; return the tables that one of them reads as a whole."""
    sent: list[tuple[str, Any]] = []

    def remember(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", remember)
    try:
        work()
    finally:
        event.remove(database.engine, "before_cursor_execute", remember)
    found: set[str] = set()
    with database.engine.connect() as connection:
        for statement, parameters in sent:
            if statement.split()[0] not in {"SELECT", "INSERT", "UPDATE", "DELETE"}:
                continue
            plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
            read = {line.split("Seq Scan on ")[1].split()[0] for line in plan if "Seq Scan on " in line}
            found |= {table for table in read if _rows(connection, table) > SMALL_TABLE}
            connection.rollback()
    return found


def _rows(connection: Connection, table: str) -> int:
    """How many rows a table has."""
    return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())  # noqa: S608  no input


def main(arguments: Sequence[str]) -> int:
    """Fill and measure each size; exit code 1 if a statement reads a whole table of many rows."""
    options = _options(arguments)
    started = time.perf_counter()
    rows: list[Measured] = []
    notes: list[str] = []
    for count in options.creatives:
        with postgres() as url:
            upgrade(url)
            database = Database(url)
            sizes = Sizes(count)
            filled_s = fill(database, sizes)
            note = f"{count:,} creatives, {sizes.scans:,} scans: filled in {filled_s:.0f} s"
            if not notes:
                counted_s = roll_up(database)
                note += f"; the job counted all {DAYS} days anew in {counted_s:.0f} s, to the same rollups"
            with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM ANALYZE"))
            notes.append(note)
            print(notes[-1], flush=True)
            work = Work(database, sizes)
            for name, call in (
                ("look an ID up", work.look_up),
                ("keep a scan", work.keep_scan),
                ("a campaign's 90 days", work.analyse),
            ):
                rows.append(
                    measure(database, name, call, count, threads=options.threads, seconds=options.seconds)
                )
                print(
                    name,
                    len(rows[-1].ms),
                    f"median {median(rows[-1].ms):.1f} ms",
                    rows[-1].whole_tables,
                    flush=True,
                )
            database.engine.dispose()
    out = options.out or markdown.RESULTS / "registry_scale.md"
    plot = out.with_suffix(".png")
    _draw(plot, rows)
    text_ = report(rows, notes, plot, options)
    repeat = markdown.to_repeat("registry_scale", arguments, 0, {}, time.perf_counter() - started)
    markdown.write(out, text_ + "\n" + repeat)
    print(text_, f"\nwritten to {out}")
    return int(any(each.whole_tables for each in rows))


def report(rows: Sequence[Measured], notes: Sequence[str], plot: Path, options: argparse.Namespace) -> str:
    """Return the report but for how to repeat it."""
    head = ("work", "creatives", "calls", "median", "p99", "whole tables read")
    table = [
        (
            each.work,
            f"{each.creatives:,}",
            str(len(each.ms)),
            f"{median(each.ms):.1f} ms",
            f"{np.percentile(each.ms, 99):.1f} ms",
            ", ".join(sorted(each.whole_tables)) or "none",
        )
        for each in rows
    ]
    return "\n".join(
        [
            "# The registry at scale\n",
            f"PostgreSQL on the same machine, {options.threads} threads at once for {options.seconds:g} s "
            f"each, through the service's own functions; {SCANS_A_CREATIVE} scans a creative over {DAYS} "
            f"days, {CREATIVES_A_CAMPAIGN} creatives a campaign. Every statement was explained; the last "
            f"column has the tables of more than {SMALL_TABLE:,} rows that one of them reads as a whole.\n",
            f"![Median times against the number of creatives]({plot.name})\n",
            markdown.table(head, table),
            *(f"- {note}" for note in notes),
            "",
        ]
    )


def _draw(path: Path, rows: Sequence[Measured]) -> None:
    """Draw medians and 99th percentiles against the number of creatives."""
    series: dict[str, list[tuple[float, float, float]]] = {}
    for each in rows:
        series.setdefault(each.work, []).append(
            (each.creatives, median(each.ms), float(np.percentile(each.ms, 99)))
        )
    plots.times_by_size(path, series, "creatives", "The registry's times, median and 99th percentile")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--creatives", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--threads", type=int, default=4, help="that ask at once; 4")
    parser.add_argument("--seconds", type=float, default=15.0, help="for each piece of work; 15")
    parser.add_argument("--out", type=Path, help="the report")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
