"""Unmarked windows through the reader: none may read; and how far their scores lie from true reads'.

    python -m benchmarks.false_reads --images DIR --negatives DIR --windows 20000

Each window is read as a photo. What the reader weighs on the way is written down, for windows and for photos
of marked prints: the scores of poses, and the accumulated signal of what it decodes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from benchmarks import markdown, plots, running
from benchmarks.candidates import weighed
from benchmarks.false_windows import KINDS, Corpus
from benchmarks.marking import OURS, Sheet, mark
from benchmarks.pictures import KEY, chance, image_files
from benchmarks.trials import page_of
from watermarks import Miss, read
from watermarks.channel import CONDITIONS, photograph
from watermarks.payload import CHECK_BITS

BATCH = 50
"""Windows that come from one picture or print: enough that making it costs little beside reading them."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some windows of a kind, and what reading them came to.

    Attributes
    ----------
    kind : str
    windows : int
    read_ids : tuple of str
        The false reads.
    pose_scores : tuple of float
        The best of each window that proposed any.
    signals_db : tuple of float
        Of everything that was decoded.
    checks : int
        Messages held against the keyed check.
    read_s : float
    """

    kind: str
    windows: int
    read_ids: tuple[str, ...]
    pose_scores: tuple[float, ...]
    signals_db: tuple[float, ...]
    checks: int
    read_s: float


@dataclass(frozen=True, slots=True)
class TrueRead:
    """A photo of a marked print that was read: its best pose's score, and its signal."""

    condition: str
    pose_score: float
    signal_db: float


def main(arguments: Sequence[str]) -> int:
    """Read the windows, write the report and the figures; exit code 1 after a false read."""
    options = _options(arguments)
    corpus = Corpus(running.pictures_of(options), image_files(options.negatives))
    started = time.perf_counter()
    work = partial(read_batch, corpus=corpus, side=options.side, seed=options.seed)
    batches: list[Batch] = []
    for done in running.in_parallel(work, plan(options.windows, options.kind), options.jobs):
        batches.append(done)
        if len(batches) % 20 == 0:
            print(f"{sum(each.windows for each in batches)} windows", flush=True)
    true_pictures = image_files(options.images, options.only, options.true_pictures)
    find = partial(true_reads, seed=options.seed)
    true = [each for some in running.in_parallel(find, true_pictures, options.jobs) for each in some]
    draw(options.figures, batches, true)
    out = options.out or markdown.RESULTS / "false_reads.md"
    corpora = {"corpus": corpus.pictures, "negatives": corpus.negatives}
    took_s = time.perf_counter() - started
    repeat = markdown.to_repeat("false_reads", arguments, options.seed, corpora, took_s)
    text = report(
        batches, true, options.side, [markdown.image_link(*each, out) for each in _figures(options.figures)]
    )
    markdown.write(out, text + "\n" + repeat)
    print(text, f"\nwritten to {out}")
    return int(any(each.read_ids for each in batches))


