"""Linear maps proposed from a window's spectral peaks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.tilted_pages import template_plane
from watermarks import DRAFT_0, spectra
from watermarks.constellation import MOST_PEAKS, propose, ring
from watermarks.spectra import Windows
from watermarks.template import lines

Array = NDArray[np.float64]


def windows(plane: NDArray[np.float32], side: int, most: int) -> Windows:
    found = spectra.windows(plane, side, most, ring(side, DRAFT_0), MOST_PEAKS)
    assert found is not None
    return found


def page(turn: float, px_per_chip: float, foreshortening: float, direction: float) -> Array:
    """Return a linear map, chips -> pixels, that shortens one direction; angles in degrees."""
    a, b = np.radians(turn), np.radians(direction)
    around = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    axes = np.array([[np.cos(b), -np.sin(b)], [np.sin(b), np.cos(b)]])
    squeezed = axes @ np.diag([foreshortening**0.5, foreshortening**-0.5]) @ axes.T
    return np.asarray(px_per_chip * squeezed @ around)


def seen(to_pixels: Array, side: int, noise: float, seed: int) -> Windows:
    """Return the only window of a plane that shows the template under a linear map."""
    homography = np.eye(3)
    homography[:2, :2] = to_pixels
    return windows(template_plane((side, side), homography, noise, seed), side, 1)


def bins_off(to_bins: NDArray[np.float32], to_pixels: Array, side: int) -> Array:
    """Return how far, in bins, proposals put the worst line from where it is, upside down or not."""
    truth = side * np.linalg.inv(to_pixels * DRAFT_0.tile_chips).T
    cycles = lines(DRAFT_0).cycles_xy.T
    off = [np.linalg.norm((sign * to_bins - truth) @ cycles, axis=1).max(axis=1) for sign in (1, -1)]
    return np.asarray(np.minimum(*off))


@settings(max_examples=40)
@given(
    st.floats(-180, 180),
    st.floats(0.75, 1.2),
    st.floats(1.0, 1.7),
    st.floats(0, 180),
    st.integers(0, 2**32 - 1),
)
def test_the_true_map_is_proposed(
    turn: float, px_per_chip: float, foreshortening: float, direction: float, seed: int
) -> None:
    truth = page(turn, px_per_chip, foreshortening, direction)

    to_bins, of_window = propose(seen(truth, 128, 1.5, seed), DRAFT_0)

    assert bins_off(to_bins, truth, 128).min() < 2.0
    assert (of_window == 0).all()


def test_without_noise_the_likeliest_map_is_the_true_one() -> None:
    truth = page(25.0, 0.9, 1.3, 70.0)

    to_bins, _ = propose(seen(truth, 256, 0.01, 0), DRAFT_0)

    assert bins_off(to_bins, truth, 256)[0] < 2.0


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_what_noise_proposes_does_not_mirror_nor_squeeze_the_page(seed: int) -> None:
    plane = np.random.default_rng(seed).standard_normal((192, 192)).astype(np.float32)
    found = windows(plane, 128, 10)

    to_bins, of_window = propose(found, DRAFT_0)

    assert to_bins.shape == (len(of_window), 2, 2)
    assert set(of_window) <= set(range(len(found.power)))
    assert (np.linalg.det(to_bins.astype(float)) > 0).all()
    singular = np.linalg.svd(to_bins.astype(float), compute_uv=False)
    assert (singular[:, 0] / singular[:, 1]).max() < 2.3


@pytest.mark.parametrize("px_per_chip", [0.45, 2.0])
def test_maps_of_scales_that_another_level_shows_are_left_to_it(px_per_chip: float) -> None:
    truth = page(10.0, px_per_chip, 1.0, 0.0)

    to_bins, _ = propose(seen(truth, 256, 0.5, 0), DRAFT_0)

    scale = 256 / DRAFT_0.tile_chips / np.sqrt(np.linalg.det(to_bins.astype(float)))
    assert len(scale)
    assert ((scale > 0.6) & (scale < 1.75)).all()


def test_a_plane_without_peaks_proposes_nothing() -> None:
    found = windows(np.zeros((128, 128), np.float32), 128, 10)

    to_bins, of_window = propose(found, DRAFT_0)

    assert to_bins.shape == (0, 2, 2)
    assert of_window.shape == (0,)
