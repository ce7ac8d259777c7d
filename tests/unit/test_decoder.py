"""From a known pose to a payload: registration, decoding and the picture's corners."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.photographs import photograph, scaled
from tests.tilted_pages import chip_tile, relabelled
from watermarks import DRAFT_0, Payload, ecc, embed
from watermarks.blocks import BLOCK, STRIDE
from watermarks.chips import spreading
from watermarks.decoder import (
    CODED_BITS,
    accumulated_db,
    chip_weights,
    decode,
    fold,
    likely_places,
    matched_filter,
    soft_bits,
)
from watermarks.embedder import mark_tile
from watermarks.mark_following import follow_mark
from watermarks.payload import to_message_bits
from watermarks.pose_search import SIDES_PX, Pose, search
from watermarks.region import covered_region
from watermarks.registration import Registration, register
from watermarks.template import lines
from watermarks.whitening import Level, level, luma_of

KEY = b"a key of the tests"
PAYLOAD = Payload(0x0123456789AB)
CODED = ecc.encode(to_message_bits(PAYLOAD, KEY))

# The capture shows so many pixels a chip, upright and flat, its top left corner a tile's.
PX_PER_CHIP = 2.5

# About what `strength.choose_strength` says for this picture.
STRENGTH = 2.0


@pytest.fixture(scope="module")
def capture() -> NDArray[np.uint8]:
    """A marked picture of 300 x 200 chips at 4 pixels a chip, made small."""
    host = photograph("coffee", 1200)
    marked = embed(host, PAYLOAD, KEY, dpi=4 * DRAFT_0.chips_per_inch, strength=STRENGTH)
    return scaled(marked, (round(300 * PX_PER_CHIP), round(200 * PX_PER_CHIP)))


@pytest.fixture(scope="module")
def whitened(capture: NDArray[np.uint8]) -> Level:
    return level(luma_of(capture), 2)


@pytest.fixture(scope="module")
def registration(whitened: Level) -> Registration:
    found = register(whitened, true_pose(whitened), DRAFT_0)
    assert found is not None
    return found


def true_pose(of_level: Level) -> Pose:
    """Return the pose that the search should find: chips -> pixels of the search plane."""
    height, width = of_level.search_plane.shape
    step = PX_PER_CHIP / of_level.search_shrink
    to_search = np.array([[step, 0, -0.5], [0, step, -0.5], [0, 0, 1.0]])
    return Pose(to_search, np.array([width / 2, height / 2]), 9.0)


def chips_off(found: Registration, tile_chips: int = DRAFT_0.tile_chips) -> NDArray[np.float64]:
    """Return how far, in chips and up to whole tiles, a surface puts pixels from where they are."""
    pixels = np.stack(np.meshgrid(np.arange(40.0, 711, 67), np.arange(40.0, 461, 60)), -1)
    chips = found.surface.to_chips(pixels)
    off = chips - (pixels + 0.5) / PX_PER_CHIP
    return np.asarray(np.linalg.norm((off + tile_chips / 2) % tile_chips - tile_chips / 2, axis=-1))


def test_the_search_finds_a_pose_that_decodes_and_then_lies_in_place(whitened: Level) -> None:
    poses = [pose for side in SIDES_PX for pose in search(whitened.search_plane, side, DRAFT_0)]

    assert poses
    assert all(pose.score > 0 for pose in poses)
    for pose in poses:
        found = register(whitened, pose, DRAFT_0)
        if found is None:
            continue
        decoded, _ = decode(whitened, found, KEY, DRAFT_0, most_lists=2)
        if decoded is not None:
            break
    else:
        pytest.fail("no pose decodes")
    assert decoded.payload == PAYLOAD
    place = decoded.place
    moved = follow_mark(whitened, found, place.turn, place.offset_xy, chip_tile(CODED, KEY))
    assert np.quantile(chips_off(moved), 0.9) < 0.4


@pytest.mark.parametrize("side", SIDES_PX)
def test_the_search_finds_nothing_without_a_mark(side: int) -> None:
    bare = level(luma_of(photograph("coffee", 750)), 2)

    for pose in search(bare.search_plane, side, DRAFT_0):
        found = register(bare, pose, DRAFT_0)
        assert found is None or decode(bare, found, KEY, DRAFT_0, most_lists=2)[0] is None


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
    nudged = truth.tile_to_search @ middle @ np.diag([1.005, 1.005, 1]) @ wrong @ np.linalg.inv(middle)

    found = register(whitened, Pose(nudged, truth.centre_xy, truth.score), DRAFT_0)

    assert found is not None
    assert np.quantile(chips_off(found), 0.9) < 0.4


def test_a_wrong_pose_registers_nothing_that_decodes(whitened: Level) -> None:
    truth = true_pose(whitened)
    wrong = truth.tile_to_search @ np.diag([1.3, 1.3, 1.0])

    found = register(whitened, Pose(wrong, truth.centre_xy, truth.score), DRAFT_0)

    assert found is None or decode(whitened, found, KEY, DRAFT_0, most_lists=2)[0] is None


def test_the_payload_comes_out(whitened: Level, registration: Registration) -> None:
    decoded, _ = decode(whitened, registration, KEY, DRAFT_0, most_lists=2)

    assert decoded is not None
    assert decoded.payload == PAYLOAD
    np.testing.assert_array_equal(decoded.coded_bits, CODED)
    assert decoded.signal_db > 25


def test_a_registration_elsewhere_in_the_tile_decodes_and_says_where(
    whitened: Level, registration: Registration
) -> None:
    """As a page upside down, or one found where the lines agree nearly as well, would be."""
    for turn, offset in ((1, np.array([40.0, 7.5])), (-1, np.array([3.0, 90.0]))):
        elsewhere = relabelled(registration, turn, offset)

        decoded, _ = decode(whitened, elsewhere, KEY, DRAFT_0, most_lists=2)

        assert decoded is not None
        assert decoded.payload == PAYLOAD
        assert decoded.place.turn == turn
        middle = elsewhere.surface.to_chips(np.array([374.5, 249.5]))
        off = turn * middle + decoded.place.offset_xy - np.array([150.0, 100.0])
        np.testing.assert_allclose((off + 64) % 128 - 64, 0, atol=1.0)
        back = follow_mark(whitened, elsewhere, turn, decoded.place.offset_xy, chip_tile(CODED, KEY))
        assert np.quantile(chips_off(back), 0.9) < 0.4


@cache
def synthetic_spectrum(noise: float) -> NDArray[np.complex128]:
    """Return the transform of a tile as the embedder makes it, one sample a chip, and noise."""
    side = DRAFT_0.tile_chips
    tile = mark_tile(DRAFT_0, CODED, KEY).reshape(side, 2, side, 2).mean(axis=(1, 3))
    return np.asarray(np.fft.fft2(tile + noise * np.random.default_rng(0).standard_normal((side, side))))


def shifted(spectrum: NDArray[np.complex128], chips_xy: tuple[float, float]) -> NDArray[np.complex128]:
    """Return the transform of a tile rolled by chips."""
    cycles = np.fft.fftfreq(len(spectrum))
    right, down = (np.exp(-2j * np.pi * cycles * chips) for chips in chips_xy)
    return np.asarray(spectrum * down[:, None] * right)


def test_a_tile_in_place_is_likeliest_to_be_in_place() -> None:
    places = likely_places(synthetic_spectrum(0.5), DRAFT_0)

    assert places[0].turn == 1
    np.testing.assert_allclose(np.minimum(places[0].offset_xy, 128 - places[0].offset_xy), 0, atol=0.5)
    assert len({(place.turn, *place.offset_xy) for place in places}) == len(places) > 1


@given(st.integers(0, 255), st.integers(0, 255))
def test_a_moved_tiles_place_is_the_move_back(right: int, down: int) -> None:
    moved = (-right / 2, -down / 2)

    place = likely_places(shifted(synthetic_spectrum(0.0), moved), DRAFT_0)[0]

    assert place.turn == 1
    off = (place.offset_xy - np.array([right, down]) / 2 + 64) % 128 - 64
    np.testing.assert_allclose(off, 0, atol=0.5)


def test_a_tile_upside_down_is_likeliest_to_be_upside_down() -> None:
    """A chip's middle u lies at -u of the tile."""
    tile = np.fft.ifft2(synthetic_spectrum(0.2)).real

    place = likely_places(np.asarray(np.fft.fft2(tile[::-1, ::-1])), DRAFT_0)[0]

    assert place.turn == -1
    np.testing.assert_allclose((place.offset_xy + 64) % 128 - 64, 0, atol=0.5)


