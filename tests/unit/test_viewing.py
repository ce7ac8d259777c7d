"""How a mark was seen: the page's tilt, and what blur left of the mark."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
import scipy.fft
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.tilted_pages import tilted
from watermarks import DRAFT_0, Payload, ecc
from watermarks.embedder import mark_tile
from watermarks.geometry import Surface
from watermarks.payload import to_message_bits
from watermarks.viewing import sharpness, tilt_deg

KEY = b"a key of the tests"
CODED = ecc.encode(to_message_bits(Payload(0x0123456789AB), KEY))
FRAME = (1080, 1920)


@given(
    tilt=st.floats(12, 70),
    turn=st.floats(-180, 180),
    towards=st.floats(-180, 180),
    at_x=st.floats(-60, 60),
    at_y=st.floats(-60, 60),
    scale=st.floats(0.25, 4),
)
def test_the_tilt_is_that_against_the_cameras_axis_wherever_the_picture_is(
    tilt: float, turn: float, towards: float, at_x: float, at_y: float, scale: float
) -> None:
    page = Surface.flat(tilted(FRAME, px_per_chip=2.0, turn=turn, tilt=tilt, towards=towards))
    shape = (round(scale * FRAME[0]), round(scale * FRAME[1]))
    seen = tilt_deg(page.scaled(scale), np.array([at_x, at_y]), shape)
    assert seen == pytest.approx(tilt, abs=0.5)


@given(turn=st.floats(-180, 180), at_x=st.floats(-300, 300))
def test_a_page_seen_from_above_has_no_tilt_even_where_the_camera_looks_aside(
    turn: float, at_x: float
) -> None:
    page = Surface.flat(tilted(FRAME, px_per_chip=2.0, turn=turn))
    assert tilt_deg(page, np.array([at_x, 0.0]), FRAME) < 1.5


def blurred(sigma_chips: float, noise: float = 0.0) -> NDArray[np.complex128]:
    """Return the transform of a folded tile after a Gaussian blur."""
    tile = mark_tile(DRAFT_0, CODED, KEY)
    wide = np.tile(tile, (3, 3))
    if sigma_chips:
        wide = np.asarray(cv2.GaussianBlur(wide, (0, 0), 2 * sigma_chips), np.float32)
    side = DRAFT_0.tile_chips
    chips = cv2.resize(wide, (3 * side, 3 * side), interpolation=cv2.INTER_AREA)[
        side : 2 * side, side : 2 * side
    ]
    grain = np.random.default_rng(0).normal(0, noise, chips.shape)
    return np.asarray(scipy.fft.fft2(chips + grain), np.complex128)


def test_the_sharpness_of_the_mark_itself_is_about_1() -> None:
    assert sharpness(blurred(0), CODED, KEY, DRAFT_0) == pytest.approx(0.9, abs=0.15)


def test_sharpness_falls_with_blur_and_does_not_change_with_contrast() -> None:
    found = [sharpness(blurred(sigma), CODED, KEY, DRAFT_0) for sigma in (0, 0.4, 0.8, 1.2)]
    assert all(one > 1.1 * other for one, other in pairwise(found))
    assert found[2] == pytest.approx(0.5, abs=0.1)
    assert sharpness(0.1 * blurred(0.8), CODED, KEY, DRAFT_0) == pytest.approx(found[2])


def test_sharpness_bears_noise_and_is_never_negative() -> None:
    clean, noisy = (sharpness(blurred(0.5, noise), CODED, KEY, DRAFT_0) for noise in (0.0, 4.0))
    assert noisy == pytest.approx(clean, rel=0.2)
    for seed in range(5):
        noise = np.random.default_rng(seed).normal(size=(DRAFT_0.tile_chips, DRAFT_0.tile_chips))
        assert sharpness(scipy.fft.fft2(noise), CODED, KEY, DRAFT_0) >= 0
