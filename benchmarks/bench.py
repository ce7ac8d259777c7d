"""All benchmarks, one after the other: `make bench`.

    python -m benchmarks.bench --images DIR --negatives DIR [--quick]

Each part is a command of its own and writes its report and plots to ``benchmarks/results/``, the quick ones
to ``benchmarks/results/quick/``: too few photos to be quoted.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import markdown


@dataclass(frozen=True, slots=True)
class Part:
    """A benchmark and how much of it is run.

    Attributes
    ----------
    name : str
        Its module, and its report's name.
    shows : str
    full, quick : str
        Its arguments at full size and at the small one.
    negatives : bool
        Whether it takes the folder of unmarked pictures.
    figures : bool
        Whether it draws figures for the documentation.
    """

    name: str
    shows: str
    full: str
    quick: str
    negatives: bool = False
    figures: bool = False


PARTS = (
    Part(
        "read_rate",
        "read rates beside a QR code's and the peers'",
        "-n 2 --codec ours --codec dwtDct --codec dwtDctSvd",
        "-n 1 --pictures 2 --only-negatives periodic --codec ours --codec dwtDct",
        negatives=True,
    ),
    Part(
        "sweeps",
        "read rates against tilt, distance, blur, light, visible share, JPEG quality and strength",
        "-n 2 --pictures 8",
        "-n 1 --pictures 1 --sweep tilt --sweep distance",
    ),
    Part(
        "prints",
        "read rates of full pages, small prints, three on a page, grey, black ink alone, and screens",
        "--pictures 15 -n 1",
        "--pictures 3 -n 1 --sheet '2 x 2 in' --sheet 'three: 5 in and two 2.3 in' --sheet 'screen, 110 ppi'",
    ),
    Part(
        "visibility",
        "PSNR, S-CIELAB and FLIP of every picture, and the crops where marks show most",
        "",
        "--pictures 2",
        figures=True,
    ),
    Part(
        "false_reads",
        "windows without a mark through the reader, and their scores beside true reads'",
        "--windows 20000 --true-pictures 10",
        "--windows 100 --true-pictures 1",
        negatives=True,
        figures=True,
    ),
    Part(
        "ablation",
        "what each idea of the codec is worth in read rate and signal",
        "--pictures 10 -n 1",
        "--pictures 1 -n 1",
    ),
    Part(
        "diagnosis",
        "how often the reason that a miss gives is the right one",
        # Two thresholds were set after a look at this half with seed 0.
        "--half second -n 2 --seed 3",
        "--half both --pictures 2",
    ),
    # Last, and on their own: they time.
    Part("speed", "times and memory on one core", "--pictures 5 --rounds 5", "--pictures 1 --rounds 2"),
    Part(
        "load",
        "a rush of uploads at the service: answers, rate, health and memory",
        "--pictures 4 --uploads 200 --seconds 120",
        "--pictures 1 --uploads 20 --seconds 10",
    ),
)


def main(arguments: Sequence[str]) -> int:
    """Run the parts; exit code 1 if any of them failed or read what isn't there."""
    options = _options(arguments)
    folder = markdown.RESULTS / "quick" if options.quick else markdown.RESULTS
    failed = []
    for part in PARTS:
        if options.only and part.name not in options.only:
            continue
        command = command_of(part, options, folder)
        print(f"== {shlex.join(command[1:])}", flush=True)
        started = time.perf_counter()
        code = subprocess.run(command, cwd=markdown.REPOSITORY).returncode  # noqa: S603
        print(f"== {part.name}: {time.perf_counter() - started:.0f} s, exit code {code}", flush=True)
        if code:
            failed.append(part.name)
    markdown.write(folder / "README.md", contents(folder, quick=options.quick))
    if failed:
        print(f"failed: {', '.join(failed)}")
    return int(bool(failed))


def command_of(part: Part, options: argparse.Namespace, folder: Path) -> list[str]:
    """Return a part's whole command."""
    command = [sys.executable, "-m", f"benchmarks.{part.name}", "--images", str(options.images)]
    if part.negatives:
        command += ["--negatives", str(options.negatives)]
    if part.figures:
        command += ["--figures", str(folder if options.quick else markdown.IMAGES)]
    command += ["--jobs", str(options.jobs), "--seed", str(options.seed)]
    command += shlex.split(part.quick if options.quick else part.full)
    return [*command, "--out", str(folder / f"{part.name}.md")]


def contents(folder: Path, *, quick: bool) -> str:
    """Return the list of the reports that are there."""
    size = "A small run, to see that all works: too few photos to be quoted.\n\n" if quick else ""
    lines = [f"- [{each.name}.md]({each.name}.md): {each.shows}" for each in PARTS]
    there = [line for line, each in zip(lines, PARTS, strict=True) if (folder / f"{each.name}.md").exists()]
    return (
        "# Results\n\n**Simulated**, through `watermarks/channel.py`: no press and no phone were involved. "
        f"`make bench` writes them anew.\n\n{size}" + "\n".join(there) + "\n"
    )


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=_folder, required=True, help="folder of pictures to mark")
    parser.add_argument("--negatives", type=_folder, required=True, help="folder of unmarked pictures")
    parser.add_argument("--quick", action="store_true", help="a small size, in a few minutes")
    parser.add_argument("--only", choices=[each.name for each in PARTS], action="append", help="repeatable")
    parser.add_argument("--jobs", type=int, default=2, help="processes; 2")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def _folder(text: str) -> Path:
    """Parse a folder, which has to be there."""
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(
            f"{text} is no folder of pictures: make bench IMAGES=... NEGATIVES=..."
        )
    return path.resolve()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
