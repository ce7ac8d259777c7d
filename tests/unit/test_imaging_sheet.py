"""Contact sheets: a PNG with every picture on it, outlines where they belong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from o2o.imaging_sheet import Tile, contact_sheet, difference


def plain(width: int, height: int, level: int = 90) -> NDArray[np.uint8]:
    return np.full((height, width, 3), level, np.uint8)


def drawn(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as sheet:
        assert sheet.format == "PNG"
        return np.asarray(sheet.convert("RGB"))


def test_rows_of_any_length_and_pictures_of_any_shape_fit(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    tiles = [Tile(plain(w, h), f"{w} x {h}", "a caption " * 20) for w, h in ((900, 100), (50, 700), (1, 1))]
    contact_sheet([tiles, [], tiles[:1]], path, heading="Heading", subheading="Subheading")
    three = drawn(path)
    contact_sheet([tiles[:2]], path)
    two = drawn(path)
    assert three.shape[0] > 2 * two.shape[0] * 0.8
    assert three.shape[1] > two.shape[1]
    assert [entry.name for entry in tmp_path.iterdir()] == ["sheet.png"]


def test_an_empty_sheet_is_still_a_picture(tmp_path: Path) -> None:
    contact_sheet([], tmp_path / "sheet.png", heading="Nothing was read")
    assert drawn(tmp_path / "sheet.png").shape[1] >= 640


def test_an_outline_is_drawn_in_the_pictures_own_pixels(tmp_path: Path) -> None:
    """A square round the middle of a picture twice the size that it is shown at."""
    outline = np.array([[190, 150], [570, 150], [570, 450], [190, 450]], np.float64)
    with_outline, without = tmp_path / "with.png", tmp_path / "without.png"
    contact_sheet([[Tile(plain(760, 600), "x", outlines_xy=[outline])]], with_outline)
    contact_sheet([[Tile(plain(760, 600), "x")]], without)
    changed = np.abs(drawn(with_outline).astype(int) - drawn(without)).max(axis=2) > 30
    rows, columns = np.nonzero(changed)
    # The picture's box starts at 36 + 12 pixels; the first corner's dot is wider than the line.
    assert abs(columns.max() - (48 + 285)) <= 4
    assert abs(rows.max() - (48 + 225)) <= 4
    assert abs(columns.min() - (48 + 95)) <= 8
    assert not changed[(rows.min() + rows.max()) // 2, (columns.min() + columns.max()) // 2]


def test_good_and_bad_are_told_apart_by_colour(tmp_path: Path) -> None:
    sheets = {}
    for good in (True, False, None):
        contact_sheet([[Tile(plain(60, 40), "x", good=good)]], tmp_path / "sheet.png")
        sheets[good] = drawn(tmp_path / "sheet.png").astype(int)
    redness = {good: (sheet[..., 0] - sheet[..., 1]).max() for good, sheet in sheets.items()}
    assert redness[False] > 100 > redness[True]
    assert redness[None] < 20


def test_difference_is_amplified_round_middle_grey() -> None:
    host, marked = plain(4, 4, 100), plain(4, 4, 103)
    assert (difference(host, marked) == 158).all()
    assert (difference(host, host) == 128).all()
    assert (difference(marked, plain(4, 4, 0)) == 0).all()
