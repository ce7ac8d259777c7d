"""What embedding adds to a picture, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.photographs import photograph
from watermarks import DRAFT_0, HostTooSmall, Payload, WatermarkError, ecc, embed, embedder
from watermarks.decoder import CODED_BITS, accumulated_db
from watermarks.embedder import MIN_HOST_CHIPS, MIN_PX_PER_CHIP, mark_delta, mark_tile, render
from watermarks.file_signal import at_measured_scale, file_soft_bits
from watermarks.payload import to_message_bits
from watermarks.perception import LUMA_WEIGHTS, psnr_db, visibility
from watermarks.template import template_tile

KEY = b"a key of the tests"
PAYLOAD = Payload(0x0123456789AB)
CODED = ecc.encode(to_message_bits(PAYLOAD, KEY))
DPI = 150.0
HOST = photograph("coffee", 600)


def flat(level: int, side: int = 300) -> NDArray[np.uint8]:
    return np.full((side, side, 3), level, np.uint8)


def test_the_mark_is_there_and_small() -> None:
    marked = embed(HOST, PAYLOAD, KEY, dpi=DPI)

    assert marked.shape == HOST.shape
    assert marked.dtype == np.uint8
    assert 45 < psnr_db(HOST, marked) < 54
    assert 0.1 < visibility(HOST, marked, DPI).mean < DRAFT_0.delta_e


def test_the_host_is_left_as_it_was() -> None:
    host = HOST.copy()
    host.setflags(write=False)

    embed(host, PAYLOAD, KEY, dpi=DPI)

    np.testing.assert_array_equal(host, HOST)


def test_the_same_call_gives_the_same_picture_and_another_payload_or_key_another() -> None:
    marked = embed(HOST, PAYLOAD, KEY, dpi=DPI)

    np.testing.assert_array_equal(embed(HOST, PAYLOAD, KEY, dpi=DPI), marked)
    assert (embed(HOST, Payload(1), KEY, dpi=DPI) != marked).mean() > 0.1
    assert (embed(HOST, PAYLOAD, b"another key, as long", dpi=DPI) != marked).mean() > 0.1


def test_embedding_adds_the_delta() -> None:
    delta = mark_delta(HOST, PAYLOAD, KEY, dpi=DPI)

    assert delta.shape == HOST.shape
    assert delta.dtype == np.float32
    np.testing.assert_array_equal(
        embed(HOST, PAYLOAD, KEY, dpi=DPI), np.clip(np.rint(HOST + delta), 0, 255).astype(np.uint8)
    )


def test_strength_scales_the_delta() -> None:
    host = flat(128)
    once, more = (mark_delta(host, PAYLOAD, KEY, dpi=DPI, strength=strength) for strength in (1.0, 1.5))

    # Only about: what is taken back of the host's own part in each bit is a smaller share of a stronger mark.
    assert more.std() == pytest.approx(1.5 * once.std(), rel=0.01)
    assert np.corrcoef(more.ravel(), once.ravel())[0, 1] > 0.99


def test_taking_back_what_the_picture_says_against_the_bits_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = photograph("chelsea", 900)
    informed = embed(host, PAYLOAD, KEY, dpi=DPI)
    monkeypatch.setattr(embedder, "_TAKEN_BACK", 0.0)
    plain = embed(host, PAYLOAD, KEY, dpi=DPI)

    coded_bits = ecc.encode(to_message_bits(PAYLOAD, KEY))

    def signal_db(marked: NDArray[np.uint8]) -> float:
        small = at_measured_scale(marked, DPI / DRAFT_0.chips_per_inch)
        return accumulated_db(file_soft_bits(small, KEY, DRAFT_0), coded_bits)

    assert signal_db(informed) > signal_db(plain) + 3
    assert psnr_db(host, informed) > psnr_db(host, plain) - 0.1


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_nothing_clips(name: str) -> None:
    host = photograph(name, 600)

    result = host + mark_delta(host, PAYLOAD, KEY, dpi=DPI)

    assert result.min() > -0.5
    assert result.max() < 255.5


@pytest.mark.parametrize("level", [0, 255])
def test_paper_white_and_solid_black_stay(level: int) -> None:
    np.testing.assert_array_equal(embed(flat(level), PAYLOAD, KEY, dpi=DPI), flat(level))


@pytest.mark.parametrize("strength", [1.0, 2.0])
@pytest.mark.parametrize("colour", [(255, 128, 0), (0, 0, 255), (250, 250, 250), (3, 3, 3), (255, 255, 0)])
def test_saturated_and_extreme_tints_do_not_clip(colour: tuple[int, int, int], strength: float) -> None:
    host = np.full((300, 300, 3), colour, np.uint8)

    result = host + mark_delta(host, PAYLOAD, KEY, dpi=DPI, strength=strength)

    assert result.min() > -0.5
    assert result.max() < 255.5


def test_an_orange_is_marked_in_green_though_blue_has_no_room() -> None:
    orange = np.full((300, 300, 3), (255, 128, 0), np.uint8)

    red, green, blue = np.moveaxis(mark_delta(orange, PAYLOAD, KEY, dpi=DPI), -1, 0)

    assert green.std() > 0.5
    assert np.abs(red).max() < 1e-3
    assert np.abs(blue).max() < 1e-3


@pytest.mark.parametrize("colour", [(128, 128, 128), (60, 60, 60), (220, 220, 220), (200, 60, 60)])
def test_a_flat_place_gets_the_profiles_colour_difference(colour: tuple[int, int, int]) -> None:
    host = np.full((600, 600, 3), colour, np.uint8)

    seen = visibility(host, embed(host, PAYLOAD, KEY, dpi=300), 300)

    # The profile's is an RMS, 1.25 times a Gaussian's mean, at a reference busier than a flat place.
    masking = 0.5**DRAFT_0.masking
    assert seen.mean * 1.25 == pytest.approx(DRAFT_0.delta_e * masking, rel=0.15)


def test_a_flat_tint_changes_in_one_direction_of_colour_only() -> None:
    host = np.full((300, 300, 3), (180, 90, 140), np.uint8)

    delta = mark_delta(host, PAYLOAD, KEY, dpi=DPI).reshape(-1, 3)

    strengths = np.linalg.svd(delta, compute_uv=False)
    assert strengths[1] < 1e-3 * strengths[0]
    assert (delta @ LUMA_WEIGHTS).std() > 0.5


@pytest.mark.parametrize(("masking", "least", "most"), [(0.0, 0.9, 1.1), (0.1, 1.2, 1.4), (0.3, 1.7, 2.4)])
def test_texture_hides_more_than_a_flat_place_by_the_profiles_masking(
    masking: float, least: float, most: float
) -> None:
    host = flat(128)
    noise = np.random.default_rng(0).integers(-40, 41, (300, 150, 1))
    host[:, 150:] = np.clip(128 + noise, 0, 255).astype(np.uint8)

    delta = mark_delta(host, PAYLOAD, KEY, profile=replace(DRAFT_0, masking=masking), dpi=DPI)

    assert least < delta[30:-30, 180:-10].std() / delta[30:-30, 10:120].std() < most


def test_twice_the_dpi_is_the_same_mark_in_twice_the_pixels() -> None:
    """On paper nothing changes: geometry is in inches."""
    fine = mark_delta(flat(128, 900), PAYLOAD, KEY, dpi=300)
    coarse = mark_delta(flat(128, 450), PAYLOAD, KEY, dpi=150)

    averaged = cv2.resize(fine, (450, 450), interpolation=cv2.INTER_AREA)

    assert np.corrcoef(averaged.ravel(), coarse.ravel())[0, 1] > 0.95


def test_the_mark_repeats_with_the_tile() -> None:
    delta = mark_delta(flat(128, 900), PAYLOAD, KEY, dpi=DPI)
    tile_px = round(DRAFT_0.tile_chips * DPI / DRAFT_0.chips_per_inch)

    np.testing.assert_allclose(delta[20:400, 20:400], delta[20 + tile_px : 400 + tile_px, 20:400], atol=0.05)
    np.testing.assert_allclose(delta[20:400, 20:400], delta[20:400, 20 + tile_px : 400 + tile_px], atol=0.05)


def test_the_tile_has_unit_variance() -> None:
    tile = mark_tile(DRAFT_0, CODED, KEY)

    side = 2 * DRAFT_0.tile_chips
    assert tile.shape == (side, side)
    assert tile.dtype == np.float32
    assert tile.std() == pytest.approx(1.0, abs=0.05)
    assert tile.mean() == pytest.approx(0.0, abs=0.01)
    assert len(CODED) == CODED_BITS


def test_the_tile_is_the_template_and_the_message_in_their_shares() -> None:
    """No line of the template holds message too: the band's own part at six places of thousands is small."""
    template = template_tile(DRAFT_0, 2 * DRAFT_0.tile_chips)
    tile = mark_tile(DRAFT_0, CODED, KEY)

    share = float((tile * template).mean(dtype=float)) ** 2
    assert share == pytest.approx(DRAFT_0.template_share, abs=0.03)
    other = mark_tile(DRAFT_0, 1 - CODED, KEY)
    np.testing.assert_allclose(tile + other, 2 * np.sqrt(DRAFT_0.template_share) * template, atol=1e-4)


