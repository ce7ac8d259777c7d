"""Poses grown into surfaces: over all of a marked picture, and over nothing else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.photographs import photograph
from tests.tilted_pages import chip_tile, relabelled, tilted
from watermarks import DRAFT_0, Payload, ecc, embed
from watermarks.blocks import BLOCK, STRIDE
from watermarks.geometry import Surface
from watermarks.mark_following import follow_mark
from watermarks.payload import to_message_bits
from watermarks.pose_search import Pose
from watermarks.registration import SHOWN_Z, Registration, register, registered
from watermarks.whitening import Level, level, luma_of

KEY = b"a key of the tests"
PAYLOAD = Payload(0x0123456789AB)
CODED = ecc.encode(to_message_bits(PAYLOAD, KEY))
Array = NDArray[np.float64]

# A frame that shows a picture of 300 x 200 chips, about 2 pixels a chip, on white paper.
FRAME = (520, 700)
CHIPS = (300, 200)
PX_PER_CHIP = 2.0

UPRIGHT = {"turn": 0.0, "tilt": 0.0, "towards": 0.0}
OBLIQUE = {"turn": 17.0, "tilt": 30.0, "towards": 60.0}


@pytest.fixture(scope="module")
def marked() -> NDArray[np.uint8]:
    """A picture of 300 x 200 chips at 4 pixels a chip."""
    return embed(photograph("coffee", 1200), PAYLOAD, KEY, dpi=4 * DRAFT_0.chips_per_inch, strength=2.0)


def photo_of(picture: NDArray[np.uint8], to_frame: Array) -> Level:
    """Return what a frame shows of a picture, with a sensor's noise; the search plane is half as fine."""
    to_chips = np.array([[0.25, 0, 0.125], [0, 0.25, 0.125], [0, 0, 1.0]])
    small = cv2.GaussianBlur(picture, (0, 0), 0.8)
    frame = cv2.warpPerspective(
        small, to_frame @ to_chips, FRAME[::-1], flags=cv2.INTER_CUBIC, borderValue=(245, 245, 245)
    )
    noise = np.random.default_rng(0).normal(0, 2.0, frame.shape)
    return level(luma_of(np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8)), 2)


def frame_of(turn: float, tilt: float, towards: float) -> Array:
    return tilted(
        FRAME, px_per_chip=PX_PER_CHIP, turn=turn, tilt=tilt, towards=towards, middle_xy=(150.0, 100.0)
    )


def pose_at(of_level: Level, to_frame: Array, nudge: Array | None = None) -> Pose:
    """Return the pose of a known page, in pixels of the search plane, nudged about its middle chip."""
    to_search = Surface.flat(to_frame).scaled(1 / of_level.search_shrink).tile_to_level
    middle = np.array([[1, 0, 150], [0, 1, 100], [0, 0, 1.0]])
    nudged = to_search @ middle @ (np.eye(3) if nudge is None else nudge) @ np.linalg.inv(middle)
    height, width = of_level.search_plane.shape
    return Pose(nudged, np.array([width / 2, height / 2]), 20.0)


def shows(found: Registration, level_xy: Array) -> bool:
    """Whether a point of the level lies in a block that shows the template."""
    chips = found.surface.to_chips(level_xy)
    col, row = np.rint((chips - np.array(found.origin) - BLOCK / 2) / STRIDE).astype(int)
    rows, cols = found.block_z.shape
    return 0 <= row < rows and 0 <= col < cols and bool(found.block_z[row, col] > SHOWN_Z)


def chips_off(found: Registration, to_frame: Array) -> Array:
    """Return how far, in chips and up to whole tiles, a surface puts chips of the picture from their places.

    Of those that the registration says it holds, which are most.
    """
    x, y = np.linspace(40, CHIPS[0] - 40, 14), np.linspace(40, CHIPS[1] - 40, 10)
    truth = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    seen = Surface.flat(to_frame).to_level(truth)
    held = np.array([shows(found, at) for at in seen])
    assert held.mean() > 0.9
    # `to_chips` ignores the bend: followed back by steps instead.
    chips = found.surface.to_chips(seen)
    for _ in range(5):
        chips = chips + found.surface.to_chips(seen) - found.surface.to_chips(found.surface.to_level(chips))
    tile = DRAFT_0.tile_chips
    off = np.linalg.norm((chips - truth + tile / 2) % tile - tile / 2, axis=-1)
    return np.asarray(off[held])


@pytest.mark.parametrize("pose", [UPRIGHT, OBLIQUE], ids=["upright", "oblique"])
def test_a_pose_slightly_off_becomes_a_surface_to_a_fraction_of_a_chip(
    marked: NDArray[np.uint8], pose: dict[str, float]
) -> None:
    to_frame = frame_of(**pose)
    shown = photo_of(marked, to_frame)
    angle = np.radians(0.5)
    nudge = np.array(
        [
            [1.006 * np.cos(angle), -np.sin(angle), 0.7],
            [np.sin(angle), 0.996 * np.cos(angle), -0.6],
            [0, 0, 1],
        ]
    )

    found = register(shown, pose_at(shown, to_frame, nudge), DRAFT_0)

    assert found is not None
    off = chips_off(found, to_frame)
    assert np.median(off) < 0.25
    assert np.quantile(off, 0.9) < 0.6
    rows, cols = found.block_z.shape
    assert STRIDE * (rows - 1) + BLOCK >= 160
    assert STRIDE * (cols - 1) + BLOCK >= 256


