"""The heat map of a proof: colours that say what the legend says, and words on what would help."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from o2o.cli.mark_report import DECODES_DB
from o2o.cli.proof_heatmap import DEPENDABLE_DB, draw, weak_parts
from o2o.imaging_heatmap import Scale, heatmap_sheet, overlay
from watermarks import strength

SCALE = Scale((0, 1, 2, 3, 4, 5), ((2, "two"),), "a title")


def plain(level: int, height: int = 90, width: int = 120) -> NDArray[np.uint8]:
    return np.full((height, width, 3), level, np.uint8)


def field(weak: slice | None = None, rows: slice = slice(None)) -> NDArray[np.float64]:
    """Return a strong mark, weak in some columns."""
    signal_db = np.full((9, 12), 33.0)
    if weak is not None:
        signal_db[rows, weak] = DECODES_DB - 3
    return signal_db


def test_a_dependable_place_is_what_marking_aims_at() -> None:
    assert DEPENDABLE_DB == strength.AIM_DB


def test_no_weak_part_is_said_so() -> None:
    found = weak_parts(field(), plain(128))
    assert (found.share, found.names, found.cause) == (0, (), None)
    assert "strong enough in every part" in found.sentence(all_read=False)


@pytest.mark.parametrize(
    ("level", "cause", "help_"),
    [(10, "black", "Lift the shadows"), (250, "white", "Tone it"), (128, "busy", "--strength")],
)
def test_weak_parts_are_named_with_what_helps(level: int, cause: str, help_: str) -> None:
    found = weak_parts(field(slice(0, 4), slice(0, 3)), plain(level))
    assert (found.names, found.cause) == (("top left",), cause)
    assert found.share == pytest.approx(1 / 9)
    assert help_ in found.sentence(all_read=False)
    assert "11 % of the picture (top left)" in found.sentence(all_read=False)


def test_nothing_is_advised_where_every_photo_read() -> None:
    said = weak_parts(field(slice(0, 4), slice(0, 3)), plain(128)).sentence(all_read=True)
    assert "11 % of the picture (top left), yet every photo read: nothing needs to be done" in said
    assert "Print larger" not in said


def test_weak_nearly_everywhere_and_here_and_there() -> None:
    assert "(everywhere)" in weak_parts(field(slice(None)), plain(128)).sentence(all_read=False)
    speck = field(slice(5, 6), slice(4, 5))
    assert "here and there" in weak_parts(speck, plain(128)).sentence(all_read=False)


def test_the_middle_has_a_name() -> None:
    assert weak_parts(field(slice(4, 8), slice(3, 6)), plain(128)).names == ("middle",)


def test_weak_places_are_warm_and_strong_ones_blue_whatever_the_picture() -> None:
    values = np.repeat(np.array([[0.5, 0.5, 4.8, 4.8]]), 3, axis=0)
    for level in (0, 128, 255):
        shown = overlay(plain(level), values, SCALE).astype(int)
        warm, blue = shown[:, :20].mean(axis=(0, 1)), shown[:, -20:].mean(axis=(0, 1))
        assert warm[0] > warm[2] + 30
        assert blue[2] > blue[0] + 30


def test_values_beyond_the_scale_have_its_ends_colours() -> None:
    np.testing.assert_array_equal(SCALE.colours(np.array([-9.0, 99.0])), SCALE.colours(np.array([0.0, 5.0])))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (90, 900), (900, 90), (2000, 2000)])
def test_pictures_of_any_shape_fit(tmp_path: Path, height: int, width: int) -> None:
    path = tmp_path / "heat.png"
    values = np.linspace(0, 5, 12).reshape(3, 4)
    lines = ["one", "two " * 99]
    heatmap_sheet(plain(90, height, width), values, SCALE, path, heading="Heading", lines=lines)
    with Image.open(path) as sheet:
        assert sheet.format == "PNG"
        colours = sheet.convert("RGB").getcolors(1 << 20)
    assert colours is not None
    assert len(colours) > 100  # text, legend and all


def test_the_sheet_is_drawn_with_the_scale_of_reading(tmp_path: Path) -> None:
    path = tmp_path / "heat.png"
    draw(plain(128), field(slice(0, 4)), path, heading="H", lines=["l"])
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    warmth = pixels[..., 0] - pixels[..., 2]
    assert (warmth > 60).sum() > 500
    assert (warmth < -40).sum() > 500
