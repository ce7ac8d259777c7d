"""What the eye notices."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.photographs import photograph
from watermarks import WatermarkError
from watermarks.perception import (
    LUMA_WEIGHTS,
    RGB_TO_XYZ,
    XYZ_TO_OPPONENT,
    activity,
    blur_as_eye,
    eye_transfer,
    psnr_db,
    px_per_degree,
    visibility,
)

HOST = photograph("coffee", 300)


def noisy(strength: float, grain_px: float = 0.0) -> NDArray[np.uint8]:
    """Return the host with grey noise of an RMS strength, blurred to a grain."""
    noise = np.random.default_rng(0).standard_normal(HOST.shape[:2])
    if grain_px:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), grain_px), np.float64)
    noise *= strength / noise.std()
    return np.clip(np.rint(HOST + noise[..., None]), 0, 255).astype(np.uint8)


def test_psnr() -> None:
    black, one = np.zeros((8, 8, 3), np.uint8), np.ones((8, 8, 3), np.uint8)

    assert psnr_db(black, black) == float("inf")
    assert psnr_db(black, one) == pytest.approx(48.13, abs=0.01)
    assert psnr_db(one, black) == psnr_db(black, one)
    assert psnr_db(black, np.full_like(black, 255)) == pytest.approx(0.0)


def test_what_is_equal_is_not_visible() -> None:
    found = visibility(HOST, HOST.copy(), 300)

    assert found.mean == found.p99 == 0


def test_visibility_grows_with_strength() -> None:
    found = [visibility(HOST, noisy(strength, 2.0), 300) for strength in (1, 2, 4, 8)]

    assert all(0 < one.mean < other.mean and one.p99 < other.p99 for one, other in pairwise(found))
    assert all(each.p99 > each.mean for each in found)


def test_fine_grain_is_seen_less_than_coarse() -> None:
    assert visibility(HOST, noisy(4), 300).mean < 0.5 * visibility(HOST, noisy(4, 4.0), 300).mean


def test_a_finer_print_shows_less() -> None:
    marked = noisy(4, 1.0)

    assert visibility(HOST, marked, 600).mean < visibility(HOST, marked, 150).mean


def test_a_flat_tints_difference_is_cielabs() -> None:
    """Without structure the eye's blur does nothing: grey 119 and 128 differ by 3.6 in lightness."""
    low, high = (np.full((120, 160, 3), level, np.uint8) for level in (119, 128))

    found = visibility(low, high, 300)

    assert found.mean == pytest.approx(3.6, abs=0.15)
    assert found.p99 == pytest.approx(found.mean, abs=0.05)


def test_pictures_of_two_shapes_are_refused() -> None:
    for judge in (psnr_db, lambda one, other: visibility(one, other, 300)):
        with pytest.raises(WatermarkError, match="differ in shape"):
            judge(HOST, HOST[:-1])


def test_activity_is_low_beside_an_edge_and_high_in_texture() -> None:
    plane = np.full((120, 240), 60, np.float32)
    plane[:, 80:160] = 200
    plane[:, 160:] += 30 * np.random.default_rng(0).standard_normal((120, 80)).astype(np.float32)

    busy = activity(plane, 4.0)

    assert busy.shape == plane.shape
    assert busy[60, 30] == pytest.approx(0, abs=1e-3)
    assert busy[60, :68].max() < 1.5  # beside the edge of 140 levels, from three radii on
    assert busy[60, 68:92].max() < 20  # and upon it
    assert busy[20:100, 190:230].min() > 12
    assert busy.min() >= -1e-3


def test_luma_of_grey_is_its_level() -> None:
    assert LUMA_WEIGHTS.sum() == pytest.approx(1)
    assert (LUMA_WEIGHTS > 0).all()


def test_the_eye_passes_a_flat_tint_whole_and_fine_detail_hardly() -> None:
    np.testing.assert_allclose(eye_transfer(0.0), 1.0)
    assert (np.abs(eye_transfer(40.0)) < 0.05).all()


@given(st.floats(3.0, 20.0))
def test_the_eye_passes_more_of_light_and_dark_than_of_colour(cycles_per_degree: float) -> None:
    light, red_green, blue_yellow = eye_transfer(cycles_per_degree)

    assert light > red_green > blue_yellow >= 0


@pytest.mark.parametrize("cycles_per_degree", [1.5, 3.8, 6.0])
def test_the_eyes_transfer_is_what_its_blur_does_to_a_grating(cycles_per_degree: float) -> None:
    at = np.arange(720) / 60  # 12 degrees
    wave = np.cos(2 * np.pi * cycles_per_degree * at).astype(np.float32)
    grating = 0.5 + 0.3 * np.array([1.0, -0.5, 0.2], np.float32) * wave[None, :, None]
    grating = np.repeat(grating, 240, axis=0).astype(np.float32)

    seen = blur_as_eye(grating, 60.0) @ XYZ_TO_OPPONENT.T

    shown = grating @ (XYZ_TO_OPPONENT @ RGB_TO_XYZ).T
    middle = np.s_[120, 240:480]  # whole cycles, far from the edges
    passed = [np.ptp(seen[middle][:, channel]) / np.ptp(shown[middle][:, channel]) for channel in range(3)]
    np.testing.assert_allclose(passed, eye_transfer(cycles_per_degree), atol=0.03)


def test_a_degree_at_40_cm_is_7_mm_of_paper() -> None:
    assert px_per_degree(25.4) == pytest.approx(400 * np.tan(np.radians(1)))
    assert px_per_degree(300) == pytest.approx(300 / 25.4 * px_per_degree(25.4))
