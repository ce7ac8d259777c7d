"""Trials to Markdown: read rates with their intervals, and what is needed to repeat the run."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from benchmarks.trials import Negative, Trial
from o2o.cli.proof import wilson_interval

REPOSITORY = Path(__file__).resolve().parents[1]

DISTANCES_PX_PER_INCH = (0, 80, 110, 150, 200, 300, 10_000)
TILTS_DEG = (0, 10, 20, 30, 40, 50, 90)


def corpus_hash(files: Iterable[Path]) -> str:
    """Return one SHA-256 over the sorted file names and their contents' hashes."""
    whole = hashlib.sha256()
    for path in sorted(files, key=lambda each: each.name):
        whole.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def commit() -> str:
    """Return the checkout's commit, marked if files differ from it."""
    head = _git("rev-parse", "--short=12", "HEAD")
    return (head or "none") + (" + uncommitted changes" if _git("status", "--porcelain") else "")


def machine() -> str:
    """Return the processor and the versions that results hang on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    python = platform.python_version()
    cpu = model or platform.processor() or platform.machine()
    return f"{cpu}, {os.cpu_count()} cores; Python {python}, OpenCV {cv2.__version__}, numpy {np.__version__}"


def summary(trials: Sequence[Trial]) -> str:
    """Return the table with a line for each codec and condition."""
    head = (
        "codec",
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
    for (codec, condition), group in _grouped(trials, lambda t: (t.codec, t.condition)):
        corners = [t.corner_error_pct for t in group if t.corner_error_pct is not None]
        pictures = {t.picture: t for t in group}.values()
        rows.append(
            (
                codec,
                condition,
                str(len(group)),
                str(_reads(group)),
                _rate(group),
                str(sum(t.outcome == "misread" for t in group)),
                _strengths(t.strength for t in pictures),
                f"{median(t.psnr_db for t in pictures):.1f} ({min(t.psnr_db for t in pictures):.1f}) dB",
                f"{median(t.visibility_mean for t in pictures):.2f} / "
                f"{median(t.visibility_p99 for t in pictures):.2f}",
                f"{np.mean(corners):.2f} %" if corners else "–",
                f"{median(t.embed_ms for t in pictures):.0f} ms",
                f"{median(t.read_ms for t in group):.0f} ms",
            )
        )
    return table(head, rows)


def misses(trials: Sequence[Trial]) -> str:
    """Return the misses' reasons, counted."""
    counts = Counter((t.codec, t.condition, t.reason or "-") for t in trials if t.outcome == "miss")
    rows = [(*key, str(count)) for key, count in sorted(counts.items())]
    return table(("codec", "condition", "reason", "misses"), rows) if rows else "No misses.\n"


def by_bin(trials: Sequence[Trial], name: str, unit: str, edges: Sequence[float]) -> str:
    """Return the read rate against one figure of the ground truth."""
    rows = []
    for (codec, condition), group in _grouped(trials, lambda t: (t.codec, t.condition)):
        for low, high in pairwise(edges):
            inside = [t for t in group if low <= t.truth[name] < high]
            if inside:
                label = f"{low}-{high}" if high != edges[-1] else f"{low} and more"
                rows.append((codec, condition, label, str(len(inside)), _rate(inside)))
    return table(("codec", "condition", unit, "photos", "rate (95 % interval)"), rows)


def by_picture(trials: Sequence[Trial]) -> str:
    """Return a line for each picture."""
    rows = []
    for (codec, condition, picture), group in _grouped(trials, lambda t: (t.codec, t.condition, t.picture)):
        far = ", ".join(f"{t.truth['px_per_inch']:.0f}{_MARKS[t.outcome]}" for t in group)
        read = f"{_reads(group)}/{len(group)}"
        strength = _strengths([group[0].strength])
        rows.append((codec, condition, picture, read, strength, f"{group[0].psnr_db:.1f}", far))
    head = ("codec", "condition", "picture", "read", "strength", "PSNR dB", "photo px an inch of paper")
    return table(head, rows)


def negatives(results: Sequence[Negative]) -> str:
    """Return what the unmarked pictures gave."""
    wrong = [each for each in results if each.read_ids]
    reasons = Counter(each.reason or "read" for each in results)
    text = f"{len(results)} unmarked pictures read as they are: {len(wrong)} false reads "
    text += f"({', '.join(f'{reason} {count}' for reason, count in sorted(reasons.items()))}); "
    text += f"median time {median(each.read_ms for each in results):.0f} ms.\n"
    return text + "".join(f"- {each.picture}: {', '.join(each.read_ids)}\n" for each in wrong)


def write_atomically(path: Path, text: str) -> None:
    """Write a file under a temporary name, sync it and rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)


_MARKS = {"read": "", "miss": " ✗", "misread": " MISREAD"}


def _reads(group: Sequence[Trial]) -> int:
    return sum(t.outcome == "read" for t in group)


def _rate(group: Sequence[Trial]) -> str:
    """Return a read rate with its interval, in per cent."""
    low, high = wilson_interval(_reads(group), len(group))
    return f"{100 * _reads(group) / len(group):.1f} % ({100 * low:.1f}-{100 * high:.1f})"


def _strengths(strengths: Iterable[float | None]) -> str:
    """Return the median of the strengths, and their range where they differ; a baseline has none."""
    used = [each for each in strengths if each is not None]
    if not used:
        return "–"
    middle, low, high = (f"{each:.2f}" for each in (median(used), min(used), max(used)))
    return middle if low == high else f"{middle} ({low}-{high})"


def _grouped(
    trials: Sequence[Trial], key: Callable[[Trial], tuple[str, ...]]
) -> list[tuple[tuple[str, ...], list[Trial]]]:
    """Return the trials by key, sorted by it."""
    ordered = sorted(trials, key=lambda t: (key(t), t.picture, t.repetition))
    return [(value, list(group)) for value, group in groupby(ordered, key)]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _git(*arguments: str) -> str:
    """Return what git says, nothing where there is no commit or no git."""
    command = ["git", "-C", str(REPOSITORY), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return ""
