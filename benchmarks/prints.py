"""Read rates of other prints: full pages, small prints, three on a page, grey, black ink alone, a screen.

python -m benchmarks.prints --images DIR --pictures 15 -n 2
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import markdown, plots, running
from benchmarks import read_rate_tables as tables
from benchmarks.marking import OURS, Sheet
from benchmarks.screen import Screen, before_screen
from benchmarks.trials import Job, Trial, run_job
from watermarks.channel import CONDITIONS

THREE = "three: 5 in and two 2.3 in"
"""Squares, the small ones side by side, so that photos of all three are mostly nearer than 65 px an inch."""

SHEETS = (
    Sheet("8.5 in wide", width_in=8.5),
    Sheet("2 x 2 in", width_in=2.0, square=True),
    Sheet(THREE, width_in=5.0, others_in=2.3, square=True, qr=False),
    Sheet("grey", grey=True),
    Sheet("black ink alone", k_only=True),
    Sheet("screen, 110 ppi", qr=False, screen=Screen(110.0, 8.0)),
    Sheet("screen, 220 ppi", qr=False, screen=Screen(220.0, 8.0)),
)

ASKED = {"2 x 2 in": "≥ 95 % typical", THREE: "all three read, corners ≤ 3 %"}
"""What issue 3 asks for."""


def main(arguments: Sequence[str]) -> int:
    """Run the trials, write the report; exit code 1 after a misread."""
    options = _options(arguments)
    pictures = running.pictures_of(options)
    started = time.perf_counter()
    trials: list[Trial] = []
    for done in running.in_parallel(run_job, jobs_of(pictures, options), options.jobs):
        trials += done
        print(f"{done[0].sheet}, {done[0].picture}: {tables.reads(done)}/{len(done)} read", flush=True)
    sheets = [each.name for each in SHEETS if any(t.sheet == each.name for t in trials)]
    out = options.out or markdown.RESULTS / "prints.md"
    plot = out.with_suffix(".png")
    _draw(plot, sheets, options.condition, trials)
    took_s = time.perf_counter() - started
    repeat = markdown.to_repeat("prints", arguments, options.seed, {"corpus": pictures}, took_s)
    text = report(sheets, trials, plot, len(pictures), options.n)
    markdown.write(out, text + "\n" + repeat)
    print(text, f"\nwritten to {out}")
    return int(any(t.outcome == "misread" for t in trials))


def jobs_of(pictures: Sequence[Path], options: argparse.Namespace) -> list[Job]:
    """Return a job for each picture and sheet, or for each three pictures that share a page."""
    jobs = []
    for sheet in SHEETS:
        if sheet.name not in options.sheet:
            continue
        each = 3 if sheet.name == THREE else 1
        pages = [tuple(pictures[i : i + each]) for i in range(0, len(pictures) - each + 1, each)]
        conditions = [CONDITIONS[name] for name in options.condition]
        if sheet.screen is not None:
            conditions = [before_screen(condition) for condition in conditions]
        jobs += [Job(page, tuple(conditions), sheet, OURS, options.n, None, options.seed) for page in pages]
    return jobs


def report(sheets: Sequence[str], trials: Sequence[Trial], plot: Path, pictures: int, n: int) -> str:
    """Return the report but for how to repeat it."""
    rows = []
    for name in sheets:
        own = [t for t in trials if t.sheet == name]
        corners = [t.corner_error_pct for t in own if t.corner_error_pct is not None]
        error = f"{np.mean(corners):.2f} %, {max(corners):.2f} %" if corners else "–"
        rows.append((name, markdown.rate(tables.reads(own), len(own)), error, ASKED.get(name, "–")))
    return "\n".join(
        [
            "# Other prints, simulated\n",
            "All results come from the print-and-photograph simulation in `watermarks/channel.py`: "
            f"{pictures} pictures, {n} prints of each or of each three, 5 in wide unless the name says "
            "otherwise, marked at the strength chosen for each picture's colour print. A page with three "
            "pictures is read if all three are. The screens are those of `benchmarks/screen.py`: they show "
            "the file that was marked for a 5 in print 8 in wide.\n",
            f"![Read rates of other prints]({plot.name})\n",
            markdown.table(
                ("print", "read (95 % interval)", "corner error, mean and worst", "asked for"), rows
            ),
            "## In full\n",
            tables.summary(trials),
            tables.LEGEND,
            "## Against a QR code on the same page\n",
            "Where there is one, on the photos that show it whole:\n",
            tables.against_qr(trials),
            "## Misses\n",
            tables.misses(trials),
        ]
    )


def _draw(path: Path, sheets: Sequence[str], conditions: Sequence[str], trials: Sequence[Trial]) -> None:
    """Draw the read rates, by condition."""
    series = {}
    for condition in conditions:
        groups = [[t for t in trials if (t.sheet, t.condition) == (name, condition)] for name in sheets]
        series[condition] = [(tables.reads(group), len(group)) for group in groups]
    plots.rate_bars(path, sheets, series, "Read rates of other prints")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    names = [each.name for each in SHEETS]
    parser = running.parser(__doc__)
    parser.add_argument("--sheet", choices=names, action="append", help="repeatable; all of them")
    parser.add_argument("--condition", choices=CONDITIONS, action="append", help="repeatable; typical")
    parser.add_argument("-n", type=int, default=2, help="prints a picture; 2")
    options = parser.parse_args(arguments)
    options.sheet = options.sheet or names
    options.condition = options.condition or ["typical"]
    return options


if __name__ == "__main__":
    running.hold_to_one_thread()
    sys.exit(main(sys.argv[1:]))
