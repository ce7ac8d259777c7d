"""The read rate of simulated photos of simulated prints, beside a QR code's and the peers'.

    python -m benchmarks.read_rate --images DIR --condition typical -n 3

Each picture is marked once with a random ID, and printed and photographed ``-n`` times, a QR code of the
same ID on the same page. Our codec reads blind; the peers are given the picture's true corners and size.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import markdown, plots, qr_control, running
from benchmarks import read_rate_tables as tables
from benchmarks.marking import CODECS, OURS, Sheet
from benchmarks.pictures import image_files
from benchmarks.trials import Job, Negative, Trial, read_negative, run_job
from watermarks import Payload
from watermarks.channel import CONDITIONS


def main(arguments: Sequence[str]) -> int:
    """Run the trials, write the report; exit code 1 after a misread or a false read."""
    options = _options(arguments)
    pictures = running.pictures_of(options)
    started = time.perf_counter()
    jobs = [
        Job(
            pictures=(picture,),
            conditions=tuple(CONDITIONS[name] for name in options.condition),
            sheet=Sheet(f"{options.width_in:g} in wide", options.width_in, options.dpi),
            codec=codec,
            repetitions=options.n,
            strength=options.strength,
            seed=options.seed,
            dump=options.dump,
        )
        for codec in options.codec
        for picture in pictures
    ]
    trials: list[Trial] = []
    for done in running.in_parallel(run_job, jobs, options.jobs):
        trials += done
        print(f"{done[0].codec} {done[0].picture}: {tables.reads(done)}/{len(done)} read", flush=True)
    unmarked = image_files(options.negatives, options.only_negatives) if options.negatives else []
    falses = list(running.in_parallel(read_negative, unmarked, options.jobs))
    out = options.out or markdown.RESULTS / "read_rate.md"
    plot = out.with_suffix(".png")
    _draw(plot, options, trials)
    corpora = {"corpus": pictures, "negatives": unmarked}
    repeat = markdown.to_repeat("read_rate", arguments, options.seed, corpora, time.perf_counter() - started)
    markdown.write(out, _report(options, pictures, trials, falses, plot) + "\n" + repeat)
    if options.json:
        rows = {"trials": [asdict(t) for t in trials], "negatives": [asdict(n) for n in falses]}
        markdown.write(options.json, json.dumps(rows, indent=1))
    print(tables.summary(trials), tables.against_qr(trials), f"\nwritten to {out}", sep="\n")
    wrong = any(t.outcome == "misread" for t in trials) or any(n.read_ids for n in falses)
    return int(wrong)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = running.parser(__doc__)
    parser.add_argument("--negatives", type=Path, help="folder of unmarked pictures to read as they are")
    parser.add_argument("--condition", choices=CONDITIONS, action="append", help="repeatable; all of them")
    parser.add_argument("--codec", choices=CODECS, action="append", help="repeatable; ours")
    parser.add_argument("-n", type=int, default=3, help="photos a picture and condition; 3")
    parser.add_argument("--width-in", type=float, default=5.0, help="printed width in inches; 5")
    parser.add_argument("--dpi", type=float, default=300.0, help="host pixels an inch; 300")
    parser.add_argument(
        "--strength",
        type=running.strength,
        default="auto",
        help="our codec's: a number, or auto for each picture's; auto",
    )
    parser.add_argument("--only-negatives", default="", help="the same as --only for --negatives")
    parser.add_argument("--dump", type=Path, help="folder for photos that weren't read, with their truth")
    parser.add_argument("--json", type=Path, help="every trial as JSON")
    options = parser.parse_args(arguments)
    options.condition = options.condition or list(CONDITIONS)
    options.codec = options.codec or [OURS]
    return options


def _draw(path: Path, options: argparse.Namespace, trials: Sequence[Trial]) -> None:
    """Draw all codecs' read rates, and the QR code's where it can be compared."""
    series: dict[str, list[plots.Count]] = {}
    for codec in options.codec:
        groups = [[t for t in trials if (t.codec, t.condition) == (codec, c)] for c in options.condition]
        name = "the mark, all photos" if codec == OURS else f"{codec}, true corners given"
        series[name] = [(tables.reads(group), len(group)) for group in groups]
        if codec == OURS:
            shared = tables.counts_where_qr_is_whole(groups)
            series |= {f"{name}, photos of the whole QR": counts for name, counts in shared.items()}
    plots.rate_bars(path, options.condition, series, f"Read rate, {options.width_in:g} in wide")


def _report(
    options: argparse.Namespace,
    pictures: Sequence[Path],
    trials: Sequence[Trial],
    falses: Sequence[Negative],
    plot: Path,
) -> str:
    """Return all of the report but how to repeat it."""
    strength = "chosen for each picture" if options.strength is None else f"{options.strength:g}"
    parts = [
        "# Read rate, simulated\n",
        "All results come from the print-and-photograph simulation in `watermarks/channel.py`: "
        f"{len(pictures)} pictures printed {options.width_in:g} in wide at {options.dpi:g} dpi, "
        f"{options.n} prints of each, a photo of every print under each condition; strength {strength}. Our "
        "codec reads blind; the peers are given the true corners and size.\n",
        f"![Read rates]({plot.name})\n",
        tables.summary(trials),
        tables.LEGEND,
        "## Against a QR code on the same page\n",
        f"A QR code of a link with the same 48-bit ID (`{qr_control.link(Payload(0xC0FFEE1234))}`, error "
        "correction level M) stands on every page beside or below the picture, its symbol "
        f"{qr_control.SIDE_IN:g} in wide and its quiet zone on top of that. The photos frame the picture, so "
        "that many cut the code off; these rates are those of the photos that show it whole, quiet zone "
        "included.\n",
        tables.against_qr(trials),
    ]
    if falses:
        parts += ["## Unmarked pictures\n", tables.negatives(falses)]
    parts += [
        "## Misses\n",
        tables.misses(trials),
        "## Against distance\n",
        tables.by_bin(trials, "px_per_inch", "photo px an inch of paper", tables.DISTANCES_PX_PER_INCH),
        "## Against tilt\n",
        tables.by_bin(trials, "tilt_deg", "tilt, degrees", tables.TILTS_DEG),
        "## Pictures\n",
        tables.by_picture(trials),
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    running.hold_to_one_thread()
    sys.exit(main(sys.argv[1:]))
