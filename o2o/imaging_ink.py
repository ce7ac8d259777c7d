"""Colours and type of the sheets that the command line draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Rgb = tuple[int, int, int]

PAPER: Final = (244, 243, 239)
CARD: Final = (255, 255, 255)
MAT: Final = (233, 231, 226)
RULE: Final = (214, 211, 204)
INK: Final = (33, 35, 40)
FAINT_INK: Final = (112, 115, 122)
GOOD: Final = (22, 135, 84)
BAD: Final = (196, 62, 42)
OUTLINE: Final = (64, 230, 150)

_EDGE_PX: Final = 12
"""Kept free at a picture's right edge."""


def write(onto: Picture, at: tuple[int, int], text: str, size_px: int, colour: Rgb) -> None:
    """Write one line, cut with an ellipsis where the picture's edge is."""
    if not text:
        return
    from PIL import ImageDraw, ImageFont

    font: Any = ImageFont.load_default(size_px)
    room = onto.width - at[0] - _EDGE_PX
    if font.getlength(text) > room:
        while text and font.getlength(text + "...") > room:
            text = text[:-1]
        text = text.rstrip() + "..."
    ImageDraw.Draw(onto).text(at, text, colour, font)
