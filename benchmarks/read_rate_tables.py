"""Trials to Markdown: read rates with their intervals, by codec, sheet and condition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, pairwise
from statistics import median

import numpy as np

from benchmarks.markdown import rate, table
from benchmarks.plots import Count
from benchmarks.qr_control import QrResult
from benchmarks.trials import Negative, Trial

DISTANCES_PX_PER_INCH = (0, 65, 80, 110, 150, 200, 300, 10_000)
TILTS_DEG = (0, 10, 20, 30, 40, 50, 90)

Outcome = Callable[[Trial, QrResult], bool]
"""Whether a photo with a control counts."""


def summary(trials: Sequence[Trial]) -> str:
    """Return the table with a line for each codec, sheet and condition."""
    head = (
        "codec",
        "print",
        "condition",
        "photos",
        "read",
        "rate (95 % interval)",
        "misreads",
        "strength",
        "PSNR (least)",
        "ΔE mean / p99",
        "corners",
        "mark",
        "read time",
    )
    rows = []
    for (codec, sheet, condition), group in grouped(trials, lambda t: (t.codec, t.sheet, t.condition)):
        corners = [t.corner_error_pct for t in group if t.corner_error_pct is not None]
        pictures = {t.picture: t for t in group}.values()
        rows.append(
            (
                codec,
                sheet,
                condition,
                str(len(group)),
                str(reads(group)),
                rate(reads(group), len(group)),
                str(sum(t.outcome == "misread" for t in group)),
                strengths(t.strength for t in pictures),
                f"{median(t.psnr_db for t in pictures):.1f} ({min(t.psnr_db for t in pictures):.1f}) dB",
                f"{median(t.visibility_mean for t in pictures):.2f} / "
                f"{median(t.visibility_p99 for t in pictures):.2f}",
                f"{np.mean(corners):.2f} %" if corners else "–",
                f"{median(t.embed_ms for t in pictures):.0f} ms",
                f"{median(t.read_ms for t in group):.0f} ms",
            )
        )
    return table(head, rows)


LEGEND = (
    "Strength: median over the pictures, and range; PSNR: median, and least; ΔE (S-CIELAB at 40 cm): "
    "medians; corners: mean error over the reads that show the picture whole, as a share of its diagonal; "
    "times: medians, that of marking with the choice of the strength where it is chosen.\n"
)


def against_qr(trials: Sequence[Trial]) -> str:
    """Return how the mark and the QR code fared on the photos that show the code whole."""
    head = (
        "print",
        "condition",
        "photos",
        "QR whole",
        "mark, there",
        "QR by zxing-cpp",
        "QR by OpenCV",
        "mark only / zxing-cpp only / neither",
        "mark",
        "zxing-cpp",
        "OpenCV",
    )
    rows = []
    for (sheet, condition), group in grouped(trials, lambda t: (t.sheet, t.condition)):
        seen = [t for t in group if t.qr is not None and t.qr.whole]
        if not seen:
            continue
        pairs = Counter((t.outcome == "read", t.qr is not None and t.qr.zxing) for t in seen)
        counts = [_count(seen, outcome) for outcome in QR_SERIES.values()]
        results = [t.qr for t in seen if t.qr is not None]
        rows.append(
            (
                sheet,
                condition,
                str(sum(t.qr is not None for t in group)),
                str(len(seen)),
                *(rate(*count) for count in counts),
                f"{pairs[True, False]} / {pairs[False, True]} / {pairs[False, False]}",
                f"{median(t.read_ms for t in seen):.0f} ms",
                f"{median(each.zxing_ms for each in results):.0f} ms",
                f"{median(each.opencv_ms for each in results):.0f} ms",
            )
        )
    return table(head, rows) if rows else "No photo shows a QR code whole.\n"


QR_SERIES: dict[str, Outcome] = {
    "the mark": lambda trial, _: trial.outcome == "read",
    "QR by zxing-cpp": lambda _, qr: qr.zxing,
    "QR by OpenCV": lambda _, qr: qr.opencv,
}
"""What is compared on the photos that show the QR code whole."""


def counts_where_qr_is_whole(groups: Sequence[Sequence[Trial]]) -> dict[str, list[Count]]:
    """Return successes and photos of each of ``QR_SERIES``, group by group, for a plot."""
    return {name: [_count(group, outcome) for group in groups] for name, outcome in QR_SERIES.items()}


def _count(trials: Sequence[Trial], outcome: Outcome) -> Count:
    """Count the photos that show the control whole."""
    results = [outcome(t, t.qr) for t in trials if t.qr is not None and t.qr.whole]
    return sum(results), len(results)


def misses(trials: Sequence[Trial]) -> str:
    """Return the misses' reasons, counted."""
    counts = Counter((t.codec, t.sheet, t.condition, t.reason or "-") for t in trials if t.outcome == "miss")
    rows = [(*key, str(count)) for key, count in sorted(counts.items())]
    return table(("codec", "print", "condition", "reason", "misses"), rows) if rows else "No misses.\n"


