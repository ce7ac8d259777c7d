"""The read rate of simulated photos of simulated prints.

    python benchmarks/read_rate.py --images DIR --condition typical -n 3

Each picture is marked once with a random ID, and printed and photographed ``-n`` times. Our codec
reads blind; the baselines are given the picture's true corners and size.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks import report
from benchmarks.trials import CODECS, OURS, Job, Negative, Trial, image_files, read_negative, run_job
from watermarks.channel import CONDITIONS

RESULTS = Path(__file__).resolve().parent / "results"

T = TypeVar("T")
R = TypeVar("R")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials, write the report; exit code 1 after a misread or a false read."""
    options = _options(arguments)
    pictures = image_files(options.images, options.only)
    if not pictures:
        sys.exit(f"no image in {options.images} has {options.only!r} in its name")
    started = time.perf_counter()
    jobs = [
        Job(
            picture=picture,
            condition=condition,
            codec=codec,
            repetitions=options.n,
            width_in=options.width_in,
            dpi=options.dpi,
            strength=options.strength,
            seed=options.seed,
            dump=options.dump,
        )
        for codec in options.codec
        for condition in options.condition
        for picture in pictures
    ]
    trials: list[Trial] = []
    for done in _in_parallel(run_job, jobs, options.jobs):
        trials += done
        reads = sum(trial.outcome == "read" for trial in done)
        print(f"{done[0].codec} {done[0].condition} {done[0].picture}: {reads}/{len(done)} read", flush=True)
    unmarked = image_files(options.negatives, options.only_negatives) if options.negatives else []
    falses = list(_in_parallel(read_negative, unmarked, options.jobs))
    text = _report(options, pictures, unmarked, trials, falses, time.perf_counter() - started)
    out = options.out or RESULTS / f"read_rate-{'-'.join(options.codec)}-{'-'.join(options.condition)}.md"
    report.write_atomically(out, text)
    if options.json:
        rows = {"trials": [asdict(t) for t in trials], "negatives": [asdict(n) for n in falses]}
        report.write_atomically(options.json, json.dumps(rows, indent=1))
    print(report.summary(trials), f"\nwritten to {out}")
    wrong = any(t.outcome == "misread" for t in trials) or any(n.read_ids for n in falses)
    return int(wrong)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=Path, required=True, help="folder of pictures to mark")
    parser.add_argument("--negatives", type=Path, help="folder of unmarked pictures to read as they are")
    parser.add_argument("--condition", choices=CONDITIONS, action="append", help="repeatable; typical")
    parser.add_argument("--codec", choices=CODECS, action="append", help="repeatable; ours")
    parser.add_argument("-n", type=int, default=3, help="photos a picture; 3")
    parser.add_argument("--width-in", type=float, default=5.0, help="printed width in inches; 5")
    parser.add_argument("--dpi", type=float, default=300.0, help="host pixels an inch; 300")
    parser.add_argument(
        "--strength",
        type=_strength,
        default="auto",
        help="our codec's: a number, or auto for each picture's; auto",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes; 2")
    parser.add_argument("--only", default="", help="only pictures with this in their name")
    parser.add_argument("--only-negatives", default="", help="the same for --negatives")
    parser.add_argument("--dump", type=Path, help="folder for photos that weren't read, with their truth")
    parser.add_argument(
        "--out", type=Path, help="Markdown report; a name under benchmarks/results by default"
    )
    parser.add_argument("--json", type=Path, help="every trial as JSON")
    options = parser.parse_args(arguments)
    options.condition = options.condition or ["typical"]
    options.codec = options.codec or [OURS]
    return options


def _strength(text: str) -> float | None:
    """Parse a strength; None is for one chosen for each picture."""
    if text == "auto":
        return None
    try:
        strength = float(text)
    except ValueError:
        strength = float("nan")
    if not 0 < strength < float("inf"):
        raise argparse.ArgumentTypeError(f"a strength is auto or a number above 0, not {text!r}")
    return strength


def _repeatable(arguments: Sequence[str]) -> list[str]:
    """Leave out the options that only say where else to write, and name this machine's paths."""
    aside = {i + skip for i, each in enumerate(arguments) if each in {"--json", "--dump"} for skip in (0, 1)}
    return [each for i, each in enumerate(arguments) if i not in aside]


def _in_parallel(work: Callable[[T], R], items: Sequence[T], jobs: int) -> Iterator[R]:
    """Yield each item's result as it comes."""
    if jobs <= 1 or len(items) <= 1:
        yield from map(work, items)
        return
    context = multiprocessing.get_context("spawn")  # OpenCV's threads don't survive a fork.
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        for future in as_completed([pool.submit(work, item) for item in items]):
            yield future.result()


def _report(
    options: argparse.Namespace,
    pictures: Sequence[Path],
    unmarked: Sequence[Path],
    trials: Sequence[Trial],
    falses: Sequence[Negative],
    duration_s: float,
) -> str:
    """Return the whole report."""
    simulate_ms = sorted(trial.simulate_ms for trial in trials)[len(trials) // 2]
    command = f"python benchmarks/read_rate.py {shlex.join(_repeatable(sys.argv[1:]))}"
    parts = [
        "# Read rate, simulated\n",
        "All results come from the print-and-photograph simulation in `watermarks/channel.py`: "
        f"{len(pictures)} pictures printed {options.width_in:g} in wide at {options.dpi:g} dpi, {options.n} "
        "photos each, each of its own print. Our codec reads blind; the baselines are given the true corners "
        "and size.\n",
        report.summary(trials),
        "Strength: median over the pictures, and range; PSNR: median, and least; ΔE (S-CIELAB at 40 cm): "
        "medians; corners: mean error over the reads, as a share of the picture's diagonal; times: medians, "
        "that of marking with the choice of the strength where it is chosen.\n",
    ]
    if falses:
        parts += ["## Unmarked pictures\n", report.negatives(falses)]
    parts += [
        "## Misses\n",
        report.misses(trials),
        "## Against distance\n",
        report.by_bin(trials, "px_per_inch", "photo px an inch of paper", report.DISTANCES_PX_PER_INCH),
        "## Against tilt\n",
        report.by_bin(trials, "tilt_deg", "tilt, degrees", report.TILTS_DEG),
        "## Pictures\n",
        report.by_picture(trials),
        "## To repeat it\n",
        f"- `{command}`\n- seed {options.seed}, strength {_strength_in_words(options.strength)}\n"
        f"- corpus SHA-256 `{report.corpus_hash(pictures)}`\n"
        + (f"- negatives SHA-256 `{report.corpus_hash(unmarked)}`\n" if unmarked else "")
        + f"- commit {report.commit()}\n- {report.machine()}\n"
        f"- {duration_s:.0f} s with {options.jobs} processes; simulating one print and photo: median "
        f"{simulate_ms:.0f} ms\n",
    ]
    return "\n".join(parts)


def _strength_in_words(strength: float | None) -> str:
    """Say how strongly pictures were marked."""
    return "chosen for each picture" if strength is None else f"{strength:g}"


if __name__ == "__main__":
    sys.exit(main())
