"""Surfaces: chips to pixels and back, fitted to matches that are partly wrong."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from watermarks.geometry import Surface, fit_surface, rectify

Array = NDArray[np.float64]

# Three pixels a chip, turned by 30 degrees and tilted: 1 to 1.3 in scale over 200 chips.
TILTED = np.array([[2.6, -1.5, 120.0], [1.5, 2.6, 80.0], [4e-4, 9e-4, 1.0]])


def chips_grid() -> Array:
    """Return the points of a grid over 240 x 200 chips, shape (143, 2)."""
    return np.stack(np.meshgrid(np.arange(0.0, 241, 20), np.arange(0.0, 201, 20)), -1).reshape(-1, 2)


def curled(chips_xy: Array) -> Array:
    """Return where a page bent as a cylinder shows its chips, up to 4 chips off a flat page's."""
    x, y = chips_xy[:, 0], chips_xy[:, 1]
    off = 4.0 * ((x - 120) / 120) ** 2
    return Surface.flat(TILTED).to_level(np.stack([x - 0.3 * off, y + off], -1))


@cache
def curled_surface() -> Surface:
    grid = chips_grid()
    return fit_surface(grid, curled(grid), np.ones(len(grid)), bent=True)


@given(
    st.floats(0.2, 8),
    st.floats(-np.pi, np.pi),
    st.tuples(st.floats(-1e-3, 1e-3), st.floats(-1e-3, 1e-3)),
    st.tuples(st.floats(-200, 200), st.floats(-200, 200)),
)
def test_there_and_back(
    scale: float, angle: float, tilt: tuple[float, float], at: tuple[float, float]
) -> None:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    surface = Surface.flat(np.block([[turn, np.array([[100.0], [50.0]])], [np.array([[*tilt, 1.0]])]]))

    np.testing.assert_allclose(surface.to_chips(surface.to_level(np.array(at))), at, atol=1e-6)


def test_px_per_chip_is_the_local_scale() -> None:
    surface = Surface.flat(np.diag([4.0, 9.0, 1.0]))

    assert surface.px_per_chip(np.array([7.0, 3.0])) == pytest.approx(6.0)
    assert surface.px_per_chip(np.zeros((2, 5, 2))).shape == (2, 5)


@given(st.sampled_from([0.25, 0.5, 2.0, 4.0]))
def test_scaling_aligns_the_areas_of_pixels(factor: float) -> None:
    """The image's outer corner, at (-0.5, -0.5), stays where it is."""
    surface = Surface.flat(TILTED)
    corner = surface.to_chips(np.array([-0.5, -0.5]))

    larger = surface.scaled(factor)

    np.testing.assert_allclose(larger.to_level(corner), [-0.5, -0.5], atol=1e-9)
    assert larger.px_per_chip(corner) == pytest.approx(factor * surface.px_per_chip(corner), rel=1e-6)


def test_turning_back_by_whole_tiles_leaves_the_surface_where_it_is() -> None:
    surface = curled_surface()
    near = np.array([300.0, -20.0])

    moved = surface.turned_back(128, near)

    np.testing.assert_allclose(moved.to_level(near - [256, -128]), surface.to_level(near), atol=1e-6)


@given(
    st.sampled_from([1, -1]),
    st.tuples(st.floats(-300, 300), st.floats(-300, 300)),
    st.tuples(st.floats(-20, 260), st.floats(-20, 220)),
)
def test_moving_the_chips_leaves_the_surface_where_it_is(
    turn: int, offset: tuple[float, float], at: tuple[float, float]
) -> None:
    """Upside down too, and bent: what was chip u is now chip ``turn * u + offset``."""
    surface = curled_surface()
    assert np.abs(surface.bend).max() > 1
    u = np.array(at)

    moved = surface.moved(turn, np.array(offset))

    np.testing.assert_allclose(moved.to_level(turn * u + offset), surface.to_level(u), atol=1e-6)
    np.testing.assert_allclose(
        moved.to_chips(surface.to_level(u)), turn * surface.to_chips(surface.to_level(u)) + offset, atol=1e-6
    )


def test_moving_twice_upside_down_is_moving_back() -> None:
    grid, surface = chips_grid(), curled_surface()
    offset = np.array([31.0, 70.5])

    again = surface.moved(-1, offset).moved(-1, offset)

    np.testing.assert_allclose(again.to_level(grid), surface.to_level(grid), atol=1e-6)
    np.testing.assert_allclose(again.tile_to_level, surface.tile_to_level, atol=1e-9)