def test_matched_filtering_leaves_every_bit_on_its_side_and_the_template_out() -> None:
    despread = spreading(KEY, DRAFT_0, CODED_BITS).despread

    llr, noisier = (
        despread(matched_filter(synthetic_spectrum(noise), 50.0, DRAFT_0), CODED_BITS) * (1.0 - 2.0 * CODED)
        for noise in (1.0, 4.0)
    )

    assert (llr > 0).mean() > 0.99
    assert llr.mean() / llr.std() > 2 * noisier.mean() / noisier.std() > 0
    x, y = lines(DRAFT_0).cycles_xy.T
    left = np.abs(np.fft.fft2(matched_filter(synthetic_spectrum(1.0), 50.0, DRAFT_0)))
    np.testing.assert_allclose(left[y, x], 0, atol=1e-6 * left.max())


def test_another_key_gets_nothing(whitened: Level, registration: Registration) -> None:
    decoded, lists = decode(whitened, registration, b"another key of tests", DRAFT_0, most_lists=2)

    assert decoded is None
    assert lists <= 2


def test_the_corners_are_the_pictures(whitened: Level, registration: Registration) -> None:
    corners = covered_region(whitened, registration, CODED, KEY, DRAFT_0).corners_xy

    height, width = whitened.luma.shape
    truth = np.array([(0, 0), (width, 0), (width, height), (0, height)]) - 0.5
    assert np.linalg.norm(corners - truth, axis=1).max() < 0.03 * np.hypot(width, height)


