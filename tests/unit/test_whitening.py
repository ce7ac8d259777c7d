"""The whitened planes: like unit noise, whatever the photo, and aligned with it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.photographs import photograph
from watermarks.whitening import SEARCH_SHRINK, level, pyramid, whiten

PHOTO = photograph("coffee", 1200)


def luma_of(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(image.mean(axis=2), np.float32)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_a_photograph_becomes_noise_of_about_unit_variance(name: str) -> None:
    plane = whiten(luma_of(photograph(name, 600)), 3.0)

    assert plane.dtype == np.float32
    assert abs(plane.mean()) < 0.05
    assert 0.3 < plane.std() < 1.2
    small_shift = np.corrcoef(plane[:, :-6].ravel(), plane[:, 6:].ravel())[0, 1]
    assert abs(small_shift) < 0.25  # the photograph's own is above 0.9


def test_brightness_and_contrast_hardly_matter() -> None:
    plane = luma_of(PHOTO)

    darker = whiten(0.5 * plane + 20, 3.0)

    assert np.corrcoef(darker.ravel(), whiten(plane, 3.0).ravel())[0, 1] > 0.95


def test_an_edge_says_no_more_than_a_speck() -> None:
    step = np.zeros((60, 60), np.float32)
    step[:, 30:] = 255

    assert np.abs(whiten(step, 3.0)).max() <= np.abs(whiten(0.1 * step, 3.0)).max() + 0.1


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
def test_a_flat_photo_of_any_size_says_nothing(height: int, width: int, value: int) -> None:
    for each in pyramid(np.full((height, width, 3), value, np.uint8)):
        for plane in (*each.planes, each.search_planes):
            assert np.isfinite(plane).all()
            assert np.abs(plane).max() < 1e-2


def test_levels_are_a_power_of_two_apart_and_search_planes_half_as_large() -> None:
    levels = list(pyramid(photograph("coffee", 3000)))

    scales = [each.scale for each in levels]
    assert len(set(scales)) == len(scales) > 1
    assert all(np.log2(scale) % 1 == 0 for scale in scales)
    for each in levels:
        assert each.luma.shape == each.chroma.shape == (2000 // each.scale, 3000 // each.scale)
        assert each.search_planes.shape[:2] == tuple(n // SEARCH_SHRINK for n in each.luma.shape)
        assert each.search_planes.shape[2] == 2


def test_a_small_photo_is_taken_as_it_is() -> None:
    scales = [each.scale for each in pyramid(photograph("coffee", 200))]

    assert scales == [1.0]


def test_levels_are_aligned_by_the_areas_of_pixels() -> None:
    """A dot at capture pixel (x, y) is at ((x + 0.5) / scale - 0.5, ...) of a level."""
    photo = np.full((800, 800, 3), 100, np.uint8)
    photo[396:404, 560:568] = 140

    found = level(photo, 4).luma

    row, col = (int(n) for n in np.unravel_index(int(found.argmax()), found.shape))
    assert (row, col) in {(99, 140), (99, 141), (100, 140), (100, 141)}


def test_a_grey_photo_has_no_colour_to_whiten() -> None:
    grey = np.repeat(luma_of(PHOTO).astype(np.uint8)[..., None], 3, axis=2)

    assert np.abs(level(grey, 1).chroma).max() < 1e-3
    assert level(grey, 1).luma.std() > 0.3
