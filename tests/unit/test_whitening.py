"""The whitened planes: like unit noise, whatever the photo, and aligned with it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.photographs import photograph
from watermarks import whitening
from watermarks.geometry import Surface
from watermarks.whitening import Level, level, luma_of, pyramid, whiten, whitened_chips

PHOTO = photograph("coffee", 1200)
RADIUS, DEVIATION = 3.0, 6.0


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_a_photograph_becomes_noise_of_about_unit_variance(name: str) -> None:
    plane = whiten(luma_of(photograph(name, 600)), RADIUS, DEVIATION)

    assert plane.dtype == np.float32
    assert abs(plane.mean()) < 0.05
    assert 0.3 < plane.std() < 1.2
    small_shift = np.corrcoef(plane[:, :-6].ravel(), plane[:, 6:].ravel())[0, 1]
    assert abs(small_shift) < 0.25  # the photograph's own is above 0.9


def test_brightness_and_contrast_hardly_matter() -> None:
    plane = luma_of(PHOTO)

    darker = whiten(0.5 * plane + 20, RADIUS, DEVIATION)

    assert np.corrcoef(darker.ravel(), whiten(plane, RADIUS, DEVIATION).ravel())[0, 1] > 0.95


@pytest.mark.parametrize("trust", [0.0, 0.5, 1.0])
def test_quiet_places_count_more_by_so_much(trust: float) -> None:
    """Of noise of 2 levels beside noise of 32."""
    rng = np.random.default_rng(0)
    plane = (rng.standard_normal((200, 400)) * np.where(np.arange(400) < 200, 2.0, 32.0)).astype(np.float32)

    white = whiten(plane, RADIUS, DEVIATION, floor=1e-3, trust=trust)

    quiet, loud = white[:, 20:160].std(), white[:, 240:380].std()
    assert quiet / loud == pytest.approx(16.0**trust, rel=0.1)


def test_deviations_well_below_the_floor_fade() -> None:
    faint = 0.01 * np.random.default_rng(0).standard_normal((100, 100)).astype(np.float32)

    assert whiten(faint, RADIUS, DEVIATION, floor=1.0).std() < 0.02
    assert whiten(faint, RADIUS, DEVIATION, floor=1e-4).std() > 0.6


def test_an_edge_says_no_more_than_a_speck() -> None:
    step = np.zeros((60, 60), np.float32)
    step[:, 30:] = 255

    assert (
        np.abs(whiten(step, RADIUS, DEVIATION)).max()
        <= np.abs(whiten(0.1 * step, RADIUS, DEVIATION)).max() + 0.1
    )


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 255))
def test_a_flat_photo_of_any_size_says_nothing(height: int, width: int, value: int) -> None:
    for each in pyramid(np.full((height, width, 3), value, np.uint8)):
        assert np.isfinite(each.search_plane).all()
        assert np.abs(each.search_plane).max() < 1e-2


def test_search_planes_are_an_octave_apart_the_coarsest_first() -> None:
    levels = list(pyramid(photograph("coffee", 3000)))

    searched = [each.scale * each.search_shrink for each in levels]
    assert searched == [16, 8, 4, 2]
    for each, scale in zip(levels, searched, strict=True):
        assert np.log2(each.scale) % 1 == 0
        assert each.luma.shape == (2000 // each.scale, 3000 // each.scale)
        assert each.search_plane.shape == (2000 // scale, 3000 // scale)
        assert each.luma.dtype == each.search_plane.dtype == np.float32


def test_a_12_megapixel_photo_is_searched_up_to_half_its_resolution_and_read_at_all_of_it() -> None:
    levels = [(each.scale, each.search_shrink) for each in pyramid(np.zeros((3024, 4032, 3), np.uint8))]

    assert levels == [(8.0, 2), (4.0, 2), (2.0, 2), (1.0, 2)]


def test_a_small_photo_is_taken_as_it_is() -> None:
    levels = [(each.scale, each.search_shrink) for each in pyramid(photograph("coffee", 200))]

    assert levels == [(1.0, 1)]


def test_levels_are_made_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def counted(luma: NDArray[np.uint8], search_scale: int) -> Level:
        made.append(search_scale)
        return level(luma, search_scale)

    monkeypatch.setattr(whitening, "level", counted)
    levels = pyramid(photograph("coffee", 1000))

    assert next(levels).scale == 2
    assert made == [4]
    assert next(levels).scale == 1
    assert made == [4, 2]


@pytest.mark.parametrize("search_scale", [1, 2, 8])
def test_levels_are_aligned_by_the_areas_of_pixels(search_scale: int) -> None:
    """A dot at capture pixel (x, y) is at ((x + 0.5) / scale - 0.5, ...) of a level's planes."""
    photo = np.full((800, 800, 3), 100, np.uint8)
    photo[396:404, 560:568] = 140

    found = level(luma_of(photo), search_scale)

    assert found.scale * found.search_shrink == search_scale
    for plane, scale in ((found.luma, found.scale), (found.search_plane, float(search_scale))):
        bright = np.argwhere(plane > 0.5 * plane.max() + 0.5 * np.median(plane))
        np.testing.assert_allclose((bright.mean(axis=0) + 0.5) * scale, [400, 564], atol=0.5)


