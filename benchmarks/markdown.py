"""What every report is made of: tables, rates with their intervals, and what it takes to repeat a run."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from benchmarks.pictures import corpus_hash
from o2o.cli.proof import wilson_interval

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = REPOSITORY / "benchmarks" / "results"
IMAGES = REPOSITORY / "docs" / "images"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def rate(successes: int, trials: int) -> str:
    """Return a rate with its 95 % Wilson interval, in per cent; a dash if nothing was tried."""
    if not trials:
        return "–"
    low, high = wilson_interval(successes, trials)
    return f"{100 * successes / trials:.1f} % ({100 * low:.1f}-{100 * high:.1f})"


def image_link(text: str, image: Path, report: Path) -> str:
    """Return a report's link to an image, relative to it."""
    return f"![{text}]({os.path.relpath(image, report.parent)})"


def commit() -> str:
    """Return the checkout's commit, marked if files differ from it other than reports and their pictures."""
    head = _git("rev-parse", "--short=12", "HEAD")
    written = (f":!{each.relative_to(REPOSITORY)}" for each in (RESULTS, IMAGES))
    changed = _git("status", "--porcelain", "--", ".", *written)
    return (head or "none") + (" + uncommitted changes" if changed else "")


def machine() -> str:
    """Return the processor and the versions that results hang on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    python = platform.python_version()
    cpu = model or platform.processor() or platform.machine()
    return f"{cpu}, {os.cpu_count()} cores; Python {python}, OpenCV {cv2.__version__}, numpy {np.__version__}"


def to_repeat(
    module: str, arguments: Sequence[str], seed: int, corpora: Mapping[str, Sequence[Path]], duration_s: float
) -> str:
    """Return the section that says how a report was made.

    Parameters
    ----------
    module : str
        The benchmark's name.
    arguments : sequence of str
        What it was started with.
    seed : int
    corpora : mapping of str to sequence of Path
        The picture files that it took, by what they are called.
    duration_s : float
    """
    command = shlex.join(repeatable(arguments))
    hashes = [f"- {name} SHA-256 `{corpus_hash(files)}`" for name, files in corpora.items() if files]
    lines = [
        f"- `python -m benchmarks.{module} {command}`",
        f"- seed {seed}",
        *hashes,
        f"- commit {commit()}",
        f"- {machine()}",
        f"- took {duration_s:.0f} s",
    ]
    return "## To repeat it\n\n" + "\n".join(lines) + "\n"


def repeatable(arguments: Sequence[str]) -> list[str]:
    """Return arguments without those that only say where else to write, and without this machine's paths."""
    elsewhere = {"--out", "--figures", "--json", "--dump"}
    aside = {i + skip for i, each in enumerate(arguments) if each in elsewhere for skip in (0, 1)}
    kept = [each for i, each in enumerate(arguments) if i not in aside]
    return [os.path.relpath(each, REPOSITORY) if Path(each).is_absolute() else each for each in kept]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside a path; what was written under it takes the path's place once whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8")


def _git(*arguments: str) -> str:
    """Return what git says, nothing where there is no commit or no git."""
    command = ["git", "-C", str(REPOSITORY), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return ""
