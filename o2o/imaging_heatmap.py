"""Heat maps: a picture beside itself with what was measured at each place laid over it, and a legend."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from o2o.files import write_atomically
from o2o.imaging_ink import CARD, FAINT_INK, INK, MAT, PAPER, RULE, write

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_MARGIN_PX: Final = 36
_GAP_PX: Final = 20
_PADDING_PX: Final = 12
_BOX_PX: Final = (620, 620)
_TOP_PX: Final = 128
_LEGEND_PX: Final = (520, 16)
_LEGEND_ROOM_PX: Final = 84

# Orange to blue, told apart whatever kind of colour vision one has, light between them (after Brewer's PuOr).
_COLOURS: Final = np.array(
    [[127, 39, 4], [217, 72, 15], [253, 174, 107], [247, 240, 226], [146, 197, 222], [33, 102, 172]],
    np.float64,
)

# How much of the heat there is over the picture, of which only pale lights and shadows are left: over a
# dark picture its colours must look as they do in the legend.
_OPACITY: Final = 0.66
_DARKEST: Final = 105.0


@dataclass(frozen=True, slots=True)
class Scale:
    """What the colours stand for.

    Attributes
    ----------
    stops : sequence of float
        The values of the six colours, from the weakest on.
    ticks : sequence of (float, str)
        Values that the legend names.
    title : str
        What is shown, and its unit.
    """

    stops: Sequence[float]
    ticks: Sequence[tuple[float, str]]
    title: str

    def colours(self, values: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Return the values' colours, shape (..., 3); beyond the ends are the ends' own."""
        channels = [np.interp(values, self.stops, _COLOURS[:, channel]) for channel in range(3)]
        return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def overlay(image: NDArray[np.uint8], values: NDArray[np.float64], scale: Scale) -> NDArray[np.uint8]:
    """Return a picture without its colours under the translucent colours of values.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
    values : ndarray of float, shape (R, C)
        For equal cells that fill the picture.
    scale : Scale

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
    """
    height, width = image.shape[:2]
    smooth = cv2.resize(values.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    pale = _DARKEST + (1 - _DARKEST / 255) * grey
    mixed = _OPACITY * scale.colours(np.asarray(smooth, np.float64)) + (1 - _OPACITY) * pale
    return np.rint(mixed).astype(np.uint8)


def heatmap_sheet(
    image: NDArray[np.uint8],
    values: NDArray[np.float64],
    scale: Scale,
    path: Path,
    *,
    heading: str,
    lines: Sequence[str],
) -> None:
    """Write a picture and its heat map, side by side over a legend, as a PNG.

    Parameters
    ----------
    image, values, scale
        As for `overlay`.
    path : Path
        Overwritten if it is there.
    heading : str
        The sheet's first line.
    lines : sequence of str
        Up to two more, smaller ones.
    """
    from PIL import Image

    fitted = _fitted(image)
    card = fitted.shape[1] + 2 * _PADDING_PX, fitted.shape[0] + 2 * _PADDING_PX
    width = max(2 * _MARGIN_PX + 2 * card[0] + _GAP_PX, 2 * _MARGIN_PX + 2 * _BOX_PX[0])
    left = (width - 2 * card[0] - _GAP_PX) // 2
    height = _TOP_PX + card[1] + _GAP_PX + _LEGEND_ROOM_PX + _MARGIN_PX // 2
    sheet = Image.new("RGB", (width, height), PAPER)
    write(sheet, (_MARGIN_PX, _MARGIN_PX - 6), heading, 28, INK)
    for number, line in enumerate(lines):
        write(sheet, (_MARGIN_PX, _MARGIN_PX + 32 + 23 * number), line, 17, INK if number else FAINT_INK)
    sheet.paste(_card(fitted), (left, _TOP_PX))
    sheet.paste(_card(overlay(fitted, values, scale)), (left + card[0] + _GAP_PX, _TOP_PX))
    _draw_legend(sheet, scale, ((width - _LEGEND_PX[0]) // 2, _TOP_PX + card[1] + _GAP_PX))
    file = io.BytesIO()
    sheet.save(file, "PNG", optimize=True)
    write_atomically(path, file.getvalue(), overwrite=True)


def _fitted(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale a picture into its box."""
    height, width = image.shape[:2]
    scale = min(_BOX_PX[0] / width, _BOX_PX[1] / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


def _card(image: NDArray[np.uint8]) -> Picture:
    """A picture with a white border and a rule around it."""
    from PIL import Image, ImageDraw

    height, width = image.shape[:2]
    card = Image.new("RGB", (width + 2 * _PADDING_PX, height + 2 * _PADDING_PX), CARD)
    ImageDraw.Draw(card).rectangle((0, 0, card.width - 1, card.height - 1), outline=RULE)
    card.paste(Image.fromarray(image), (_PADDING_PX, _PADDING_PX))
    return card


def _draw_legend(sheet: Picture, scale: Scale, at: tuple[int, int]) -> None:
    """A bar of the colours as they look over a picture, its ticks named below, its title above."""
    from PIL import Image, ImageDraw

    left, top = at
    width, height = _LEGEND_PX
    low, high = scale.stops[0], scale.stops[-1]
    bar = np.tile(scale.colours(np.linspace(low, high, width))[None], (height, 1, 1))
    mixed = _OPACITY * bar + (1 - _OPACITY) * np.array(MAT)
    write(sheet, (left, top), scale.title, 15, INK)
    sheet.paste(Image.fromarray(np.rint(mixed).astype(np.uint8)), (left, top + 26))
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((left - 1, top + 25, left + width, top + 26 + height), outline=RULE)
    for value, name in scale.ticks:
        x = left + round((value - low) / (high - low) * (width - 1))
        draw.line((x, top + 26, x, top + 32 + height), INK, 1)
        write(sheet, (x + 5, top + 27 + height), name, 14, FAINT_INK)
