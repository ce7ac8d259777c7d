"""The rectangle of a mark: where its own evidence ends, and another picture's begins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from watermarks.region import _best_run, _out_to_edges, _own_run

ROWS, COLS = 60, 40
PAPER, PICTURE, BLACK = 240.0, 120.0, 8.0


def rows_of(*parts: tuple[int, float]) -> NDArray[np.float64]:
    """Return a plane of rows, so many of each value."""
    return np.concatenate([np.full((count, COLS), value) for count, value in parts])


def test_another_picture_across_a_gap_is_cut_off() -> None:
    message = rows_of((20, 1.0), (5, 0.0), (35, 0.05))
    luma = rows_of((20, PICTURE), (5, PAPER), (35, PICTURE)).astype(np.float32)

    assert _own_run(message, luma, 0, ROWS) == (0, 20)
    assert _own_run(message[::-1], luma[::-1], 0, ROWS) == (40, ROWS)


def test_a_part_that_shows_little_but_lies_across_no_gap_stays() -> None:
    message = rows_of((20, 1.0), (40, 0.05))
    luma = rows_of((ROWS, PICTURE)).astype(np.float32)

    assert _own_run(message, luma, 0, ROWS) == (0, ROWS)


def test_a_white_band_within_a_picture_that_goes_on_beyond_is_no_gap() -> None:
    message = rows_of((20, 1.0), (5, 0.0), (35, 0.9))
    luma = rows_of((20, PICTURE), (5, PAPER), (35, PICTURE)).astype(np.float32)

    assert _own_run(message, luma, 0, ROWS) == (0, ROWS)


@given(st.integers(0, ROWS - 1), st.integers(1, ROWS), st.integers(0, 2**32 - 1))
def test_an_own_run_is_a_run_within_the_run(start: int, length: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    end = min(start + length, ROWS)
    luma = rng.choice([PAPER, PICTURE], (ROWS, 1)).repeat(COLS, axis=1).astype(np.float32)

    low, high = _own_run(rng.standard_normal((ROWS, COLS)), luma, start, end)

    assert start <= low < high <= end


@pytest.mark.parametrize(("start", "end"), [(20, 60), (21, 60), (20, 59)])
def test_a_black_end_belongs_to_the_picture_and_paper_does_not(start: int, end: int) -> None:
    luma = rows_of((10, PAPER), (10, BLACK), (30, PICTURE), (10, PAPER)).astype(np.float32)
    rng = np.random.default_rng(0)

    found = _out_to_edges(luma + rng.normal(0, 1, luma.shape).astype(np.float32), start, min(end, 50))

    assert found == (10, 50)


@given(st.integers(0, ROWS - 1), st.integers(1, ROWS), st.integers(0, 2**32 - 1))
def test_ends_only_move_out_and_stay_in_the_plane(start: int, length: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    end = min(start + length, ROWS)
    luma = rng.choice([PAPER, PICTURE, BLACK], (ROWS, 1)).repeat(COLS, axis=1).astype(np.float32)

    low, high = _out_to_edges(luma, start, end)

    assert 0 <= low <= start < end <= high <= ROWS


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=12))
def test_no_run_has_a_greater_sum_than_the_best(values: list[int]) -> None:
    start, end = _best_run(np.array(values, np.float64))

    assert 0 <= start < end <= len(values)
    sums = [sum(values[i:j]) for i in range(len(values)) for j in range(i + 1, len(values) + 1)]
    assert sum(values[start:end]) == max(sums)
