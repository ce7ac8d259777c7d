"""Which blocks of a surface agree with their neighbours: patches of them are the mark, strays noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from watermarks.blocks import largest_patch, patches


def blocks(*rows: str) -> NDArray[np.bool_]:
    return np.array([[each == "#" for each in row] for row in rows])


SCATTERED = blocks(
    "##...#",
    "##....",
    "......",
    "#..##.",
    "...#.#",
)


def test_the_largest_patch_is_kept_alone() -> None:
    apart = SCATTERED.copy()
    apart[0, 2] = True

    np.testing.assert_array_equal(
        largest_patch(apart), blocks("###...", "##....", "......", "......", "......")
    )


@pytest.mark.parametrize(
    ("least", "kept"),
    [
        (1, SCATTERED),
        (2, blocks("##....", "##....", "......", "...##.", "...#.#")),
        (4, blocks("##....", "##....", "......", "...##.", "...#.#")),
        (5, np.zeros((5, 6), np.bool_)),
    ],
)
def test_patches_of_so_many_blocks_are_kept_corners_touching(least: int, kept: NDArray[np.bool_]) -> None:
    np.testing.assert_array_equal(patches(SCATTERED, least), kept)


@given(st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=1, max_size=7), st.integers(1, 9))
def test_patches_are_of_what_agrees_and_hold_the_largest_if_it_is_large_enough(
    rows: list[list[bool]], least: int
) -> None:
    agree = np.array(rows)

    kept, largest = patches(agree, least), largest_patch(agree)

    assert not (kept & ~agree).any()
    assert (kept >= (largest if largest.sum() >= least else kept)).all()
    assert kept.any() == (largest.sum() >= least)
    np.testing.assert_array_equal(patches(kept, least), kept)


def test_where_nothing_agrees_nothing_is_kept() -> None:
    nothing = np.zeros((3, 4), np.bool_)

    assert not patches(nothing, 4).any()
    assert not largest_patch(nothing).any()
