"""The reports' plots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.markdown import replacing
from o2o.cli.proof import wilson_interval

matplotlib.use("Agg")  # Files only: no display is needed.

Count = tuple[int, int]
"""Successes and trials."""

_SIZE_IN = (6.4, 4.2)
_DPI = 110

# A curve is drawn this share of the axis beside the one before: two that agree are both seen.
_ASIDE = 0.008


def rate_bars(path: Path, groups: Sequence[str], series: Mapping[str, Sequence[Count]], title: str) -> None:
    """Draw rates as bars with their 95 % intervals: one bar of each series in every group."""
    with _figure(path, title, "read, %") as axes:
        width = 0.8 / len(series)
        for index, (name, counts) in enumerate(series.items()):
            at = np.arange(len(groups)) + (index - (len(series) - 1) / 2) * width
            tried = [i for i, (_, trials) in enumerate(counts) if trials]
            rates, errors = _with_intervals([counts[i] for i in tried])
            axes.bar(at[tried], rates, width * 0.92, yerr=errors, capsize=3, label=name)
        many = len(groups) > 5
        axes.set_xticks(
            np.arange(len(groups)), groups, rotation=35 if many else 0, ha="right" if many else "center"
        )
        _percentages(axes)


def times_by_size(
    path: Path, series: Mapping[str, Sequence[tuple[float, float, float]]], x_label: str, title: str
) -> None:
    """Draw medians, and above them 99th percentiles, in milliseconds against a size, on logarithmic axes.

    Parameters
    ----------
    series : mapping of str to sequence of (size, median, 99th percentile)
    """
    with _figure(path, title, "ms", simulated=False) as axes:
        for name, points in series.items():
            sizes, medians, tails = zip(*points, strict=True)
            (line,) = axes.plot(sizes, medians, marker="o", label=f"{name}, median")
            axes.plot(sizes, tails, marker="^", linestyle=":", color=line.get_color(), label=f"{name}, p99")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel(x_label)


def rate_curves(
    path: Path, at: Sequence[float], series: Mapping[str, Sequence[Count]], title: str, x_label: str
) -> None:
    """Draw rates against a figure, with their 95 % intervals."""
    with _figure(path, title, "read, %") as axes:
        for index, (name, counts) in enumerate(series.items()):
            tried = [i for i, (_, trials) in enumerate(counts) if trials]
            rates, errors = _with_intervals([counts[i] for i in tried])
            aside = index * _ASIDE * (max(at) - min(at))
            axes.errorbar(
                [at[i] + aside for i in tried], rates, yerr=errors, marker="o", capsize=3, label=name
            )
        axes.set_xlabel(x_label)
        _percentages(axes)


def histograms(path: Path, series: Mapping[str, Sequence[float]], title: str, x_label: str) -> None:
    """Draw the distributions of some figures over one axis; counts are logarithmic, so that one shows."""
    with _figure(path, title, "how many") as axes:
        known = {name: np.asarray(values) for name, values in series.items() if len(values)}
        edges = np.histogram_bin_edges(np.concatenate([*known.values(), []]), bins=60)
        for name, values in known.items():
            axes.hist(values, bins=edges.tolist(), alpha=0.6, label=f"{name} ({len(values)})")
        axes.set_yscale("log")
        axes.set_xlabel(x_label)


@dataclass(frozen=True, slots=True)
class Panel:
    """A figure of every picture, and what its median is asked to be."""

    name: str
    values: Sequence[float]
    asked: float


def sorted_values(path: Path, panels: Sequence[Panel], title: str) -> None:
    """Draw some figures side by side, each one's values in order, its median and what is asked of that."""
    figure = Figure(figsize=(1.9 * len(panels), 3.2), dpi=_DPI, layout="constrained")
    figure.suptitle(title, fontsize=10)
    for index, panel in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), index + 1)
        axes.plot(sorted(panel.values), ".", label="pictures")
        axes.axhline(float(np.median(panel.values)), linewidth=1, label="median")
        axes.axhline(panel.asked, color="tab:red", linestyle="--", linewidth=1, label="asked of the median")
        axes.set_title(panel.name, fontsize=9)
        axes.set_xticks([])
        axes.grid(visible=True, alpha=0.3)
        axes.tick_params(labelsize=8)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    _save(figure, path)


def _with_intervals(counts: Sequence[Count]) -> tuple[list[float], NDArray[np.float64]]:
    """Return rates and how far their intervals reach below and above, in per cent."""
    rates = [100 * successes / trials for successes, trials in counts]
    reach = [wilson_interval(successes, trials) for successes, trials in counts]
    below = [max(each - 100 * low, 0.0) for each, (low, _) in zip(rates, reach, strict=True)]
    above = [max(100 * high - each, 0.0) for each, (_, high) in zip(rates, reach, strict=True)]
    return rates, np.array([below, above])


def _percentages(axes: Axes) -> None:
    axes.set_ylim(0, 104)


@contextmanager
def _figure(path: Path, title: str, y_label: str, *, simulated: bool = True) -> Iterator[Axes]:
    """Give the axes of a new figure, then write it."""
    figure = Figure(figsize=_SIZE_IN, dpi=_DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(f"{title} (simulated)" if simulated else title, fontsize=10)
    axes.set_ylabel(y_label)
    axes.grid(visible=True, alpha=0.3)
    yield axes
    figure.legend(loc="outside lower center", ncols=2, fontsize=8)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    """Write a figure; the file names no version of the software, so that equal plots are equal files."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