@settings(max_examples=6)
@given(
    turn=st.floats(-180, 180),
    tilt=st.floats(0, 35),
    towards=st.floats(0, 360),
    share=st.floats(-0.006, 0.006),
    off_xy=st.tuples(st.floats(-0.8, 0.8), st.floats(-0.8, 0.8)),
)
def test_the_surface_is_followed_under_any_turn_and_tilt(
    marked: NDArray[np.uint8],
    turn: float,
    tilt: float,
    towards: float,
    share: float,
    off_xy: tuple[float, float],
) -> None:
    to_frame = frame_of(turn, tilt, towards)
    shown = photo_of(marked, to_frame)
    nudge = np.array([[1 + share, 0, off_xy[0]], [0, 1 - share, off_xy[1]], [0, 0, 1.0]])

    found = register(shown, pose_at(shown, to_frame, nudge), DRAFT_0)

    assert found is not None
    assert np.median(chips_off(found, to_frame)) < 0.4


@pytest.mark.parametrize("seed", range(4))
def test_noise_alone_gives_none(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(128, 30, FRAME).astype(np.float32)
    bare = level(noise, 2)

    assert register(bare, pose_at(bare, frame_of(**OBLIQUE)), DRAFT_0) is None


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_a_picture_without_a_mark_gives_none(name: str) -> None:
    to_frame = frame_of(**UPRIGHT)
    bare = photo_of(photograph(name, 1200), to_frame)

    assert register(bare, pose_at(bare, to_frame), DRAFT_0) is None


@pytest.mark.parametrize("scale", [0.8, 1.3])
def test_a_wrong_pose_on_a_mark_gives_none(marked: NDArray[np.uint8], scale: float) -> None:
    to_frame = frame_of(**UPRIGHT)
    shown = photo_of(marked, to_frame)

    assert register(shown, pose_at(shown, to_frame, np.diag([scale, scale, 1.0])), DRAFT_0) is None


def test_a_pose_beside_the_frame_gives_none(marked: NDArray[np.uint8]) -> None:
    to_frame = frame_of(**UPRIGHT)
    shown = photo_of(marked, to_frame)
    beside = Pose(pose_at(shown, to_frame).tile_to_search, np.array([5000.0, 5000.0]), 20.0)

    assert register(shown, beside, DRAFT_0) is None


def test_a_known_surface_shows_the_template_where_the_picture_is(marked: NDArray[np.uint8]) -> None:
    to_frame = frame_of(**UPRIGHT)
    shown = photo_of(marked, to_frame)
    to_search = Surface.flat(pose_at(shown, to_frame).tile_to_search)

    found = registered(shown, to_search, np.array([[-192.0, -192.0], [480.0, 384.0]]), DRAFT_0)

    assert found.block_z.min() >= 0
    np.testing.assert_allclose(found.surface.to_level(np.array([7.0, 5.0])), _project(to_frame, (7.0, 5.0)))
    row, col = np.mgrid[: found.block_z.shape[0], : found.block_z.shape[1]]
    x = found.origin[0] + STRIDE * col + BLOCK / 2
    y = found.origin[1] + STRIDE * row + BLOCK / 2
    inside = (x > 50) & (x < 250) & (y > 50) & (y < 150)
    outside = (x < -100) | (x > 400) | (y < -100) | (y > 300)
    assert found.block_z[inside].min() > 2
    assert found.block_z[inside].mean() > 4
    assert found.block_z[outside].mean() < 0.7
    assert shows(found, _project(to_frame, (150.0, 100.0)))
    assert not shows(found, _project(to_frame, (-120.0, -120.0)))
    assert not shows(found, _project(to_frame, (1500.0, 100.0)))


@pytest.mark.parametrize(("turn", "offset_xy"), [(1, (40.0, 12.5)), (-1, (3.0, 100.0))])
def test_a_registration_moved_in_the_tile_and_back_lies_where_it_was(
    marked: NDArray[np.uint8], turn: int, offset_xy: tuple[float, float]
) -> None:
    to_frame = frame_of(**OBLIQUE)
    shown = photo_of(marked, to_frame)
    found = register(shown, pose_at(shown, to_frame), DRAFT_0)
    assert found is not None
    offset = np.array(offset_xy)

    moved = relabelled(found, turn, offset)
    back = follow_mark(shown, moved, turn, -turn * offset, chip_tile(CODED, KEY))

    chip = np.array([150.0, 100.0])
    at = moved.surface.to_level(turn * found.surface.to_chips(_project(to_frame, (150.0, 100.0))) + offset)
    assert np.linalg.norm(at - Surface.flat(to_frame).to_level(chip)) < 4 * PX_PER_CHIP
    assert np.quantile(chips_off(back, to_frame), 0.9) < 0.4


def test_a_mark_is_followed_over_a_dark_band_that_shows_none_of_it(marked: NDArray[np.uint8]) -> None:
    """From the part left of a band of 100 chips, wider than a block, to the part right of it."""
    to_frame = frame_of(**UPRIGHT)
    banded = marked.copy()
    banded[:, 4 * 100 : 4 * 200] = 12
    shown = photo_of(banded, to_frame)
    to_search = Surface.flat(pose_at(shown, to_frame).tile_to_search)
    left = registered(shown, to_search, np.array([[0.0, 0.0], [100.0, 200.0]]), DRAFT_0)
    assert not shows(left, _project(to_frame, (240.0, 100.0)))

    found = follow_mark(shown, left, 1, np.zeros(2), chip_tile(CODED, KEY))

    assert shows(found, _project(to_frame, (60.0, 100.0)))
    assert shows(found, _project(to_frame, (240.0, 100.0)))
    for chip in ((60.0, 100.0), (240.0, 60.0), (240.0, 140.0)):
        off = found.surface.to_level(np.array(chip)) - _project(to_frame, chip)
        assert np.linalg.norm(off) < 0.5 * PX_PER_CHIP


def _project(to_frame: Array, chip_xy: tuple[float, float]) -> Array:
    return Surface.flat(to_frame).to_level(np.array(chip_xy))
