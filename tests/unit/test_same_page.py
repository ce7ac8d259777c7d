"""A picture that was read leads to the others on its page."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.photographs import photograph
from watermarks import DRAFT_0, Payload, embed
from watermarks.decoder import decode
from watermarks.geometry import Surface
from watermarks.registration import Registration
from watermarks.same_page import beside
from watermarks.whitening import Level, level, luma_of

KEY = b"a key of the tests"
PX_PER_CHIP = 2.0
SIDE_PX = 380  # 2.5 in at 150 dpi
GAP_PX = 37
ONE, OTHER = Payload(11), Payload(12)


@pytest.fixture(scope="module")
def marked() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    hosts = photograph("coffee", 700)[:SIDE_PX, :SIDE_PX], photograph("chelsea", 600)[:SIDE_PX, :SIDE_PX]
    one, other = (
        embed(host, payload, KEY, dpi=150.0, strength=2.0)
        for host, payload in zip(hosts, (ONE, OTHER), strict=True)
    )
    return one, other


def page(*pictures: NDArray[np.uint8]) -> Level:
    """Return pictures side by side on white paper, the first one taken out."""
    sheet = np.full((SIDE_PX + 100, 2 * SIDE_PX + GAP_PX + 100, 3), 255, np.uint8)
    for index, picture in enumerate(pictures):
        left = 50 + index * (SIDE_PX + GAP_PX)
        sheet[50 : 50 + SIDE_PX, left : left + SIDE_PX] = picture
    corners = 50 + SIDE_PX * np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
    return level(luma_of(sheet), 2).without(corners)


# The first picture's: its tile's corner is its own.
SURFACE = Surface.flat(np.array([[PX_PER_CHIP, 0, 49.5], [0, PX_PER_CHIP, 49.5], [0, 0, 1]]))
MIDDLE = np.full(2, SIDE_PX / PX_PER_CHIP / 2)


def found_in(seen: Level) -> Registration | None:
    return beside(seen, SURFACE, MIDDLE, DRAFT_0)


def test_the_other_picture_is_found_and_decodes(
    marked: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    seen = page(*marked)

    found = found_in(seen)

    assert found is not None
    decoded, _ = decode(seen, found, KEY, DRAFT_0, most_lists=2)
    assert decoded is not None
    assert decoded.payload == OTHER


def test_the_offset_in_the_tile_is_the_other_pictures(
    marked: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    found = found_in(page(*marked))

    assert found is not None
    corner = found.surface.to_chips(np.array([50 + SIDE_PX + GAP_PX - 0.5, 49.5]))
    off = (corner + DRAFT_0.tile_chips / 2) % DRAFT_0.tile_chips - DRAFT_0.tile_chips / 2
    assert np.abs(off).max() < 0.5


def test_nothing_is_found_where_no_other_is_marked(
    marked: tuple[NDArray[np.uint8], NDArray[np.uint8]],
) -> None:
    assert found_in(page(marked[0])) is None
    assert found_in(page(marked[0], photograph("astronaut", 600)[:SIDE_PX, :SIDE_PX])) is None
