"""Poses found by the template's lines, under any turn and under the tilts of a reader's phone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.tilted_pages import jacobian, template_plane, tilted
from watermarks import DRAFT_0
from watermarks.geometry import Surface
from watermarks.pose_search import Pose, agreement, search
from watermarks.template import lines

SHAPE = (320, 400)
Array = NDArray[np.float64]


def share_off(pose: Pose, truth: Array) -> float:
    """Return by what share a pose's map differs from the true one where it was found, but for its sign."""
    change = np.linalg.solve(jacobian(truth, pose.centre_xy), jacobian(pose.tile_to_search, pose.centre_xy))
    return float(min(np.abs(sign * change - np.eye(2)).max() for sign in (1, -1)))


@settings(max_examples=12)
@given(
    turn=st.floats(-180, 180),
    px_per_chip=st.floats(0.8, 1.15),
    tilt=st.floats(0, 45),
    towards=st.floats(0, 360),
    middle_xy=st.tuples(st.floats(0, 128), st.floats(0, 128)),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_pose_is_found(
    turn: float,
    px_per_chip: float,
    tilt: float,
    towards: float,
    middle_xy: tuple[float, float],
    seed: int,
) -> None:
    truth = tilted(SHAPE, px_per_chip=px_per_chip, turn=turn, tilt=tilt, towards=towards, middle_xy=middle_xy)

    poses = list(search(template_plane(SHAPE, truth, 2.0, seed), DRAFT_0))

    assert min(share_off(pose, truth) for pose in poses) < 0.03


@pytest.mark.parametrize(("turn", "towards"), [(20.0, 0.0), (200.0, 75.0), (305.0, 250.0)])
def test_a_steep_page_is_found_once_straightened(turn: float, towards: float) -> None:
    truth = tilted(SHAPE, px_per_chip=1.05, turn=turn, tilt=52.0, towards=towards, middle_xy=(20.0, 70.0))

    poses = list(search(template_plane(SHAPE, truth, 2.0), DRAFT_0, straighten=True))

    assert share_off(poses[0], truth) < 0.04


@pytest.mark.parametrize("turn", [0.0, 30.0, 100.0, 180.0, 250.0])
@pytest.mark.parametrize("tilt", [0.0, 25.0])
def test_without_noise_the_offset_is_right_and_upside_down_is_told(turn: float, tilt: float) -> None:
    truth = tilted(SHAPE, px_per_chip=0.95, turn=turn, tilt=tilt, towards=40.0, middle_xy=(90.0, 31.0))

    pose = next(iter(search(template_plane(SHAPE, truth, 0.1), DRAFT_0)))

    near = pose.centre_xy + np.array([[0, 0], [20, 0], [0, 20], [-15, -15]])
    off = Surface.flat(pose.tile_to_search).to_chips(near) - Surface.flat(truth).to_chips(near)
    tile = DRAFT_0.tile_chips
    assert np.abs((off + tile / 2) % tile - tile / 2).max() < 0.8


def test_a_poses_centre_lies_in_the_plane_and_the_likeliest_comes_first() -> None:
    truth = tilted(SHAPE, px_per_chip=0.9, turn=12.0)

    poses = list(search(template_plane(SHAPE, truth, 1.0), DRAFT_0))

    height, width = SHAPE
    assert all((pose.centre_xy > 0).all() and (pose.centre_xy < [width, height]).all() for pose in poses)
    assert share_off(poses[0], truth) < 0.03
    noise = search(np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32), DRAFT_0)
    assert poses[0].score > 2 * max((pose.score for pose in noise), default=0.0)


def test_a_mark_in_a_corner_of_the_plane_is_found_there() -> None:
    truth = tilted(SHAPE, px_per_chip=0.9, turn=-20.0)
    marked = template_plane(SHAPE, truth, 1.0)
    plane = np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)
    plane[:160, :170] = marked[:160, :170]

    pose = next(iter(search(plane, DRAFT_0)))

    assert share_off(pose, truth) < 0.04
    assert (pose.centre_xy < [190, 180]).all()


@pytest.mark.parametrize("shape", [(1, 1), (127, 400), (130, 90)])
def test_a_plane_smaller_than_a_window_shows_nothing(shape: tuple[int, int]) -> None:
    assert not list(search(np.ones(shape, np.float32), DRAFT_0))


def test_a_flat_plane_shows_nothing() -> None:
    assert not list(search(np.zeros(SHAPE, np.float32), DRAFT_0))


@given(st.integers(0, 255), st.integers(0, 255))
def test_phasors_agree_best_at_their_own_offset(right: int, down: int) -> None:
    """A line's phasor at tile coordinates t is that of ``2 pi cycles . t``."""
    cycles = lines(DRAFT_0).cycles_xy
    turns = cycles @ np.array([right, down]) / 256

    agreed = agreement(cycles, np.exp(2j * np.pi * turns))

    assert agreed.shape == (256, 256)
    assert int(agreed.argmax()) == 256 * down + right