def test_the_message_lies_in_its_band() -> None:
    side = 2 * DRAFT_0.tile_chips
    message = mark_tile(DRAFT_0, CODED, KEY) - mark_tile(DRAFT_0, 1 - CODED, KEY)

    power = np.abs(np.fft.fft2(message)) ** 2
    cycles = np.fft.fftfreq(side, 1 / side)
    radius = np.hypot(cycles[:, None], cycles[None, :])
    low, high = DRAFT_0.message_band
    assert power[(radius > 0.8 * low) & (radius < 1.3 * high)].sum() > 0.97 * power.sum()


def test_a_bit_of_no_amplitude_leaves_its_chips_empty() -> None:
    """Whatever it says: the rest of the tile stays what it is."""
    amplitudes = np.ones(CODED_BITS)
    amplitudes[7] = 0.0
    flipped = CODED.copy()
    flipped[7] ^= 1

    np.testing.assert_array_equal(
        mark_tile(DRAFT_0, CODED, KEY, amplitudes), mark_tile(DRAFT_0, flipped, KEY, amplitudes)
    )
    assert (mark_tile(DRAFT_0, CODED, KEY) != mark_tile(DRAFT_0, flipped, KEY)).any()


def test_rendering_puts_the_tiles_corner_at_the_planes() -> None:
    tile = np.zeros((64, 64), np.float32)
    tile[:, 32:] = 1

    plane = render(tile, (192, 384), 6.0)

    assert plane.shape == (192, 384)
    assert abs(plane[:, 4:92].max()) < 0.1
    assert plane[:, 100:188].min() > 0.9
    assert abs(plane[:, 196:284].max()) < 0.1