def test_soft_bits_of_a_surface_in_place_lie_on_their_side(
    whitened: Level, registration: Registration
) -> None:
    llr = soft_bits(whitened, registration, KEY, DRAFT_0)

    assert llr.shape == (CODED_BITS,)
    assert (llr * (1.0 - 2.0 * CODED) > 0).mean() > 0.95
    assert accumulated_db(llr, CODED) > 25


def test_soft_bits_take_the_fall_off_that_makes_them_clear(
    whitened: Level, registration: Registration
) -> None:
    """Unless they are told one: of a capture that is sharp, a badly blurred photo's makes them worse."""
    own, sharp, blurred = (
        accumulated_db(soft_bits(whitened, registration, KEY, DRAFT_0, cutoff=cutoff), CODED)
        for cutoff in (None, 50.0, 20.0)
    )

    assert own > sharp - 0.5
    assert own > blurred + 1


def test_the_folded_tile_looks_like_the_marks(whitened: Level, registration: Registration) -> None:
    side = DRAFT_0.tile_chips
    tile = mark_tile(DRAFT_0, CODED, KEY).reshape(side, 2, side, 2).mean(axis=(1, 3))

    folded = fold(whitened, registration, DRAFT_0)

    assert folded.shape == (side, side)
    assert np.corrcoef(folded.ravel(), tile.ravel())[0, 1] > 0.3
    assert abs(np.corrcoef(folded.ravel(), np.roll(tile, 5, axis=1).ravel())[0, 1]) < 0.15


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
    noise = np.random.default_rng(0).standard_normal(CODED_BITS)
    received = amplitude * (1.0 - 2.0 * CODED) + noise

    assert accumulated_db(received, CODED) == pytest.approx(expected_db, abs=0.8)
    assert accumulated_db(7 * received, CODED) == pytest.approx(accumulated_db(received, CODED))
    assert accumulated_db(-received, CODED) < -100