def plan(windows: int, kinds: Sequence[str]) -> list[tuple[str, int, int]]:
    """Return the batches, as kind, number and size, that share windows evenly among kinds."""
    batches = []
    for index, kind in enumerate(kinds):
        share = windows * (index + 1) // len(kinds) - windows * index // len(kinds)
        sizes = [BATCH] * (share // BATCH) + ([share % BATCH] if share % BATCH else [])
        batches += [(kind, number, size) for number, size in enumerate(sizes)]
    # Costly and cheap kinds by turns, so that no process is left with the costly ones at the end.
    return sorted(batches, key=lambda each: each[1])


def read_batch(batch: tuple[str, int, int], *, corpus: Corpus, side: int, seed: int) -> Batch:
    """Make a batch's windows and read them."""
    cv2.setNumThreads(1)
    kind, number, size = batch
    rng = chance(seed, kind, number)
    ids: list[str] = []
    best_scores, signals = [], []
    checks, read_s = 0, 0.0
    for window in islice(KINDS[kind](corpus, side, rng), size):
        started = time.perf_counter()
        with weighed() as seen:
            answer = read(window, KEY)
        read_s += time.perf_counter() - started
        if not isinstance(answer, Miss):
            ids += [f"0x{each.payload.id:012x}" for each in answer]
        if seen.pose_scores:
            best_scores.append(max(seen.pose_scores))
        signals += seen.signals_db
        checks += seen.checks
    return Batch(kind, size, tuple(ids), tuple(best_scores), tuple(signals), checks, read_s)


def true_reads(picture: Path, *, seed: int) -> list[TrueRead]:
    """Mark a picture, photograph its print once under each condition, and return the reads."""
    cv2.setNumThreads(1)
    sheet = Sheet(qr=False)
    marked = mark(picture, sheet, OURS, None, seed)
    found = []
    for name, condition in CONDITIONS.items():
        rng = chance(seed, picture.name, 0)
        capture = photograph(page_of([marked], sheet, rng), rng=rng, condition=condition)
        with weighed() as seen:
            answer = read(capture.image, KEY)
        if not isinstance(answer, Miss):
            if not seen.pose_scores or not seen.signals_db:
                raise RuntimeError("the reader no longer passes the functions that this benchmark listens at")
            found.append(TrueRead(name, max(seen.pose_scores), max(each.signal_db for each in answer)))
    return found


def draw(folder: Path, batches: Sequence[Batch], true: Sequence[TrueRead]) -> None:
    """Draw the distributions of both scores."""
    signals, scores = {}, {}
    for name in ("unmarked", "wrong key"):
        of = [each for each in batches if ("wrong-key" in each.kind) == (name == "wrong key")]
        signals[name] = [x for each in of for x in each.signals_db]
        scores[name] = [x for each in of for x in each.pose_scores]
    for name in CONDITIONS:
        signals[f"true reads, {name}"] = [each.signal_db for each in true if each.condition == name]
        scores[f"true reads, {name}"] = [each.pose_score for each in true if each.condition == name]
    (_, signal_path), (_, score_path) = _figures(folder)
    plots.histograms(signal_path, signals, "Signal of what was decoded", "accumulated signal, dB")
    plots.histograms(
        score_path, scores, "Best pose of a photo or window", "score, in deviations of the noise"
    )


def report(batches: Sequence[Batch], true: Sequence[TrueRead], side: int, figures: Sequence[str]) -> str:
    """Return the report but for how to repeat it."""
    kinds = list(dict.fromkeys(each.kind for each in batches))
    rows = [_row(kind, [each for each in batches if each.kind == kind]) for kind in kinds]
    rows.append(_row("**all**", batches))
    windows, checks = sum(each.windows for each in batches), sum(each.checks for each in batches)
    wrong = [f"{each.kind}: {', '.join(each.read_ids)}" for each in batches if each.read_ids]
    head = (
        "windows",
        "read",
        "false reads",
        "poses' best score, median / greatest",
        "places decoded",
        "their signal, median / greatest",
        "keyed checks",
        "a window",
    )
    weakest = [
        (
            name,
            str(len(of)),
            f"{min(each.pose_score for each in of):.1f}",
            f"{min(each.signal_db for each in of):.1f} dB",
        )
        for name in CONDITIONS
        if (of := [each for each in true if each.condition == name])
    ]
    return "\n".join(
        [
            "# False reads\n",
            f"{windows} windows of {side} px a side that carry no mark of the reader's key, each read as a "
            f"photo: **{sum(len(each.read_ids) for each in batches)} false reads**. None in so many bounds "
            f"the rate at {3 / max(windows, 1):.1e} a window (95 %, rule of three). The keyed check says "
            f"more: {checks} messages were held against its {CHECK_BITS} bits, "
            f"{checks / max(windows, 1):.0f} a window, and chance lets {checks / 2**CHECK_BITS:.1e} of them "
            f"pass, {checks / max(windows, 1) / 2**CHECK_BITS:.1e} a window.\n",
            *(f"- FALSE READ, {each}\n" for each in wrong),
            markdown.table(head, rows),
            "## Beside true reads\n",
            f"Of simulated photos of marked prints, {len(true)} read:\n",
            markdown.table(("condition", "reads", "lowest score of a best pose", "lowest signal"), weakest),
            *(f"{each}\n" for each in figures),
        ]
    )


def _row(name: str, batches: Sequence[Batch]) -> tuple[str, ...]:
    """Return a kind's line of the table."""
    windows = sum(each.windows for each in batches)
    scores = [x for each in batches for x in each.pose_scores]
    signals = [x for each in batches for x in each.signals_db]
    return (
        name,
        str(windows),
        str(sum(len(each.read_ids) for each in batches)),
        f"{np.median(scores):.1f} / {max(scores):.1f}" if scores else "–",
        str(len(signals)),
        f"{np.median(signals):.1f} / {max(signals):.1f} dB" if signals else "–",
        str(sum(each.checks for each in batches)),
        f"{1000 * sum(each.read_s for each in batches) / windows:.0f} ms",
    )


def _figures(folder: Path) -> tuple[tuple[str, Path], tuple[str, Path]]:
    """Return the figures' descriptions and paths."""
    return (
        ("Accumulated signal of false candidates and of true reads", folder / "false-reads-signal.png"),
        ("Pose scores of false candidates and of true reads", folder / "false-reads-pose.png"),
    )


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = running.parser(__doc__)
    parser.add_argument("--negatives", type=Path, required=True, help="folder of unmarked pictures")
    parser.add_argument("--windows", type=int, default=20_000, help="how many; 20000")
    parser.add_argument("--side", type=int, default=256, help="of a window, in px; 256")
    parser.add_argument("--kind", choices=list(KINDS), action="append", help="repeatable; all of them")
    parser.add_argument("--true-pictures", type=int, default=10, help="marked for true reads; 10")
    parser.add_argument(
        "--figures", type=Path, default=markdown.IMAGES, help="folder of figures; docs/images"
    )
    options = parser.parse_args(arguments)
    options.kind = options.kind or list(KINDS)
    return options


if __name__ == "__main__":
    running.hold_to_one_thread()
    sys.exit(main(sys.argv[1:]))