def by_bin(trials: Sequence[Trial], name: str, unit: str, edges: Sequence[float]) -> str:
    """Return the read rate against one figure of the ground truth."""
    rows = []
    for (codec, condition), group in grouped(trials, lambda t: (t.codec, t.condition)):
        for low, high in pairwise(edges):
            inside = [t for t in group if low <= t.truth[name] < high]
            if inside:
                label = f"{low}-{high}" if high != edges[-1] else f"{low} and more"
                rows.append((codec, condition, label, str(len(inside)), rate(reads(inside), len(inside))))
    return table(("codec", "condition", unit, "photos", "rate (95 % interval)"), rows)


def by_picture(trials: Sequence[Trial]) -> str:
    """Return a line for each picture."""
    rows = []
    for (codec, condition, picture), group in grouped(trials, lambda t: (t.codec, t.condition, t.picture)):
        far = ", ".join(f"{t.truth['px_per_inch']:.0f}{_MARKS[t.outcome]}" for t in group)
        read = f"{reads(group)}/{len(group)}"
        strength = strengths([group[0].strength])
        rows.append((codec, condition, picture, read, strength, f"{group[0].psnr_db:.1f}", far))
    head = ("codec", "condition", "picture", "read", "strength", "PSNR dB", "photo px an inch of paper")
    return table(head, rows)


_MARKS = {"read": "", "miss": " ✗", "misread": " MISREAD"}


def negatives(results: Sequence[Negative]) -> str:
    """Return what the unmarked pictures gave."""
    wrong = [each for each in results if each.read_ids]
    reasons = Counter(each.reason or "read" for each in results)
    text = f"{len(results)} unmarked pictures read as they are: {len(wrong)} false reads "
    text += f"({', '.join(f'{reason} {count}' for reason, count in sorted(reasons.items()))}); "
    text += f"median time {median(each.read_ms for each in results):.0f} ms.\n"
    return text + "".join(f"- {each.picture}: {', '.join(each.read_ids)}\n" for each in wrong)


def reads(group: Sequence[Trial]) -> int:
    """Return how many photos were read."""
    return sum(t.outcome == "read" for t in group)


def strengths(used: Iterable[float | None]) -> str:
    """Return the median of some strengths, and their range where they differ; a baseline has none."""
    known = [each for each in used if each is not None]
    if not known:
        return "–"
    middle, low, high = (f"{each:.2f}" for each in (median(known), min(known), max(known)))
    return middle if low == high else f"{middle} ({low}-{high})"


def grouped(
    trials: Sequence[Trial], key: Callable[[Trial], tuple[str, ...]]
) -> list[tuple[tuple[str, ...], list[Trial]]]:
    """Return the trials by key, sorted by it."""
    ordered = sorted(trials, key=lambda t: (key(t), t.picture, t.repetition))
    return [(value, list(group)) for value, group in groupby(ordered, key)]
