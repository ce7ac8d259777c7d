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
from watermarks.pose_search import SIDES_PX, TILTS_XY, Pose, agreement, search
from watermarks.template import lines

SHAPE = (320, 400)
LARGE_PX, SMALL_PX = SIDES_PX
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

    poses = list(search(template_plane(SHAPE, truth, 2.0, seed), SMALL_PX, DRAFT_0))

    assert min(share_off(pose, truth) for pose in poses) < 0.03


@settings(max_examples=12)
@given(
    turn=st.floats(-180, 180),
    px_per_chip=st.floats(0.8, 1.15),
    tilt=st.floats(0, 10),
    towards=st.floats(0, 360),
    seed=st.integers(0, 2**32 - 1),
)
def test_large_windows_find_a_page_that_is_nearly_square_to_the_camera(
    turn: float, px_per_chip: float, tilt: float, towards: float, seed: int
) -> None:
    truth = tilted(SHAPE, px_per_chip=px_per_chip, turn=turn, tilt=tilt, towards=towards)

    (pose, *_) = search(template_plane(SHAPE, truth, 2.0, seed), LARGE_PX, DRAFT_0)

    assert share_off(pose, truth) < 0.03


@pytest.mark.parametrize("seed", range(3))
def test_large_windows_show_a_template_that_is_too_weak_for_small_ones(seed: int) -> None:
    truth = tilted((480, 640), px_per_chip=1.0, turn=70.0 * seed, tilt=5.0, middle_xy=(20.0, 70.0))
    plane = template_plane((480, 640), truth, 20.0, seed)

    large, small = (list(search(plane, side, DRAFT_0)) for side in SIDES_PX)

    assert share_off(large[0], truth) < 0.03
    assert large[0].score > 2 * max((pose.score for pose in small), default=0.0)


@pytest.mark.parametrize("aside", [-25.0, 15.0])
@pytest.mark.parametrize("undone_xy", TILTS_XY, ids=lambda undone_xy: f"{undone_xy.round(1)}")
def test_a_steep_page_is_found_once_its_tilt_is_undone(undone_xy: Array, aside: float) -> None:
    towards = float(np.degrees(np.arctan2(*undone_xy[::-1]))) + aside
    truth = tilted(
        SHAPE, px_per_chip=1.05, turn=3 * towards, tilt=52.0, towards=towards, middle_xy=(20.0, 70.0)
    )

    poses = search(template_plane(SHAPE, truth, 2.0), SMALL_PX, DRAFT_0, undone_xy=undone_xy)

    assert share_off(next(poses), truth) < 0.04


@pytest.mark.parametrize("undone_xy", TILTS_XY, ids=lambda undone_xy: f"{undone_xy.round(1)}")
def test_a_flat_page_is_found_through_an_undone_tilt_that_it_has_not(undone_xy: Array) -> None:
    """The camera that the undone plane has been given tells tilts from there."""
    truth = tilted(SHAPE, px_per_chip=1.0, turn=40.0)

    poses = search(template_plane(SHAPE, truth, 2.0), SMALL_PX, DRAFT_0, undone_xy=undone_xy)

    assert share_off(next(poses), truth) < 0.03


@pytest.mark.parametrize("turn", [0.0, 30.0, 100.0, 180.0, 250.0])
@pytest.mark.parametrize(
    ("tilt", "side"), [(0.0, SMALL_PX), (25.0, SMALL_PX), (0.0, LARGE_PX), (10.0, LARGE_PX)]
)
def test_without_noise_the_offset_is_right_and_upside_down_is_told(
    turn: float, tilt: float, side: int
) -> None:
    truth = tilted(SHAPE, px_per_chip=0.95, turn=turn, tilt=tilt, towards=40.0, middle_xy=(90.0, 31.0))

    pose = next(iter(search(template_plane(SHAPE, truth, 0.1), side, DRAFT_0)))

    near = pose.centre_xy + np.array([[0, 0], [20, 0], [0, 20], [-15, -15]])
    off = Surface.flat(pose.tile_to_search).to_chips(near) - Surface.flat(truth).to_chips(near)
    tile = DRAFT_0.tile_chips
    assert np.abs((off + tile / 2) % tile - tile / 2).max() < 0.8


