"""In which colour a change of luma is seen least, and how much it is seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.photographs import photograph
from watermarks import DRAFT_0, Payload, ecc
from watermarks.colour_cost import colour_cost
from watermarks.embedder import mark_tile, render
from watermarks.payload import to_message_bits
from watermarks.perception import LUMA_WEIGHTS, visibility

KEY = b"a key of the tests"
DPI = 300.0


def tint(colour: tuple[int, int, int], side: int = 240) -> NDArray[np.float32]:
    return np.full((side, side, 3), colour, np.float32)


def seen(host: NDArray[np.float32], delta: NDArray[np.float32]) -> float:
    """Return the mean colour difference that an eye sees."""
    pair = [np.clip(np.rint(each), 0, 255).astype(np.uint8) for each in (host, host + delta)]
    return visibility(pair[0], pair[1], DPI).mean


def mark(side: int) -> NDArray[np.float32]:
    """Return a mark's plane, strong enough that rounding to whole levels does not matter."""
    tile = mark_tile(DRAFT_0, ecc.encode(to_message_bits(Payload(7), KEY)), KEY)
    return 3 * render(tile, (side, side), DPI / DRAFT_0.chips_per_inch)


@settings(max_examples=30)
@given(st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255)))
def test_the_direction_changes_luma_by_one_level_on_any_tint(colour: tuple[int, int, int]) -> None:
    found = colour_cost(tint(colour, 40), DPI)

    np.testing.assert_allclose(found.direction @ LUMA_WEIGHTS, 1.0, atol=1e-3)
    assert np.isfinite(found.delta_e).all()
    assert found.delta_e.min() > 0.02


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
@pytest.mark.parametrize("dpi", [60.0, 112.5, 300.0])
def test_every_pixel_of_a_photograph_has_its_direction_and_cost(name: str, dpi: float) -> None:
    host = photograph(name, 301).astype(np.float32)

    found = colour_cost(host, dpi)

    assert found.direction.shape == host.shape
    assert found.delta_e.shape == host.shape[:2]
    assert found.direction.dtype == found.delta_e.dtype == np.float32
    np.testing.assert_allclose(found.direction @ LUMA_WEIGHTS, 1.0, atol=1e-3)
    assert found.delta_e.min() > 0.02


@pytest.mark.parametrize(
    "colour", [(128, 128, 128), (60, 60, 60), (200, 60, 60), (60, 120, 200), (90, 190, 80)]
)
def test_the_direction_is_seen_less_than_grey_of_the_same_luma(colour: tuple[int, int, int]) -> None:
    host = tint(colour)
    signal = mark(len(host))[..., None]

    ours = seen(host, signal * colour_cost(host, DPI).direction)
    grey = seen(host, signal * np.ones(3, np.float32))

    assert ours < 0.95 * grey


@pytest.mark.parametrize("colour", [(128, 128, 128), (128, 60, 160), (200, 190, 170), (60, 120, 200)])
def test_the_cost_is_what_the_eye_sees_of_the_mark(colour: tuple[int, int, int]) -> None:
    host = tint(colour)
    found = colour_cost(host, DPI)
    signal = mark(len(host))

    mean = seen(host, signal[..., None] * found.direction)

    expected = float(np.abs(signal).mean()) * float(np.median(found.delta_e))
    assert mean == pytest.approx(expected, rel=0.15)


def test_whatever_is_seen_less_moves_the_channels_further() -> None:
    """Neither the eye's difference nor the levels' can be lowered without raising the other."""
    host = tint((150, 110, 90))
    signal = mark(len(host))[..., None]
    direction = colour_cost(host, DPI).direction[0, 0]
    ours = seen(host, signal * direction)

    for change in np.random.default_rng(0).normal(0, 0.7, (24, 3)):
        other = direction + change - (change @ LUMA_WEIGHTS) * np.ones(3)
        seen_less = seen(host, (signal * other).astype(np.float32)) < 0.98 * ours
        assert not (seen_less and np.linalg.norm(other) < np.linalg.norm(direction))


def test_a_level_is_seen_more_in_the_dark() -> None:
    costs = [float(np.median(colour_cost(tint((n, n, n)), DPI).delta_e)) for n in (40, 90, 140, 190, 240)]

    assert costs == sorted(costs, reverse=True)


def test_dark_specks_make_their_bright_place_as_dear() -> None:
    host = tint((230, 200, 170), 300)
    plain = colour_cost(host, DPI).delta_e
    host[140:160, 140:160] = (20, 20, 20)

    specked = colour_cost(host, DPI).delta_e

    assert specked[150, 150] > 1.1 * plain[150, 150]
    assert specked[150, 166] > 1.1 * plain[150, 166]  # beside it
    np.testing.assert_allclose(specked[:60, :60], plain[:60, :60], rtol=0.05)


def test_the_mark_is_seen_no_more_in_the_dark_amid_light() -> None:
    """There the eye's surround leaves no luminance at all, and a grey change is seen as a coloured one."""
    host = tint((255, 255, 255), 300)
    host[100:200, 100:200] = (25, 35, 37)
    found = colour_cost(host, DPI)
    change = (mark(300) / 3 / found.delta_e)[..., None] * found.direction

    pair = [np.clip(np.rint(each), 0, 255).astype(np.uint8) for each in (host, host + change)]

    whole, bright = visibility(pair[0], pair[1], DPI), visibility(pair[0][:100], pair[1][:100], DPI)

    assert whole.p99 < 1.2 * bright.p99


def test_a_finer_copy_of_a_picture_costs_the_same_on_paper() -> None:
    host = photograph("coffee", 600).astype(np.float32)
    finer = np.repeat(np.repeat(host, 2, axis=0), 2, axis=1)

    coarse, fine = colour_cost(host, 150.0), colour_cost(finer, 300.0)

    np.testing.assert_allclose(fine.delta_e[::2, ::2], coarse.delta_e, rtol=0.1)


def test_a_picture_of_one_pixel_has_a_cost() -> None:
    found = colour_cost(tint((10, 200, 30), 1), DPI)

    assert found.direction.shape == (1, 1, 3)
    assert found.delta_e.shape == (1, 1)
