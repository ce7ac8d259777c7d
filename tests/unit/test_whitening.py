"""The whitened planes: like unit noise, whatever the photo, and aligned with it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.photographs import photograph
from watermarks.geometry import Surface
from watermarks.whitening import SEARCH_SHRINK, level, pyramid, whiten, whitened_chips

PHOTO = photograph("coffee", 1200)
RADIUS, DEVIATION, CLIP = 3.0, 6.0, 1.2


def luma_of(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(image.mean(axis=2), np.float32)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_a_photograph_becomes_noise_of_about_unit_variance(name: str) -> None:
    plane = whiten(luma_of(photograph(name, 600)), RADIUS, DEVIATION, CLIP)

    assert plane.dtype == np.float32
    assert abs(plane.mean()) < 0.05
    assert 0.3 < plane.std() < 1.2
    small_shift = np.corrcoef(plane[:, :-6].ravel(), plane[:, 6:].ravel())[0, 1]
    assert abs(small_shift) < 0.25  # the photograph's own is above 0.9


def test_brightness_and_contrast_hardly_matter() -> None:
    plane = luma_of(PHOTO)

    darker = whiten(0.5 * plane + 20, RADIUS, DEVIATION, CLIP)

    assert np.corrcoef(darker.ravel(), whiten(plane, RADIUS, DEVIATION, CLIP).ravel())[0, 1] > 0.95


def test_an_edge_says_no_more_than_a_speck() -> None:
    step = np.zeros((60, 60), np.float32)
    step[:, 30:] = 255

    assert (
        np.abs(whiten(step, RADIUS, DEVIATION, CLIP)).max()
        <= np.abs(whiten(0.1 * step, RADIUS, DEVIATION, CLIP)).max() + 0.1
    )


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
def test_a_flat_photo_of_any_size_says_nothing(height: int, width: int, value: int) -> None:
    for each in pyramid(np.full((height, width, 3), value, np.uint8)):
        assert np.isfinite(each.search_planes).all()
        assert np.abs(each.search_planes).max() < 1e-2


def test_levels_are_a_power_of_two_apart_and_search_planes_half_as_large() -> None:
    levels = list(pyramid(photograph("coffee", 3000)))

    scales = [each.scale for each in levels]
    assert len(set(scales)) == len(scales) > 1
    assert all(np.log2(scale) % 1 == 0 for scale in scales)
    for each in levels:
        assert each.luma.shape == each.chroma.shape == (2000 // each.scale, 3000 // each.scale)
        assert each.search_planes.shape[:2] == tuple(n // SEARCH_SHRINK for n in each.luma.shape)
        assert each.search_planes.shape[2] == 2


def test_a_12_megapixel_photo_is_looked_at_up_to_half_its_resolution() -> None:
    scales = [each.scale for each in pyramid(np.zeros((3024, 4032, 3), np.uint8))]

    assert scales == [8.0, 4.0, 2.0]


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


def test_a_grey_photo_has_no_colour() -> None:
    grey = np.repeat(luma_of(PHOTO).astype(np.uint8)[..., None], 3, axis=2)

    found = level(grey, 1)

    assert np.abs(found.chroma).max() < 1e-3
    assert np.abs(found.search_planes[..., 1]).max() < 1e-3
    assert found.search_planes[..., 0].std() > 0.3


def test_chips_are_the_same_from_a_photo_twice_as_fine() -> None:
    fine = luma_of(PHOTO)
    coarse = np.asarray(cv2.resize(fine, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32)

    seen = [
        whitened_chips(plane, Surface.flat(np.diag([scale, scale, 1.0])), (20, 20), (128, 128), 1)
        for plane, scale in ((fine, 3.0), (coarse, 1.5))
    ]

    assert np.corrcoef(seen[0].ravel(), seen[1].ravel())[0, 1] > 0.9


@pytest.mark.parametrize("pitch", [1, 2])
def test_chips_outside_the_photo_say_nothing(pitch: int) -> None:
    plane = luma_of(PHOTO)[:120, :120]

    chips = whitened_chips(plane, Surface.flat(np.eye(3)), (-64, -64), (256 // pitch, 256 // pitch), pitch)

    inside = slice(66 // pitch, 180 // pitch)
    assert (chips[inside, inside] != 0).mean() > 0.99
    assert not chips[: 60 // pitch].any()
    assert not chips[:, 190 // pitch :].any()
