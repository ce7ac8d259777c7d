"""What ``o2o proof`` says of where the mark is weak: the heat map, and a line on what would help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from o2o.cli.mark_report import DECODES_DB

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DEPENDABLE_DB: Final = 30.0
"""The mean photo's signal that `o2o mark` aims at."""

# From where nearly nothing is left of the mark to what more would hardly better.
_STOPS: Final = (10.0, 17.0, DECODES_DB, 27.0, DEPENDABLE_DB, 37.0)

# A picture's ninths, and the share of one's cells that are weak for it to be named.
_ROWS: Final = ("top", "", "bottom")
_COLUMNS: Final = ("left", "", "right")
_NAMED_SHARE: Final = 0.4
_MOST_NAMED: Final = 3

# 8-bit luma at which the mark has faded for want of ink, or of paper.
_BLACK: Final = 40
_WHITE: Final = 225

_HELP: Final = {
    "black": "nearly black, which takes no mark. Lift the shadows, or print larger",
    "white": "nearly white, which takes no mark. Tone it a little, or print larger",
    "busy": "too busy for it to stand out. Print larger, or mark with more --strength",
}


@dataclass(frozen=True, slots=True)
class WeakParts:
    """Where a mark is weak.

    Attributes
    ----------
    share : float
        Share of the picture's area, in [0, 1], where a picture all alike would not decode.
    names : tuple of str
        The ninths of the picture where it is, the weakest first, at most three.
    cause : {"black", "white", "busy"} or None
        What most of the weak places are; None where none is weak.
    """

    share: float
    names: tuple[str, ...]
    cause: str | None

    def sentence(self, *, all_read: bool) -> str:
        """Return the parts and what would help, or that nothing has to where all photos read."""
        if self.cause is None:
            return "The mark is strong enough in every part of the picture."
        where = ", ".join(self.names) if self.names else "in small places here and there"
        if self.share > 0.9:
            where = "everywhere"
        weak = f"weak in {100 * self.share:.0f} % of the picture ({where})"
        if all_read:
            return f"The mark is {weak}, yet every photo read: nothing needs to be done."
        return f"The mark is {weak}: {_HELP[self.cause]}."


def weak_parts(signal_db: NDArray[np.float64], picture: NDArray[np.uint8]) -> WeakParts:
    """Find where a mark is weak, and why.

    Parameters
    ----------
    signal_db : ndarray of float, shape (R, C)
        What `watermarks.local_signal` measured.
    picture : ndarray of uint8, shape (H, W, 3)
        The picture itself, RGB.
    """
    import cv2
    import numpy as np

    weak = signal_db < DECODES_DB
    if not weak.any():
        return WeakParts(0.0, (), None)
    ninths = cv2.resize(weak.astype(np.float32), (3, 3), interpolation=cv2.INTER_AREA)
    order = np.argsort(-ninths, axis=None)
    named = [divmod(int(each), 3) for each in order if ninths.flat[each] >= _NAMED_SHARE][:_MOST_NAMED]
    names = tuple(" ".join(filter(None, (_ROWS[row], _COLUMNS[col]))) or "middle" for row, col in named)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    luma = cv2.resize(grey, signal_db.shape[::-1], interpolation=cv2.INTER_AREA)[weak]
    counts = {"black": (luma < _BLACK).sum(), "white": (luma > _WHITE).sum()}
    counts["busy"] = luma.size - sum(counts.values())
    return WeakParts(float(weak.mean()), names, max(counts, key=lambda cause: int(counts[cause])))


def draw(
    picture: NDArray[np.uint8],
    signal_db: NDArray[np.float64],
    path: Path,
    *,
    heading: str,
    lines: Sequence[str],
) -> None:
    """Write the heat map.

    Raises
    ------
    OSError
        If it can't be written.
    """
    from o2o.imaging_heatmap import Scale, heatmap_sheet

    ticks = (
        (DECODES_DB, f"decodes from {DECODES_DB:g}"),
        (DEPENDABLE_DB, f"dependable from {DEPENDABLE_DB:g}"),
    )
    scale = Scale(_STOPS, ticks, "Signal of the mean photo if all the picture were like that place, in dB")
    heatmap_sheet(picture, signal_db, scale, path, heading=heading, lines=lines)
