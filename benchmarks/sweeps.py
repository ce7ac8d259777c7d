"""The read rate against one thing at a time: tilt, distance, blur, light, visible share, JPEG, strength.

    python -m benchmarks.sweeps --images DIR --pictures 10 -n 3

All else is as typical photos of one size have it, and is drawn alike for all values of a sweep: they differ
in nothing but what is swept.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import markdown, plots, running
from benchmarks import read_rate_tables as tables
from benchmarks.marking import OURS, Sheet
from benchmarks.trials import Job, Trial, run_job
from watermarks.channel import CONDITIONS, Condition
from watermarks.profiles import DRAFT_0

BASE = replace(CONDITIONS["typical"], frames_px=((1920, 1080),))
"""Typical photos of one size: a 12 MP photo would hide what is swept."""

STRENGTHS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)


@dataclass(frozen=True, slots=True)
class Sweep:
    """A field of the condition, and the values that it is fixed to.

    Attributes
    ----------
    name : str
    x_label : str
    values : tuple of float
    fix : callable
        Value to the condition's fields that it fixes.
    measured : str or None
        The figure of the ground truth that is plotted (its median) where the value only leads to it.
    unit : float
        What that figure is divided by.
    """

    name: str
    x_label: str
    values: tuple[float, ...]
    fix: Callable[[float], dict[str, Any]]
    measured: str | None = None
    unit: float = 1.0

    def conditions(self) -> tuple[Condition, ...]:
        """Return the base condition with the field fixed to each value."""
        return tuple(replace(BASE, name=self.label(value), **self.fix(value)) for value in self.values)

    def label(self, value: float) -> str:
        """Return the name of the condition of a value."""
        return f"{self.name} {value:g}"

    def groups(self, trials: Sequence[Trial]) -> list[list[Trial]]:
        """Return the trials of each value."""
        return [[t for t in trials if t.condition == self.label(value)] for value in self.values]

    def at(self, trials: Sequence[Trial]) -> list[float]:
        """Return where each value stands on the plot's axis."""
        if self.measured is None:
            return list(self.values)
        return [
            median(t.truth[self.measured] for t in group) / self.unit if group else value
            for value, group in zip(self.values, self.groups(trials), strict=True)
        ]


def _fixed(field: str) -> Callable[[float], dict[str, Any]]:
    """Fix one range to a value."""
    return lambda value: {field: (value, value)}


SWEEPS = (
    Sweep("tilt", "tilt, degrees", (0.0, 15.0, 30.0, 40.0, 50.0, 60.0), _fixed("tilt_deg")),
    Sweep(
        "distance",
        f"photo px a chip ({DRAFT_0.chips_per_inch:g} chips an inch of paper)",
        (0.25, 0.32, 0.4, 0.5, 0.65, 0.95),
        _fixed("fill"),
        measured="px_per_inch",
        unit=DRAFT_0.chips_per_inch,
    ),
    Sweep(
        "blur",
        "defocus, Gaussian sigma in sensor px",
        (0.3, 0.7, 1.1, 1.6, 2.2, 3.0),
        _fixed("defocus_px"),
    ),
    Sweep("light", "light on the page, lux", (8.0, 16.0, 40.0, 100.0, 300.0, 1000.0), _fixed("lux")),
    Sweep(
        "visible-share",
        "share of the picture in the frame",
        (1.0, 0.85, 0.7, 0.55, 0.4, 0.25),
        lambda seen: {"cropped_chance": float(seen < 1), "cropped_share": (1 - seen, 1 - seen)},
    ),
    Sweep("jpeg-quality", "JPEG quality", (20.0, 35.0, 50.0, 65.0, 80.0, 95.0), _fixed("jpeg_quality")),
)

STRENGTH_SWEEP = Sweep("strength", "strength", STRENGTHS, lambda _: {})
"""Its photos are all typical: its pictures are marked anew for each value."""


def main(arguments: Sequence[str]) -> int:
    """Run the sweeps, write the report; exit code 1 after a misread."""
    options = _options(arguments)
    pictures = running.pictures_of(options)
    started = time.perf_counter()
    trials: list[Trial] = []
    jobs = jobs_of(pictures, options.sweep, options.n, options.seed)
    for done in running.in_parallel(run_job, jobs, options.jobs):
        trials += done
        strength = f"strength {done[0].strength:.2f}"
        print(f"{done[0].picture}, {strength}: {tables.reads(done)}/{len(done)} read", flush=True)
    out = options.out or markdown.RESULTS / "sweeps.md"
    chosen = [each for each in (*SWEEPS, STRENGTH_SWEEP) if each.name in options.sweep]
    for sweep in chosen:
        _draw(_plot_path(out, sweep), sweep, trials)
    took_s = time.perf_counter() - started
    repeat = markdown.to_repeat("sweeps", arguments, options.seed, {"corpus": pictures}, took_s)
    text = report(chosen, trials, out, len(pictures), options.n)
    markdown.write(out, text + "\n" + repeat)
    print(text, f"\nwritten to {out}")
    return int(any(t.outcome == "misread" for t in trials))


