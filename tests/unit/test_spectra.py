"""Windows and their half spectra: where they lie, and what stands out in them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from watermarks.geometry import Surface
from watermarks.spectra import peak_near, peaks, power_at, relative_power, taper, windows

SIDE = 64


def noise(shape: tuple[int, int], seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def wave(x: float, y: float, side: int = SIDE) -> NDArray[np.float32]:
    """Return a wave of frequencies in bins."""
    row, col = np.mgrid[:side, :side]
    return np.asarray(np.cos(2 * np.pi * (x * col + y * row) / side + 0.3), np.float32)


def test_windows_lie_on_a_grid_row_by_row() -> None:
    found = windows(noise((160, 230)), SIDE, 200)

    assert found is not None
    assert (found.side, found.stride, found.grid) == (64, 32, (4, 7))
    assert found.power.shape == found.near_power.shape == (28, 64, 33)
    np.testing.assert_array_equal(found.centres_xy[0], [31.5, 31.5])
    np.testing.assert_array_equal(found.centres_xy[1], [59.5, 31.5])
    np.testing.assert_array_equal(found.centres_xy[7], [31.5, 63.5])
    np.testing.assert_array_equal(found.centres_xy[-1], [229 - 31.5, 159 - 31.5])  # up to the edges


def test_a_windows_spectrum_is_that_of_its_own_part_of_the_plane() -> None:
    plane = noise((160, 230))

    found = windows(plane, SIDE, 200)

    assert found is not None
    np.testing.assert_allclose(found.power[8], relative_power(plane[32:96, 28:92]))


def test_windows_of_a_straightened_plane_say_where_they_were_seen() -> None:
    to_seen = np.array([[1.1, 0.2, -10.0], [-0.1, 0.9, 8.0], [4e-4, 7e-4, 1.0]])
    plain, straightened = (
        windows(noise((160, 230)), SIDE, 200),
        windows(noise((160, 230)), SIDE, 200, to_seen),
    )
    assert plain is not None
    assert straightened is not None

    surface = Surface.flat(to_seen)
    np.testing.assert_allclose(straightened.centres_xy, surface.to_level(plain.centres_xy))
    for step in (np.array([0.01, 0]), np.array([0, 0.01])):
        moved = surface.to_level(plain.centres_xy + step) - surface.to_level(plain.centres_xy)
        np.testing.assert_allclose(straightened.unwarp @ step, moved, atol=1e-5)
    np.testing.assert_array_equal(straightened.power, plain.power)
    np.testing.assert_array_equal(plain.unwarp, np.broadcast_to(np.eye(2), plain.unwarp.shape))


def test_windows_overlap_less_where_they_would_be_too_many() -> None:
    plane = noise((320, 320))

    many, few = windows(plane, SIDE, 81), windows(plane, SIDE, 80)

    assert many is not None
    assert few is not None
    assert many.grid == (9, 9)
    assert few.stride > many.stride
    assert len(few.power) <= 80


@pytest.mark.parametrize("shape", [(63, 400), (400, 63)])
def test_a_plane_smaller_than_a_window_has_none(shape: tuple[int, int]) -> None:
    assert windows(noise(shape), SIDE, 200) is None
    assert windows(noise((64, 64)), SIDE, 200) is not None


@given(st.integers(6, 26), st.integers(-26, 26))
def test_a_wave_in_noise_stands_out_at_its_frequency(x: int, y: int) -> None:
    quiet = noise((SIDE, SIDE))

    power = relative_power(wave(x, y) + quiet)

    assert power[y + SIDE // 2, x] == power.max() > 5
    around = relative_power(quiet)[y + SIDE // 2 - 1 : y + SIDE // 2 + 2, x - 1 : x + 2]
    assert around.min() < 2


@given(st.floats(0.05, 50))
def test_contrast_does_not_matter(contrast: float) -> None:
    plane = wave(12, -7) + noise((SIDE, SIDE))

    power = relative_power(np.float32(contrast) * plane)

    np.testing.assert_allclose(power, relative_power(plane), rtol=1e-3, atol=1e-4)


def test_noise_has_a_mean_power_of_one_and_no_line_counts_without_limit() -> None:
    power = relative_power(noise((SIDE, SIDE)))
    stronger = relative_power(1e3 * wave(9, 14) + noise((SIDE, SIDE)))
    strongest = relative_power(1e6 * wave(9, 14) + noise((SIDE, SIDE)))

    assert power.mean() == pytest.approx(1, abs=0.1)
    assert power.min() >= 0
    assert stronger.max() == strongest.max() < 20


def test_the_greatest_power_near_is_within_a_bin() -> None:
    found = windows(noise((64, 64)), SIDE, 10)

    assert found is not None
    power, near = found.power[0], found.near_power[0]
    assert (near >= power).all()
    assert near[20, 10] == power[19:22, 9:12].max()


def test_the_taper_fades_to_nothing_at_all_edges_and_keeps_the_middle() -> None:
    found = taper(SIDE)

    assert found.shape == (SIDE, SIDE)
    np.testing.assert_allclose(found, found.T)
    np.testing.assert_allclose(found, found[::-1, ::-1], atol=1e-6)
    assert found[0].max() == found[:, -1].max() == 0
    assert found[SIDE // 2, SIDE // 2] == pytest.approx(1)
    assert found.min() >= 0


def test_peaks_are_the_waves_within_the_ring_the_highest_first() -> None:
    """One wave lies below the ring and one above."""
    power = np.ones((SIDE, SIDE // 2 + 1), np.float32)
    for x, y, height in ((10, -12, 5), (20, 5, 6), (11, -12, 4), (2, 3, 7), (28, 14, 7), (15, 15, 2)):
        power[y + SIDE // 2, x] = height
    near = cv2.dilate(power, np.ones((3, 3), np.uint8)).astype(np.float32)

    at = peaks(power, near, (8.0, 26.0), 16)

    # (11, -12) stands beside a higher one, and 2 is no more than noise has.
    np.testing.assert_array_equal(at, [(20, 5), (10, -12)])
    np.testing.assert_array_equal(peaks(power, near, (8.0, 26.0), 1), [(20, 5)])


def test_a_windows_waves_are_among_its_peaks() -> None:
    found = windows(wave(10, -12) + wave(20, 5) + noise((SIDE, SIDE)), SIDE, 1)
    assert found is not None

    at = peaks(found.power[0], found.near_power[0], (8.0, 26.0), 16)

    assert {(10.0, -12.0), (20.0, 5.0)} <= {(float(x), float(y)) for x, y in at}
    assert ((np.hypot(*at.T) > 8) & (np.hypot(*at.T) < 26)).all()


def test_a_plane_without_anything_has_no_peaks() -> None:
    power = np.ones((SIDE, SIDE // 2 + 1), np.float32)

    assert peaks(power, power, (8.0, 26.0), 16).shape == (0, 2)


@given(st.integers(-31, 31), st.integers(-31, 31))
def test_power_at_a_frequency_is_that_at_its_mirror_image(x: int, y: int) -> None:
    near = np.random.default_rng(0).random((2, SIDE, SIDE // 2 + 1)).astype(np.float32)
    bins = np.array([[[x, y]], [[-x, -y]]], np.float64)

    one, other = power_at(near, np.array([1, 1]), bins)[:, 0]

    col, row = (x, y) if x >= 0 else (-x, -y)
    assert near[1, row + SIDE // 2, col] in {one, other}
    if x != 0:  # the column of zero holds both images
        assert one == other


def test_power_beyond_the_spectrum_is_that_of_noise() -> None:
    near = np.full((1, SIDE, SIDE // 2 + 1), 5, np.float32)
    bins = np.array([[[40, 3], [3, 40], [3, -40], [-40, -3]]], np.float64)

    np.testing.assert_array_equal(power_at(near, np.array([0]), bins), [[1, 1, 1, 1]])


def test_windows_of_which_too_little_was_seen_show_nothing() -> None:
    plane = noise((160, 230))
    plane[:, 100:] = 0

    found = windows(plane, SIDE, 200)

    assert found is not None
    seen = (found.centres_xy[:, 0] + SIDE / 2 - 100) < SIDE / 2
    assert seen.any()
    assert not seen.all()
    assert (found.power.reshape(len(seen), -1).max(axis=1) > 1).tolist() == seen.tolist()
    np.testing.assert_allclose(found.near_power[~seen], 1)
    np.testing.assert_allclose(found.smooth_power[~seen], 1, rtol=1e-5)


def bump(x: float, y: float) -> NDArray[np.float32]:
    """Return the power of two windows of noise's mean; the second one's peaks at a frequency."""
    rows, cols = np.mgrid[-SIDE // 2 : SIDE // 2, : SIDE // 2 + 1]
    peak = 6 * np.exp(-((cols - x) ** 2 + (rows - y) ** 2) / (2 * 0.5**2))
    return np.stack([np.ones_like(peak), 1 + peak]).astype(np.float32)


@given(
    st.floats(4, 26),
    st.floats(-26, 26),
    st.floats(-0.4, 0.4),
    st.floats(-0.4, 0.4),
    st.sampled_from([1, -1]),
)
def test_a_peak_is_found_from_a_frequency_near_it_or_its_mirror_image(
    x: float, y: float, right: float, down: float, sign: int
) -> None:
    asked = sign * np.array([[[[x + right, y + down]]]])

    greatest, step = peak_near(bump(x, y), np.array([[1]]), asked)

    np.testing.assert_allclose(asked + step, sign * np.array([[[[x, y]]]]), atol=0.35)
    assert np.linalg.norm(asked + step - sign * np.array([x, y])) <= np.hypot(right, down) + 0.2
    assert greatest.item() > 3


def test_there_is_no_peak_in_noise_or_beyond_the_spectrum() -> None:
    asked = np.array([[[[9.0, 4.0], [40.0, 3.0], [3.0, -40.0], [0.0, 5.0]]] * 2])

    greatest, step = peak_near(bump(40, 3), np.array([[0, 1]]), asked)

    np.testing.assert_allclose(greatest, 1)
    np.testing.assert_allclose(step, 0, atol=1e-6)