def test_luma_is_that_of_bt_601() -> None:
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[0] = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    pixels[1] = 200

    found = luma_of(pixels)

    np.testing.assert_allclose(found, [[76.245, 149.685, 29.07], [200.0, 200.0, 200.0]], atol=1e-3)
    assert found.dtype == np.float32
    finer = pixels.astype(np.float32) + np.float32(0.25)
    np.testing.assert_allclose(luma_of(finer), found + np.float32(0.25), atol=1e-3)


def test_a_change_of_colour_alone_is_not_seen() -> None:
    """More red, and as much less green as keeps the luma: the mark is nowhere else."""
    plain = PHOTO.astype(np.float32)

    tinted = luma_of(plain + np.array([20.0, -20.0 * 0.299 / 0.587, 0.0], np.float32))

    np.testing.assert_allclose(tinted, luma_of(plain), atol=1e-3)


def test_chips_are_the_same_from_a_photo_twice_as_fine() -> None:
    fine = luma_of(PHOTO)
    coarse = np.asarray(cv2.resize(fine, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32)

    seen = [
        whitened_chips(plane, Surface.flat(np.diag([scale, scale, 1.0])), (20, 20), (128, 128))
        for plane, scale in ((fine, 3.0), (coarse, 1.5))
    ]

    # Their finest detail differs, and flat spectra have more of it.
    assert np.corrcoef(seen[0].ravel(), seen[1].ravel())[0, 1] > 0.85


def test_chips_outside_the_photo_say_nothing() -> None:
    plane = luma_of(PHOTO)[:120, :120]

    chips = whitened_chips(plane, Surface.flat(np.eye(3)), (-64, -64), (256, 256))

    assert chips.shape == (256, 256)
    assert (chips[66:180, 66:180] != 0).mean() > 0.99
    assert not chips[:60].any()
    assert not chips[:, 190:].any()


def plain_level(shape: tuple[int, int], shrink: int, scale: float = 2.0) -> Level:
    """Return a level in whose search plane all is seen."""
    return Level(
        scale,
        np.zeros((shape[0] * shrink, shape[1] * shrink), np.float32),
        shrink,
        np.ones(shape, np.float32),
    )


@pytest.mark.parametrize("shrink", [1, 2])
def test_what_is_taken_out_is_seen_no_more(shrink: int) -> None:
    whole = plain_level((100, 200), shrink)
    corners = shrink * np.array([(50, 20), (150, 20), (150, 60), (50, 60)], np.float64) - 0.5

    left = whole.without(corners)

    assert whole.share_left() == 1
    assert left.share_left() == pytest.approx(1 - 100 * 40 / (100 * 200), abs=0.02)
    assert not left.search_plane[22:58, 52:148].any()
    assert left.search_plane[:18].all()
    assert left.search_plane[:, :48].all()
    assert whole.search_plane.all()


def test_what_lies_beyond_the_frame_takes_out_what_is_within() -> None:
    whole = plain_level((100, 200), 1)

    half = whole.without(np.array([(-500.0, -80), (99.5, -80), (99.5, 900), (-500, 900)]))
    nothing = whole.without(np.array([(300.0, 20), (400, 20), (400, 90), (300, 90)]))

    assert half.share_left() == pytest.approx(0.5, abs=0.02)
    assert nothing.share_left() == 1


@given(st.floats(-50, 5000), st.floats(-50, 5000), st.sampled_from([1.0, 2.0, 8.0]))
def test_capture_pixels_and_back(x: float, y: float, scale: float) -> None:
    found = plain_level((4, 4), 1, scale)

    np.testing.assert_allclose(found.from_capture(found.to_capture(np.array([x, y]))), [x, y], atol=1e-9)