def test_a_homography_is_recovered_among_wrong_matches() -> None:
    rng = np.random.default_rng(0)
    grid = chips_grid()
    truth = Surface.flat(TILTED).to_level(grid)
    seen = truth + rng.normal(0, 0.15, truth.shape)
    wrong = rng.random(len(grid)) < 0.15
    seen[wrong] += rng.uniform(-9, 9, (wrong.sum(), 2))

    found = fit_surface(grid, seen, np.full(len(grid), 25.0), bent=False)

    assert np.linalg.norm(found.to_level(grid) - truth, axis=1).max() < 0.5
    assert not found.bend.any()


def test_a_bend_is_recovered_among_wrong_matches() -> None:
    rng = np.random.default_rng(1)
    grid = chips_grid()
    truth = curled(grid)
    seen = truth + rng.normal(0, 0.15, truth.shape)
    wrong = rng.random(len(grid)) < 0.1
    seen[wrong] += rng.uniform(-9, 9, (wrong.sum(), 2))
    weights = np.full(len(grid), 25.0)

    bent = fit_surface(grid, seen, weights, bent=True)
    flat = fit_surface(grid, seen, weights, bent=False)

    error = np.linalg.norm(bent.to_level(grid) - truth, axis=1)
    assert np.quantile(error, 0.95) < 0.8
    assert np.quantile(error, 0.95) < 0.3 * np.quantile(
        np.linalg.norm(flat.to_level(grid) - truth, axis=1), 0.95
    )


def test_matches_of_no_weight_do_not_count() -> None:
    grid = chips_grid()
    seen = Surface.flat(TILTED).to_level(grid)
    weights = np.full(len(grid), 25.0)
    seen[::2] += 50.0
    weights[::2] = 1e-9

    found = fit_surface(grid, seen, weights, bent=False)

    assert np.linalg.norm(found.to_level(grid)[1::2] - seen[1::2], axis=1).max() < 0.2


def test_three_matches_make_a_surface() -> None:
    chips = np.array([(0.0, 0.0), (100.0, 0.0), (0.0, 100.0)])
    seen = chips * 3 + 7

    found = fit_surface(chips, seen, np.full(3, 25.0), bent=False)

    np.testing.assert_allclose(found.to_level(chips), seen, atol=1e-3)


def test_points_on_the_horizon_stay_finite() -> None:
    horizon = Surface.flat(np.array([[1, 0, 0], [0, 1, 0], [0.01, 0, 1.0]]))

    assert np.isfinite(horizon.to_level(np.array([[-100.0, 5.0], [-100.0, 0.0], [-200.0, 3.0]]))).all()


@pytest.mark.parametrize("pitch", [1, 2])
@pytest.mark.parametrize("origin", [(0, 0), (32, 16)])
def test_rectify_samples_the_middles_of_chips(origin: tuple[int, int], pitch: int) -> None:
    """On a plane whose values tell their place."""
    y, x = np.mgrid[:400, :500].astype(np.float32)
    surface = Surface.flat(np.array([[2.0, 0.5, 40.0], [-0.4, 2.1, 60.0], [1e-4, 2e-4, 1.0]]))

    seen_x = rectify(x, surface, origin, (40, 50), pitch)
    seen_y = rectify(y, surface, origin, (40, 50), pitch)

    assert seen_x.shape == (40, 50)
    row, col = np.mgrid[:40, :50]
    middles = np.stack([origin[0] + pitch * (col + 0.5), origin[1] + pitch * (row + 0.5)], -1)
    expected = surface.to_level(middles)
    inside = (expected >= 0).all(-1) & (expected <= [499, 399]).all(-1)
    assert inside.mean() > 0.7
    np.testing.assert_allclose(seen_x[inside], expected[inside][:, 0], atol=0.1)
    np.testing.assert_allclose(seen_y[inside], expected[inside][:, 1], atol=0.1)


def test_outside_the_plane_there_is_nothing() -> None:
    plane = np.ones((50, 60), np.float32)

    seen = rectify(plane, Surface.flat(np.eye(3)), (-64, -64), (256, 256))

    assert seen[64:113, 64:123].min() > 0.99
    assert not seen[:62].any()
    assert not seen[:, 126:].any()
