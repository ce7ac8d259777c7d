"""What embedding adds to a picture, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.photographs import photograph
from watermarks import DRAFT_0, HostTooSmall, Payload, WatermarkError, ecc, embed, embedder
from watermarks.decoder import CODED_BITS
from watermarks.embedder import MIN_HOST_CHIPS, MIN_PX_PER_CHIP, layer_tile, mark_delta, render
from watermarks.forecast import file_signal_db
from watermarks.payload import to_message_bits
from watermarks.perception import CHROMA_WEIGHTS, LUMA_WEIGHTS, psnr_db
from watermarks.profiles import Layer

KEY = b"a key of the tests"
PAYLOAD = Payload(0x0123456789AB)
DPI = 150.0
HOST = photograph("coffee", 600)
LAYERS = pytest.mark.parametrize("layer", DRAFT_0.layers, ids=["luma", "chroma"])


def flat(level: int, side: int = 300) -> NDArray[np.uint8]:
    return np.full((side, side, 3), level, np.uint8)


def test_the_mark_is_there_and_small() -> None:
    marked = embed(HOST, PAYLOAD, KEY, dpi=DPI)

    assert marked.shape == HOST.shape
    assert marked.dtype == np.uint8
    assert 36 < psnr_db(HOST, marked) < 50


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

    def signal_db(marked: NDArray[np.uint8]) -> float:
        return file_signal_db(marked, PAYLOAD, KEY, dpi=DPI)

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


def test_an_orange_is_marked_in_blue_though_it_has_none() -> None:
    orange = np.full((300, 300, 3), (230, 130, 0), np.uint8)

    change = mark_delta(orange, PAYLOAD, KEY, dpi=DPI) @ CHROMA_WEIGHTS

    assert change.max() > 2 * DRAFT_0.chroma.amplitude
    assert psnr_db(orange, embed(orange, PAYLOAD, KEY, dpi=DPI)) > 38


def test_a_flat_grey_gets_the_profiles_amplitudes() -> None:
    delta = mark_delta(flat(128), PAYLOAD, KEY, dpi=DPI)

    for layer, weights in zip(DRAFT_0.layers, (LUMA_WEIGHTS, CHROMA_WEIGHTS), strict=True):
        change = (delta @ weights).std()
        # Blue-yellow's own gain is 1 + 0.114 / 0.886; rendering at 3 px a chip takes a few per cent.
        own_gain = 1.0 if layer is DRAFT_0.luma else 1 + 0.114 / 0.886
        assert change == pytest.approx(layer.amplitude * own_gain, rel=0.25)


def test_blue_yellow_leaves_luma_alone() -> None:
    grey = flat(128)
    profile = replace(DRAFT_0, luma=replace(DRAFT_0.luma, amplitude=1e-6, masking=0.0))

    delta = mark_delta(grey, PAYLOAD, KEY, profile=profile, dpi=DPI)

    assert np.abs(delta @ CHROMA_WEIGHTS).max() > 1
    assert np.abs(delta @ LUMA_WEIGHTS).max() < 1e-3


def test_texture_hides_more_than_a_flat_place() -> None:
    host = flat(128)
    noise = np.random.default_rng(0).integers(-40, 41, (300, 150, 1))
    host[:, 150:] = np.clip(128 + noise, 0, 255).astype(np.uint8)

    delta = mark_delta(host, PAYLOAD, KEY, dpi=DPI)

    assert delta[30:-30, 180:-10].std() > 1.3 * delta[30:-30, 10:120].std()


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


@LAYERS
def test_a_layers_tile_has_unit_variance(layer: Layer) -> None:
    tile = layer_tile(DRAFT_0, layer, ecc.encode(to_message_bits(PAYLOAD, KEY)), KEY)

    side = 2 * DRAFT_0.tile_chips // layer.chip_pitch
    assert tile.shape == (side, side)
    assert tile.std() == pytest.approx(1.0, abs=0.05)
    assert len(ecc.encode(to_message_bits(PAYLOAD, KEY))) == CODED_BITS


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


@pytest.mark.parametrize("strength", [0.0, -1.0, float("nan")])
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
