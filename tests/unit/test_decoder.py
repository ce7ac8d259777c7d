"""From a known pose to a payload: registration, decoding and the picture's corners."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.photographs import photograph, scaled
from watermarks import DRAFT_0, Payload, ecc, embed
from watermarks.decoder import CODED_BITS, accumulated_db, chip_weights, decode
from watermarks.payload import to_message_bits
from watermarks.pose_search import Pose, search
from watermarks.region import covered_corners
from watermarks.registration import BLOCK, STRIDE, Registration, register
from watermarks.whitening import SEARCH_SHRINK, Level, level

KEY = b"a key of the tests"
PAYLOAD = Payload(0x0123456789AB)

# The capture shows so many pixels a chip, upright and flat, its top left corner a tile's.
PX_PER_CHIP = 2.5


@pytest.fixture(scope="module")
def capture() -> NDArray[np.uint8]:
    """A marked picture of 300 x 200 chips at 4 pixels a chip, made small."""
    host = photograph("coffee", 1200)
    marked = embed(host, PAYLOAD, KEY, dpi=4 * DRAFT_0.chips_per_inch)
    return scaled(marked, (round(300 * PX_PER_CHIP), round(200 * PX_PER_CHIP)))


@pytest.fixture(scope="module")
def whitened(capture: NDArray[np.uint8]) -> Level:
    return level(capture, 1)


@pytest.fixture(scope="module")
def registration(whitened: Level) -> Registration:
    found = register(whitened, true_pose(whitened), DRAFT_0)
    assert found is not None
    return found


def true_pose(of_level: Level) -> Pose:
    """Return the pose that the search should find: chips -> pixels of the search planes."""
    height, width = of_level.search_planes.shape[:2]
    step = PX_PER_CHIP / SEARCH_SHRINK
    to_search = np.array([[step, 0, -0.5], [0, step, -0.5], [0, 0, 1.0]])
    return Pose(to_search, np.array([width / 2, height / 2]), 9.0)


def chips_off(found: Registration, tile_chips: int = DRAFT_0.tile_chips) -> NDArray[np.float64]:
    """Return how far, in chips and up to whole tiles, a surface puts pixels from where they are."""
    pixels = np.stack(np.meshgrid(np.arange(40.0, 711, 67), np.arange(40.0, 461, 60)), -1)
    chips = found.surface.to_chips(pixels)
    off = chips - (pixels + 0.5) / PX_PER_CHIP
    return np.asarray(np.linalg.norm((off + tile_chips / 2) % tile_chips - tile_chips / 2, axis=-1))


def test_the_search_finds_the_pose(whitened: Level) -> None:
    centre = true_pose(whitened).centre_xy

    poses = search(whitened.search_planes, centre, DRAFT_0)

    assert poses
    assert all(one.z >= other.z for one, other in pairwise(poses))
    found = register(whitened, poses[0], DRAFT_0)
    assert found is not None
    assert np.median(chips_off(found)) < 0.7


def test_the_search_finds_nothing_without_a_mark() -> None:
    bare = level(photograph("coffee", 750), 1)

    for pose in search(bare.search_planes, true_pose(bare).centre_xy, DRAFT_0):
        found = register(bare, pose, DRAFT_0)
        assert found is None or decode(bare, found, KEY, DRAFT_0) is None


def test_registration_follows_the_mark_over_the_whole_picture(registration: Registration) -> None:
    """Well under half a chip, beyond which the message is lost."""
    assert np.quantile(chips_off(registration), 0.9) < 0.4
    rows, cols = registration.block_z.shape
    assert STRIDE * (rows - 1) + BLOCK >= 160
    assert STRIDE * (cols - 1) + BLOCK >= 256
    assert registration.block_z.max() > 3


def test_registration_mends_a_pose_that_is_a_little_off(whitened: Level) -> None:
    truth = true_pose(whitened)
    middle = np.array([[1, 0, 150], [0, 1, 100], [0, 0, 1.0]])
    turn = np.radians(0.4)
    wrong = np.array([[np.cos(turn), -np.sin(turn), 0.6], [np.sin(turn), np.cos(turn), -0.4], [0, 0, 1]])
    nudged = truth.tile_to_level @ middle @ np.diag([1.005, 1.005, 1]) @ wrong @ np.linalg.inv(middle)

    found = register(whitened, Pose(nudged, truth.centre_xy, truth.z), DRAFT_0)

    assert found is not None
    assert np.quantile(chips_off(found), 0.9) < 0.4


def test_a_wrong_pose_registers_nothing_that_decodes(whitened: Level) -> None:
    truth = true_pose(whitened)
    wrong = truth.tile_to_level @ np.diag([1.3, 1.3, 1.0])

    found = register(whitened, Pose(wrong, truth.centre_xy, truth.z), DRAFT_0)

    assert found is None or decode(whitened, found, KEY, DRAFT_0) is None


def test_the_payload_comes_out(whitened: Level, registration: Registration) -> None:
    decoded = decode(whitened, registration, KEY, DRAFT_0)

    assert decoded is not None
    assert decoded.payload == PAYLOAD
    np.testing.assert_array_equal(decoded.coded_bits, ecc.encode(to_message_bits(PAYLOAD, KEY)))
    assert decoded.signal_db > 25


def test_another_key_gets_nothing(whitened: Level, registration: Registration) -> None:
    assert decode(whitened, registration, b"another key of tests", DRAFT_0) is None


def test_the_corners_are_the_pictures(whitened: Level, registration: Registration) -> None:
    coded = ecc.encode(to_message_bits(PAYLOAD, KEY))

    corners = covered_corners(whitened, registration, coded, KEY, DRAFT_0)

    height, width = whitened.luma.shape
    truth = np.array([(0, 0), (width, 0), (width, height), (0, height)]) - 0.5
    assert np.linalg.norm(corners - truth, axis=1).max() < 0.03 * np.hypot(width, height)


def test_every_chip_has_a_weight_of_its_blocks(registration: Registration) -> None:
    rows, cols = registration.block_z.shape
    for pitch in (1, 2):
        weights = chip_weights(registration, pitch)
        assert weights.shape == tuple((STRIDE * (n - 1) + BLOCK) // pitch for n in (rows, cols))
        assert weights.min() >= 0
        assert weights.max() <= registration.block_z.max() + 1e-3


@pytest.mark.parametrize(("amplitude", "expected_db"), [(1.0, 25.7), (0.5, 19.6), (10.0, 45.7)])
def test_accumulated_signal(amplitude: float, expected_db: float) -> None:
    """All coded bits' energy over the noise of one: 10 log10(368) is 25.7."""
    coded = ecc.encode(to_message_bits(PAYLOAD, KEY))
    noise = np.random.default_rng(0).standard_normal(CODED_BITS)
    received = amplitude * (1.0 - 2.0 * coded) + noise

    assert accumulated_db(received, coded) == pytest.approx(expected_db, abs=0.8)
    assert accumulated_db(7 * received, coded) == pytest.approx(accumulated_db(received, coded))
    assert accumulated_db(-received, coded) < -100