def jobs_of(pictures: Sequence[Path], names: Sequence[str], repetitions: int, seed: int) -> list[Job]:
    """Return the jobs of each picture: one for all that is swept in the photo, one for each strength."""
    in_photo = tuple(each for sweep in SWEEPS if sweep.name in names for each in sweep.conditions())
    jobs = []
    for picture in pictures:
        if in_photo:
            jobs.append(Job((picture,), in_photo, Sheet(), OURS, repetitions, None, seed))
        if STRENGTH_SWEEP.name in names:
            for strength, condition in zip(STRENGTHS, STRENGTH_SWEEP.conditions(), strict=True):
                jobs.append(Job((picture,), (condition,), Sheet(), OURS, repetitions, strength, seed))
    return jobs


def report(sweeps: Sequence[Sweep], trials: Sequence[Trial], out: Path, pictures: int, n: int) -> str:
    """Return the report but for how to repeat it."""
    width_px, height_px = BASE.frames_px[0]
    parts = [
        "# Read rate against one thing at a time, simulated\n",
        "All results come from the print-and-photograph simulation in `watermarks/channel.py`: "
        f"{pictures} pictures printed {Sheet().width_in:g} in wide, {n} photos of each at every value, the "
        "strength chosen for each picture unless it is what is swept. All else is as typical photos of "
        f"{width_px} x {height_px} px have it, and is drawn alike for all values. The QR code stands on the "
        "same page; its rate is that of the photos that show it whole.\n",
    ]
    for sweep in sweeps:
        parts += [
            f"## {sweep.x_label[0].upper()}{sweep.x_label[1:]}\n",
            f"![Read rate against {sweep.x_label}]({_plot_path(out, sweep).name})\n",
            _table(sweep, trials),
        ]
    return "\n".join(parts)


def _table(sweep: Sweep, trials: Sequence[Trial]) -> str:
    """Return a sweep's table."""
    head = (
        sweep.x_label,
        "photos",
        "read (95 % interval)",
        "misreads",
        "QR whole",
        "mark, there",
        "QR by zxing-cpp",
        "QR by OpenCV",
    )
    rows = []
    groups = sweep.groups(trials)
    shared = tables.counts_where_qr_is_whole(groups)
    for index, (at, group) in enumerate(zip(sweep.at(trials), groups, strict=True)):
        counts = [series[index] for series in shared.values()]
        rows.append(
            (
                f"{round(at, 2):g}",
                str(len(group)),
                markdown.rate(tables.reads(group), len(group)),
                str(sum(t.outcome == "misread" for t in group)),
                str(counts[0][1]),
                *(markdown.rate(*count) for count in counts),
            )
        )
    return markdown.table(head, rows)


def _draw(path: Path, sweep: Sweep, trials: Sequence[Trial]) -> None:
    """Draw a sweep's plot."""
    groups = sweep.groups(trials)
    series = {"the mark": [(tables.reads(group), len(group)) for group in groups]}
    shared = tables.counts_where_qr_is_whole(groups)
    series["QR by zxing-cpp, photos of the whole QR"] = shared["QR by zxing-cpp"]
    plots.rate_curves(
        path, sweep.at(trials), series, f"Read rate against {sweep.name.replace('-', ' ')}", sweep.x_label
    )


def _plot_path(out: Path, sweep: Sweep) -> Path:
    return out.with_name(f"{out.stem}-{sweep.name}.png")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    names = [each.name for each in (*SWEEPS, STRENGTH_SWEEP)]
    parser = running.parser(__doc__)
    parser.add_argument("--sweep", choices=names, action="append", help="repeatable; all of them")
    parser.add_argument("-n", type=int, default=3, help="photos a picture and value; 3")
    options = parser.parse_args(arguments)
    options.sweep = options.sweep or names
    return options


if __name__ == "__main__":
    running.hold_to_one_thread()
    sys.exit(main(sys.argv[1:]))
