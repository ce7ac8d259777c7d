"""The template's lines: apart from each other, and like themselves under no other pose."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from watermarks import DRAFT_0
from watermarks.template import lines, template_tile


def both_ways(cycles_xy: NDArray[np.int64]) -> set[tuple[int, int]]:
    """Return the lines with their mirror images, as a real signal has them."""
    return {(int(x), int(y)) for x, y in [*cycles_xy, *-cycles_xy]}


def test_as_many_distinct_lines_as_the_profile_says() -> None:
    found = lines(DRAFT_0)

    assert found.cycles_xy.shape == (DRAFT_0.template_lines, 2)
    assert found.phases.shape == (DRAFT_0.template_lines,)
    assert len(both_ways(found.cycles_xy)) == 2 * DRAFT_0.template_lines


def test_the_lines_lie_within_their_ring() -> None:
    low, high = DRAFT_0.template_radii
    radii = np.hypot(*lines(DRAFT_0).cycles_xy.T)

    assert radii.min() >= low - np.sqrt(0.5)  # rounded to whole cycles
    assert radii.max() <= high + np.sqrt(0.5)


def test_no_turn_or_mirror_maps_the_lines_onto_themselves() -> None:
    """Within a cycle and a half, save for the turns by 0 and 180 degrees, which the phases settle."""
    cycles = lines(DRAFT_0).cycles_xy.astype(float)
    every = np.concatenate([cycles, -cycles])

    def overlap(mapped: NDArray[np.float64]) -> float:
        distance = np.linalg.norm(mapped[:, None] - every[None], axis=2).min(axis=1)
        return float((distance < 1.5).mean())

    for degrees in np.arange(0.0, 180.0, 0.5):
        angle = np.radians(degrees)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        assert overlap(cycles @ (turn @ np.diag([1.0, -1.0])).T) < 0.75
        if 10.0 <= degrees <= 170.0:
            assert overlap(cycles @ turn.T) < 0.75


def test_unit_variance_and_no_offset() -> None:
    tile = template_tile(DRAFT_0, DRAFT_0.tile_chips)

    assert tile.shape == (DRAFT_0.tile_chips, DRAFT_0.tile_chips)
    assert tile.dtype == np.float32
    assert tile.std() == pytest.approx(1.0, abs=1e-3)
    assert tile.mean() == pytest.approx(0.0, abs=1e-4)


def test_the_tiles_spectrum_is_the_lines() -> None:
    side = DRAFT_0.tile_chips
    found = lines(DRAFT_0)

    spectrum = np.fft.fft2(template_tile(DRAFT_0, side))

    x, y = found.cycles_xy.T
    phases = np.angle(spectrum[y % side, x % side] * np.exp(-1j * np.pi * (x + y) / side))
    np.testing.assert_allclose(np.exp(1j * phases), np.exp(1j * found.phases), atol=1e-3)
    power = np.abs(spectrum) ** 2
    assert 2 * power[y % side, x % side].sum() == pytest.approx(power.sum(), rel=1e-4)


def test_finer_samples_average_to_the_coarser_ones_nearly() -> None:
    """One picture of the template at every resolution: samples are at the middles of their cells."""
    side = DRAFT_0.tile_chips
    fine = template_tile(DRAFT_0, 2 * side)

    averaged = fine.reshape(side, 2, side, 2).mean(axis=(1, 3))

    coarse = template_tile(DRAFT_0, side)
    assert np.corrcoef(averaged.ravel(), coarse.ravel())[0, 1] > 0.99
