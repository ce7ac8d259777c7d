"""Windows and their half spectra: where they lie, and what stands out in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from watermarks import spectra
from watermarks.spectra import CAP, Windows, peak_near, power_at, relative_power, taper

SIDE = 64
RING = (8.0, 26.0)


def noise(shape: tuple[int, int], seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def windows(plane: NDArray[np.float32], most: int) -> Windows | None:
    return spectra.windows(plane, SIDE, most, RING, 16)


def wave(x: float, y: float, side: int = SIDE) -> NDArray[np.float32]:
    """Return a wave of frequencies in bins."""
    row, col = np.mgrid[:side, :side]
    return np.asarray(np.cos(2 * np.pi * (x * col + y * row) / side + 0.3), np.float32)


def test_windows_lie_on_a_grid_row_by_row() -> None:
    found = windows(noise((160, 230)), 200)

    assert found is not None
    assert (found.side, found.stride, found.grid) == (64, 32, (4, 7))
    assert found.power.shape == found.near_power.shape == (28, 64, 33)
    np.testing.assert_array_equal(found.centres_xy[0], [31.5, 31.5])
    np.testing.assert_array_equal(found.centres_xy[1], [59.5, 31.5])
    np.testing.assert_array_equal(found.centres_xy[7], [31.5, 63.5])
    np.testing.assert_array_equal(found.centres_xy[-1], [229 - 31.5, 159 - 31.5])  # up to the edges


def test_a_windows_spectrum_is_that_of_its_own_part_of_the_plane() -> None:
    plane = noise((160, 230))

    found = windows(plane, 200)

    assert found is not None
    np.testing.assert_allclose(found.power[8], np.minimum(relative_power(plane[32:96, 28:92]), CAP))


def test_neighbours_together_show_a_wave_that_none_shows_alone() -> None:
    plane = noise((256, 256), 3) + 0.1 * wave(15 * 4, 9 * 4, 256)
    found = windows(plane.astype(np.float32), 200)
    assert found is not None

    together = spectra.pooled(found, RING, 3)

    def seeing(peaks: list[NDArray[np.float32]]) -> int:
        return sum(bool(len(each)) and bool((np.abs(each[0] - (15, 9)) <= 1).all()) for each in peaks)

    assert seeing(together.peaks) > 2 * seeing(found.peaks)
    assert seeing(together.peaks) > 0.5 * len(found.peaks)
    assert together.power.shape == together.near_power.shape == found.power.shape
    assert together.grid == found.grid


def test_windows_overlap_less_where_they_would_be_too_many() -> None:
    plane = noise((320, 320))

    many, few = windows(plane, 81), windows(plane, 80)

    assert many is not None
    assert few is not None
    assert many.grid == (9, 9)
    assert few.stride > many.stride
    assert len(few.power) <= 80


@pytest.mark.parametrize("shape", [(63, 400), (400, 63)])
def test_a_plane_smaller_than_a_window_has_none(shape: tuple[int, int]) -> None:
    assert windows(noise(shape), 200) is None
    assert windows(noise((64, 64)), 200) is not None


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


def test_noise_has_a_mean_power_of_one() -> None:
    power = relative_power(noise((SIDE, SIDE)))

    assert power.mean() == pytest.approx(1, abs=0.1)
    assert power.min() >= 0


@given(st.floats(0.8, 1e6))
def test_no_line_counts_without_limit(height: float) -> None:
    found = windows(np.float32(height) * wave(9, 14) + noise((SIDE, SIDE)), 1)

    assert found is not None
    assert found.power[0, 14 + SIDE // 2, 9] == found.near_power.max() == CAP
    assert CAP / 4 < found.smooth_power[0, 14 + SIDE // 2, 9] <= CAP


def test_of_lines_beyond_the_limit_the_highest_is_still_the_first_peak() -> None:
    for high, low in (((9, 14), (20, 5)), ((20, 5), (9, 14))):
        found = windows(wave(*high) + np.float32(0.5) * wave(*low) + noise((SIDE, SIDE)), 1)

        assert found is not None
        assert found.power[0, 14 + SIDE // 2, 9] == found.power[0, 5 + SIDE // 2, 20] == CAP
        np.testing.assert_array_equal(found.peaks[0][:2], [high, low])


def test_the_greatest_power_near_is_within_a_bin() -> None:
    found = windows(noise((64, 64)), 10)

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


def test_a_windows_peaks_are_the_waves_within_the_ring_the_highest_first() -> None:
    """One wave lies below the ring, one above, and (11, -12) in a greater one's peak."""
    waves = ((10, -12, 5.0), (20, 5, 9.0), (2, 3, 20.0), (28, 14, 20.0), (11, -12, 2.0))
    plane = sum(height * wave(x, y) for x, y, height in waves) + noise((SIDE, SIDE))

    found = windows(np.asarray(plane, np.float32), 1)

    assert found is not None
    (at,) = found.peaks
    np.testing.assert_array_equal(at[:2], [(20, 5), (10, -12)])
    radius = np.hypot(*at.T)
    assert ((radius > RING[0]) & (radius < RING[1])).all()
    assert (np.diff(found.power[0, at[:, 1].astype(int) + SIDE // 2, at[:, 0].astype(int)]) <= 0).all()
    assert (at[:, 0] >= 0).all()


def test_peaks_are_local_maxima_above_what_noise_has() -> None:
    plane = wave(10, -12) + wave(20, 5) + noise((SIDE, SIDE))

    found = windows(plane, 1)

    assert found is not None
    (at,) = found.peaks
    assert {(10.0, -12.0), (20.0, 5.0)} <= {(float(x), float(y)) for x, y in at}
    relative = relative_power(plane)
    for x, y in at.astype(int):
        row = y + SIDE // 2
        assert relative[row, x] == relative[row - 1 : row + 2, max(x - 1, 0) : x + 2].max() > 2


def test_only_so_many_peaks_are_kept_of_each_window() -> None:
    plane = noise((160, 230))
    many, few = (spectra.windows(plane, SIDE, 200, RING, most) for most in (16, 3))

    assert many is not None
    assert few is not None
    assert len(few.peaks) == len(few.power) == 28
    assert {len(at) for at in few.peaks} == {3}
    for at, best in zip(many.peaks, few.peaks, strict=True):
        np.testing.assert_array_equal(at[:3], best)


def test_a_plane_without_anything_has_no_peaks() -> None:
    found = windows(np.zeros((SIDE, SIDE), np.float32), 1)

    assert found is not None
    assert found.peaks[0].shape == (0, 2)


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

    found = windows(plane, 200)

    assert found is not None
    seen = (found.centres_xy[:, 0] + SIDE / 2 - 100) < SIDE / 2
    assert seen.any()
    assert not seen.all()
    assert (found.power.reshape(len(seen), -1).max(axis=1) > 1).tolist() == seen.tolist()
    np.testing.assert_allclose(found.near_power[~seen], 1)
    np.testing.assert_allclose(found.smooth_power[~seen], 1, rtol=1e-5)
    assert [len(at) > 0 for at in found.peaks] == seen.tolist()


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
