"""Contact sheets: pictures side by side with captions and the outlines that were found in them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from o2o.files import write_atomically
from o2o.imaging_ink import BAD, CARD, FAINT_INK, GOOD, INK, MAT, OUTLINE, PAPER, RULE, Rgb, write

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_MARGIN_PX: Final = 36
_GAP_PX: Final = 20
_PADDING_PX: Final = 12
_PICTURE_PX: Final = (380, 300)
_CAPTION_PX: Final = 62
_HEADING_PX: Final = 72
_DOT_PX: Final = 14
_MIDDLE_GREY: Final = 128


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """One picture of a contact sheet.

    Attributes
    ----------
    image : ndarray of uint8, shape (H, W, 3)
    title : str
        One short line.
    caption : str
        A second, fainter line.
    outlines_xy : sequence of ndarray, shape (K, 2)
        Closed outlines in the image's pixels, centres at integers. The first corner of each gets a
        dot, so that a turned picture shows which way up it was found.
    good : bool or None
        A green or a red dot before the title; None for neither.
    """

    image: NDArray[np.uint8]
    title: str
    caption: str = ""
    outlines_xy: Sequence[NDArray[np.float64]] = ()
    good: bool | None = None


def contact_sheet(
    rows: Sequence[Sequence[Tile]], path: Path, *, heading: str = "", subheading: str = ""
) -> None:
    """Write rows of pictures as a PNG.

    Parameters
    ----------
    rows : sequence of sequences of Tile
        Rows may differ in length; an empty one is left out.
    path : Path
        Overwritten if it is there.
    heading, subheading : str, optional
        Two lines above the pictures.
    """
    from PIL import Image

    rows = [row for row in rows if row]
    card_width, card_height = _card_size()
    columns = max((len(row) for row in rows), default=0)
    top = _MARGIN_PX + (_HEADING_PX if heading or subheading else 0)
    width = 2 * _MARGIN_PX + columns * (card_width + _GAP_PX) - _GAP_PX
    height = top + len(rows) * (card_height + _GAP_PX) - _GAP_PX + _MARGIN_PX
    sheet = Image.new("RGB", (max(width, 640), max(height, top + _MARGIN_PX)), PAPER)
    write(sheet, (_MARGIN_PX, _MARGIN_PX - 6), heading, 28, INK)
    write(sheet, (_MARGIN_PX, _MARGIN_PX + 32), subheading, 17, FAINT_INK)
    for row_number, row in enumerate(rows):
        for column, tile in enumerate(row):
            left = _MARGIN_PX + column * (card_width + _GAP_PX)
            sheet.paste(_card(tile), (left, top + row_number * (card_height + _GAP_PX)))
    file = io.BytesIO()
    sheet.save(file, "PNG", optimize=True)
    write_atomically(path, file.getvalue(), overwrite=True)


def difference(host: NDArray[np.uint8], marked: NDArray[np.uint8], gain: float = 10.0) -> NDArray[np.uint8]:
    """What marking changed, ``gain`` times as strong, around a middle grey."""
    change = marked.astype(np.float32) - host
    shown: NDArray[np.uint8] = np.clip(np.rint(_MIDDLE_GREY + gain * change), 0, 255).astype(np.uint8)
    return shown


def _card_size() -> tuple[int, int]:
    """Width and height of a card in pixels."""
    width, height = _PICTURE_PX
    return width + 2 * _PADDING_PX, height + 2 * _PADDING_PX + _CAPTION_PX


def _card(tile: Tile) -> Picture:
    """A picture on its mat with its caption below."""
    from PIL import Image, ImageDraw

    card = Image.new("RGB", _card_size(), CARD)
    draw = ImageDraw.Draw(card)
    draw.rectangle((0, 0, card.width - 1, card.height - 1), outline=RULE)
    box_width, box_height = _PICTURE_PX
    draw.rectangle((_PADDING_PX, _PADDING_PX, _PADDING_PX + box_width - 1, _PADDING_PX + box_height - 1), MAT)
    picture = _fitted(tile)
    left = _PADDING_PX + (box_width - picture.width) // 2
    card.paste(picture, (left, _PADDING_PX + (box_height - picture.height) // 2))
    text_left, text_top = _PADDING_PX, _PADDING_PX + box_height + 12
    if tile.good is not None:
        card.paste(_dot(GOOD if tile.good else BAD), (text_left, text_top + 4))
        text_left += 22
    write(card, (text_left, text_top), tile.title, 18, INK)
    write(card, (_PADDING_PX, text_top + 28), tile.caption, 15, FAINT_INK)
    return card


def _dot(colour: Rgb) -> Picture:
    """A smooth round dot on a card's ground."""
    from PIL import Image, ImageDraw

    dot = Image.new("RGB", (8 * _DOT_PX, 8 * _DOT_PX), CARD)
    ImageDraw.Draw(dot).ellipse((0, 0, 8 * _DOT_PX - 1, 8 * _DOT_PX - 1), colour)
    return dot.resize((_DOT_PX, _DOT_PX), Image.Resampling.BOX)


def _fitted(tile: Tile) -> Picture:
    """A picture scaled into its box, outlines drawn at twice the size so that they come out smooth."""
    from PIL import Image, ImageDraw

    height, width = tile.image.shape[:2]
    scale = min(_PICTURE_PX[0] / width, _PICTURE_PX[1] / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray(tile.image)
    if not tile.outlines_xy:
        return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    picture = picture.resize((2 * size[0], 2 * size[1]), Image.Resampling.LANCZOS, reducing_gap=3.0)
    draw = ImageDraw.Draw(picture)
    for outline_xy in tile.outlines_xy:
        points = [(float(x), float(y)) for x, y in (np.asarray(outline_xy) + 0.5) * 2 * scale - 0.5]
        for colour, line_px in ((INK, 10), (OUTLINE, 6)):
            draw.line([*points, points[0], points[1]], colour, line_px, joint="curve")
        x, y = points[0]
        draw.ellipse((x - 13, y - 13, x + 13, y + 13), INK)
        draw.ellipse((x - 11, y - 11, x + 11, y + 11), OUTLINE)
    return picture.resize(size, Image.Resampling.BOX)
