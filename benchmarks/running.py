"""What the benchmarks' command lines share."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TypeVar

from benchmarks.pictures import image_files

T = TypeVar("T")
R = TypeVar("R")

ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
"""What has the numerical libraries of a process that is yet to start keep to one core."""


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that all benchmarks have; the description is the doc's first line."""
    options = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    options.add_argument("--images", type=Path, required=True, help="folder of pictures to mark")
    options.add_argument("--only", default="", help="only pictures with this in their name")
    options.add_argument("--pictures", type=_count, help="at most so many of them, evenly spread")
    options.add_argument("--seed", type=int, default=0, help="another seed, other prints and photos; 0")
    options.add_argument("--jobs", type=_count, default=2, help="processes; 2")
    options.add_argument("--out", type=Path, help="the report; a name of its own in benchmarks/results")
    return options


def strength(text: str) -> float | None:
    """Parse a strength; None is for one chosen for each picture."""
    if text == "auto":
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"a strength is auto or a number above 0, not {text!r}")
    return value


def pictures_of(options: argparse.Namespace) -> list[Path]:
    """Return the pictures that the options ask for; there is no benchmark without any."""
    try:
        files = image_files(options.images, options.only, options.pictures)
    except FileNotFoundError as error:
        raise SystemExit(str(error)) from error
    if not files:
        raise SystemExit(f"no image in {options.images} has {options.only!r} in its name")
    return files


def in_parallel(work: Callable[[T], R], items: Sequence[T], jobs: int) -> Iterator[R]:
    """Yield each item's result as it comes."""
    if jobs <= 1 or len(items) <= 1:
        yield from map(work, items)
        return
    os.environ.update(
        ONE_THREAD
    )  # For the processes to come: as many threads as cores each would be in vain.
    context = multiprocessing.get_context("spawn")  # OpenCV's threads don't survive a fork.
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        for future in as_completed([pool.submit(work, item) for item in items]):
            yield future.result()


def _count(text: str) -> int:
    """Parse a number of things, at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"at least 1, not {value}")
    return value


def hold_to_one_thread() -> None:
    """Start this process anew if its numerical libraries, loaded by now, may use several cores.

    Cores are for ``--jobs``: threads on top of those get into each other's way.
    """
    if not ONE_THREAD.items() <= os.environ.items():
        os.execve(sys.executable, sys.orig_argv, os.environ | ONE_THREAD)  # noqa: S606