@pytest.mark.parametrize("side", SIDES_PX)
def test_a_poses_centre_lies_in_the_plane_and_the_likeliest_comes_first(side: int) -> None:
    truth = tilted(SHAPE, px_per_chip=0.9, turn=12.0)

    poses = list(search(template_plane(SHAPE, truth, 1.0), side, DRAFT_0))

    height, width = SHAPE
    assert all((pose.centre_xy > 0).all() and (pose.centre_xy < [width, height]).all() for pose in poses)
    assert share_off(poses[0], truth) < 0.03
    noise = search(np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32), side, DRAFT_0)
    assert poses[0].score > 2 * max((pose.score for pose in noise), default=0.0)


def test_a_mark_in_a_corner_of_the_plane_is_found_there() -> None:
    truth = tilted(SHAPE, px_per_chip=0.9, turn=-20.0)
    marked = template_plane(SHAPE, truth, 1.0)
    plane = np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)
    plane[:160, :170] = marked[:160, :170]

    pose = next(iter(search(plane, SMALL_PX, DRAFT_0)))

    assert share_off(pose, truth) < 0.04
    assert (pose.centre_xy < [190, 180]).all()


def test_poses_in_what_is_known_are_left_out() -> None:
    """Of two pages side by side, once the reader has the left one."""
    left, right = (tilted((320, 640), px_per_chip=0.9, turn=turn) for turn in (20.0, -65.0))
    plane = template_plane((320, 640), left, 1.0)
    plane[:, 320:] = template_plane((320, 640), right, 1.0)[:, 320:]
    asked: list[Array] = []

    def known(search_xy: Array) -> bool:
        asked.append(search_xy)
        return bool(search_xy[0] < 320)

    both = list(search(plane, SMALL_PX, DRAFT_0))
    poses = list(search(plane, SMALL_PX, DRAFT_0, known=known))

    assert {bool(pose.centre_xy[0] < 320) for pose in both} == {True, False}
    assert len(asked) == len(both)
    assert [pose.score for pose in poses] == [pose.score for pose in both if pose.centre_xy[0] >= 320]
    assert share_off(poses[0], right) < 0.03


@pytest.mark.parametrize("side", SIDES_PX)
@pytest.mark.parametrize("undone_xy", [None, TILTS_XY[1]], ids=["as seen", "tilt undone"])
def test_a_plane_smaller_than_a_window_shows_nothing(side: int, undone_xy: Array | None) -> None:
    for shape in ((1, 1), (side - 1, 400), (side + 2, side - 38)):
        assert not list(search(np.ones(shape, np.float32), side, DRAFT_0, undone_xy=undone_xy))


@pytest.mark.parametrize("side", SIDES_PX)
@pytest.mark.parametrize("undone_xy", [None, TILTS_XY[1]], ids=["as seen", "tilt undone"])
def test_a_flat_plane_shows_nothing(side: int, undone_xy: Array | None) -> None:
    assert not list(search(np.zeros(SHAPE, np.float32), side, DRAFT_0, undone_xy=undone_xy))


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_phasors_agree_best_at_their_own_offset(right: float, down: float) -> None:
    """A line's phasor at tile coordinates t is that of ``2 pi cycles . t``."""
    cycles = lines(DRAFT_0).cycles_xy
    count = len(agreement(cycles, np.ones(len(cycles), np.complex128)))
    col, row = int(right * count), int(down * count)
    turns = cycles @ np.array([col, row]) / count

    agreed = agreement(cycles, np.exp(2j * np.pi * turns))

    assert agreed.shape == (count, count)
    assert int(agreed.argmax()) == count * row + col
