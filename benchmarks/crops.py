"""The places where marks show most: 1:1 crops, the original beside the marked, on contact sheets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.markdown import replacing

SIDE_PX = 240
"""A crop's side: 0.8 in of paper at 300 dpi, seen 1:1."""
SHOWN = 8
A_SHEET = 4
"""Crops a sheet, one pair a row."""

_SHOWABLE = ("CC0", "Unsplash License", "released for unrestricted usage")
"""Licences whose pictures may be shown in part, by what their names contain."""

_GAP_PX, _LABEL_PX = 8, 22
_NAME_CHARS = 26  # of a picture beside "original: ", in the width of a crop
_PAPER = 255


@dataclass(frozen=True, slots=True)
class Source:
    """Where a picture comes from, and under which licence."""

    origin: str
    author: str
    licence: str

    @property
    def showable(self) -> bool:
        """Whether the licence lets crops be shown."""
        return any(each in self.licence for each in _SHOWABLE)


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """The place of a picture where its mark shows most.

    Attributes
    ----------
    picture : str
    error : float
        Mean FLIP error over the crop.
    original, marked : ndarray of uint8, shape (SIDE_PX, SIDE_PX, 3)
    """

    picture: str
    error: float
    original: NDArray[np.uint8]
    marked: NDArray[np.uint8]


def sources_of(listing: Path) -> dict[str, Source]:
    """Return the sources in the Markdown tables of a listing: file, origin, author, licence."""
    sources = {}
    for line in listing.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) >= 4 and "." in cells[0]:
            sources[cells[0]] = Source(cells[1], cells[2], cells[3])
    return sources


def worst_crop(
    picture: str, host: NDArray[np.uint8], marked: NDArray[np.uint8], error: NDArray[np.float32]
) -> Crop:
    """Return the crop of a picture with the greatest mean error, shape (H, W)."""
    side = min(SIDE_PX, *error.shape)
    mean = cv2.boxFilter(error, -1, (side, side), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    inside = mean[: error.shape[0] - side + 1, : error.shape[1] - side + 1]
    top, left = (int(i) for i in np.unravel_index(int(inside.argmax()), inside.shape))
    place = slice(top, top + side), slice(left, left + side)
    return Crop(picture, float(inside.max()), host[place], marked[place])


def draw_sheets(crops: Sequence[Crop], folder: Path) -> list[Path]:
    """Write the crops, one pair a row, to numbered PNG files; return those."""
    paths = []
    for start in range(0, len(crops), A_SHEET):
        rows = [_row(crop) for crop in crops[start : start + A_SHEET]]
        path = folder / f"crops-{start // A_SHEET + 1}.png"
        sheet = cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR)
        with replacing(path) as temporary:
            cv2.imwrite(str(temporary), sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        paths.append(path)
    return paths


def _row(crop: Crop) -> NDArray[np.uint8]:
    """Return original and marked side by side under their label."""
    width = 2 * SIDE_PX + 3 * _GAP_PX
    row = np.full((_LABEL_PX + SIDE_PX + _GAP_PX, width, 3), _PAPER, np.uint8)
    for index, (name, pixels) in enumerate((("original", crop.original), ("marked", crop.marked))):
        left = _GAP_PX + index * (SIDE_PX + _GAP_PX)
        height, wide = pixels.shape[:2]
        row[_LABEL_PX : _LABEL_PX + height, left : left + wide] = pixels
        text = f"{name}: {_shortened(crop.picture.split('__')[0])}"
        cv2.putText(row, text, (left, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (60, 60, 60), 1, cv2.LINE_AA)
    return row


def _shortened(name: str) -> str:
    """Cut a name to what a crop's width holds."""
    return name if len(name) <= _NAME_CHARS else name[: _NAME_CHARS - 2] + ".."