@pytest.mark.parametrize(
    "host",
    [
        np.zeros((400, 400), np.uint8),
        np.zeros((400, 400, 4), np.uint8),
        np.zeros((400, 400, 3), np.float32),
        np.zeros((400, 400, 3), np.uint16),
    ],
)
def test_another_kind_of_array_is_refused(host: NDArray[np.uint8]) -> None:
    with pytest.raises(WatermarkError, match=r"uint8 of shape \(H, W, 3\)"):
        embed(host, PAYLOAD, KEY, dpi=DPI)


@pytest.mark.parametrize("strength", [0.0, -1.0, float("nan"), float("inf")])
def test_a_strength_is_above_0(strength: float) -> None:
    with pytest.raises(WatermarkError, match="strength"):
        embed(HOST, PAYLOAD, KEY, dpi=DPI, strength=strength)


@pytest.mark.parametrize("dpi", [0.0, -300.0, float("nan")])
def test_a_dpi_that_cannot_hold_the_mark_is_refused(dpi: float) -> None:
    with pytest.raises(WatermarkError, match="dpi"):
        embed(HOST, PAYLOAD, KEY, dpi=dpi)


def test_the_least_dpi_is_taken_and_said() -> None:
    least = MIN_PX_PER_CHIP * DRAFT_0.chips_per_inch

    assert (embed(HOST, PAYLOAD, KEY, dpi=least) != HOST).any()
    with pytest.raises(WatermarkError, match=f"print at {least:g} dpi or more"):
        embed(HOST, PAYLOAD, KEY, dpi=least - 1)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(WatermarkError, match="at least 16 bytes"):
        embed(HOST, PAYLOAD, b"short", dpi=DPI)


def test_a_payload_of_another_profile_is_refused() -> None:
    with pytest.raises(WatermarkError, match="profile 3"):
        embed(HOST, Payload(7, profile=3), KEY, dpi=DPI)


def test_a_host_too_small_says_how_large_it_must_be() -> None:
    side = round(MIN_HOST_CHIPS * DPI / DRAFT_0.chips_per_inch)

    assert embed(flat(128, side), PAYLOAD, KEY, dpi=DPI).shape == (side, side, 3)
    with pytest.raises(HostTooSmall, match=f"needs {MIN_HOST_CHIPS / DRAFT_0.chips_per_inch:.2f} in"):
        embed(flat(128, side)[:-1], PAYLOAD, KEY, dpi=DPI)
    assert issubclass(HostTooSmall, WatermarkError)
