"""Surfaces: chips to pixels and back, fitted to matches that are partly wrong."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from watermarks.channel_pose import Pose, page_to_sensor
from watermarks.geometry import Camera, Surface, fit_surface, rectify
from watermarks.profiles import DRAFT_0

Array = NDArray[np.float64]

# Three pixels a chip, turned by 30 degrees and tilted: 1 to 1.3 in scale over 200 chips.
TILTED = np.array([[2.6, -1.5, 120.0], [1.5, 2.6, 80.0], [4e-4, 9e-4, 1.0]])


def chips_grid() -> Array:
    """Return the points of a grid over 240 x 200 chips, shape (143, 2)."""
    return np.stack(np.meshgrid(np.arange(0.0, 241, 20), np.arange(0.0, 201, 20)), -1).reshape(-1, 2)


CAMERA = Camera.of((900, 1200))

# A page in the hand, bent by 6 degrees an inch across a slant, 6 in from a phone that leans by 30 degrees.
HELD = Pose(
    size_px=(1200, 900),
    focal_px=CAMERA.focal_px,
    aim_in=np.array([1.6, 1.3]),
    distance_in=6.0,
    tilt_deg=30.0,
    azimuth_deg=40.0,
    roll_deg=20.0,
    bend_origin_in=np.array([1.2, 1.0]),
    bend_deg=35.0,
    bend_per_in=0.1,
    lens_k1=0.01,
)
FLAT = replace(HELD, bend_per_in=0.0, lens_k1=0.0)


def photographed(chips_xy: Array, pose: Pose = HELD) -> Array:
    """Return where the simulation's camera sees chips: another implementation, in closed form."""
    return page_to_sensor(pose, chips_xy / DRAFT_0.chips_per_inch)


@cache
def curled_surface() -> Surface:
    grid = chips_grid()
    return fit_surface(grid, photographed(grid), np.full(len(grid), 100.0), CAMERA)


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
    assert np.abs(surface.curvature).max() > 5e-4
    assert surface.distortion != 0
    u = np.array(at)

    moved = surface.moved(turn, np.array(offset))

    np.testing.assert_allclose(moved.to_level(turn * u + offset), surface.to_level(u), atol=1e-6)
    np.testing.assert_allclose(
        moved.to_chips(surface.to_level(u)), turn * surface.to_chips(surface.to_level(u)) + offset, atol=1e-5
    )


def test_moving_twice_upside_down_is_moving_back() -> None:
    grid, surface = chips_grid(), curled_surface()
    offset = np.array([31.0, 70.5])

    again = surface.moved(-1, offset).moved(-1, offset)

    np.testing.assert_allclose(again.to_level(grid), surface.to_level(grid), atol=1e-6)
    np.testing.assert_allclose(again.tile_to_level, surface.tile_to_level, atol=1e-9)


def test_a_flat_page_is_recovered_among_wrong_matches() -> None:
    rng = np.random.default_rng(0)
    grid = chips_grid()
    truth = photographed(grid, FLAT)
    seen = truth + rng.normal(0, 0.15, truth.shape)
    wrong = rng.random(len(grid)) < 0.15
    seen[wrong] += rng.uniform(-9, 9, (wrong.sum(), 2))

    found = fit_surface(grid, seen, np.full(len(grid), 25.0), CAMERA)

    assert np.linalg.norm(found.to_level(grid) - truth, axis=1).max() < 0.3
    assert np.abs(found.curvature).max() < 2e-4


def test_a_bent_page_is_recovered_among_wrong_matches() -> None:
    rng = np.random.default_rng(1)
    grid = chips_grid()
    truth = photographed(grid)
    assert np.linalg.norm(truth - photographed(grid, FLAT), axis=1).max() > 10
    seen = truth + rng.normal(0, 0.15, truth.shape)
    wrong = rng.random(len(grid)) < 0.1
    seen[wrong] += rng.uniform(-9, 9, (wrong.sum(), 2))

    found = fit_surface(grid, seen, np.full(len(grid), 25.0), CAMERA)

    assert np.linalg.norm(found.to_level(grid) - truth, axis=1).max() < 0.3
    bend = np.degrees(np.linalg.eigvalsh(found.curvature)) * DRAFT_0.chips_per_inch
    assert np.abs(bend).max() == pytest.approx(np.degrees(HELD.bend_per_in), rel=0.2)
    assert np.abs(bend).min() < 1


def test_what_is_fitted_to_a_half_may_be_followed_into_the_other() -> None:
    """Where one would look next: free polynomials would be off by blocks there."""
    rng = np.random.default_rng(2)
    grid = chips_grid()
    near = grid[:, 0] <= 120
    seen = photographed(grid) + rng.normal(0, 0.3, grid.shape)

    found = fit_surface(grid[near], seen[near], np.full(near.sum(), 16.0), CAMERA)

    next_to_it = (grid[:, 0] > 120) & (grid[:, 0] <= 180)
    off = np.linalg.norm(found.to_level(grid) - photographed(grid), axis=1) / found.px_per_chip(grid)
    assert off[next_to_it].max() < 1
    assert off.max() < 3


@given(st.integers(4, 8), st.floats(0, 60), st.floats(0, 360), st.integers(0, 2**32))
def test_a_few_blocks_of_any_page_make_a_nearly_flat_surface(
    count: int, tilt: float, roll: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    chips = rng.permutation(np.stack(np.meshgrid([48.0, 80, 112], [48.0, 80, 112]), -1).reshape(-1, 2))[
        :count
    ]
    pose = replace(HELD, tilt_deg=tilt, roll_deg=roll)
    seen = photographed(chips, pose) + rng.normal(0, 0.2, chips.shape)

    found = fit_surface(chips, seen, np.full(count, 16.0), CAMERA)

    if np.linalg.matrix_rank(chips - chips.mean(axis=0)) == 2:
        off = np.linalg.norm(found.to_level(chips) - seen, axis=1) / found.px_per_chip(chips)
        assert off.max() < 1.5
    assert np.abs(found.curvature).max() < 4e-3


def test_matches_of_no_weight_do_not_count() -> None:
    grid = chips_grid()
    seen = photographed(grid, FLAT)
    weights = np.full(len(grid), 25.0)
    seen[::2] += 50.0
    weights[::2] = 1e-9

    found = fit_surface(grid, seen, weights, CAMERA)

    assert np.linalg.norm(found.to_level(grid)[1::2] - seen[1::2], axis=1).max() < 0.2


def test_three_matches_make_a_surface() -> None:
    chips = np.array([(0.0, 0.0), (100.0, 0.0), (0.0, 100.0)])
    seen = chips * 3 + 407

    found = fit_surface(chips, seen, np.full(3, 25.0), CAMERA)

    np.testing.assert_allclose(found.to_level(chips), seen, atol=0.1)


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
