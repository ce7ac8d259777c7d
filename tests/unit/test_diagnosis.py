"""Why a photo was missed: each symptom measured where its size is known, and the reasons that follow."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.photographs import photograph
from tests.tilted_pages import tilted
from watermarks import MissReason
from watermarks.diagnosis import Followed, likeliest_reason, may_be_steep, measured
from watermarks.gradients import gradient_power
from watermarks.slant import slant_evidence
from watermarks.symptoms import COPY_PX, blur_px, symptoms

FRAME = (1080, 1440)
Picture = NDArray[np.uint8]


def page() -> Picture:
    """Return a sheet of 1000 x 800 px with a photograph and columns of text, 100 px an inch."""
    sheet = np.full((1000, 800, 3), 225, np.uint8)
    sheet[80:480, 100:700] = cv2.resize(photograph("coffee", 600), (600, 400), interpolation=cv2.INTER_AREA)
    for left in (100, 420):
        for row in range(540, 940, 18):
            cv2.putText(
                sheet, "an invisible mark in print", (left, row), 6, 0.5, (30, 30, 30), 1, cv2.LINE_AA
            )
    return sheet


def seen(px_per_px: float, tilt: float = 0.0, turn: float = 8.0) -> Picture:
    """Return the page on a dark table in a photo, so many photo pixels a pixel of it."""
    sheet = page()
    middle = (sheet.shape[1] / 2, sheet.shape[0] / 2)
    to_photo = tilted(FRAME, px_per_chip=px_per_px, turn=turn, tilt=tilt, towards=60.0, middle_xy=middle)
    table = np.full((*FRAME, 3), (96, 84, 70), np.uint8)
    size = FRAME[1], FRAME[0]
    smooth = cv2.GaussianBlur(sheet, (0, 0), max(0.5 / px_per_px - 0.5, 0.01))
    photo = cv2.warpPerspective(smooth, to_photo, size, dst=table, borderMode=cv2.BORDER_TRANSPARENT)
    return np.asarray(photo, np.uint8)


@pytest.fixture(scope="module")
def good() -> Picture:
    return seen(1.0)


def noisy(photo: Picture, deviation: float) -> Picture:
    noise = np.random.default_rng(0).normal(0, deviation, photo.shape[:2])
    return np.clip(np.rint(photo + noise[..., None]), 0, 255).astype(np.uint8)


def moved(photo: Picture, length: int) -> Picture:
    return np.asarray(cv2.blur(photo, (length, 1)), np.uint8)


def mirrored_lamp(photo: Picture) -> Picture:
    rows, cols = np.mgrid[: photo.shape[0], : photo.shape[1]]
    lobe = 900 * np.exp(-(((rows - 400) / 170) ** 2 + ((cols - 700) / 220) ** 2) / 2)
    return np.asarray(np.clip(photo + lobe[..., None], 0, 255), np.uint8)


def reason(photo: Picture, *followed: Followed) -> MissReason:
    return likeliest_reason(measured(photo), followed, finest_px=max(photo.shape))


def test_a_good_photo_without_a_mark_shows_none(good: Picture) -> None:
    assert reason(good) == MissReason.NO_TEMPLATE


def test_each_cause_gets_its_reason(good: Picture) -> None:
    assert reason(seen(0.3)) == MissReason.TOO_SMALL
    assert reason(seen(1.1, tilt=68.0)) == MissReason.TOO_OBLIQUE
    assert reason(np.asarray(cv2.GaussianBlur(good, (0, 0), 3.0), np.uint8)) == MissReason.TOO_BLURRED
    assert reason(moved(good, 15)) == MissReason.TOO_BLURRED
    assert reason(mirrored_lamp(good)) == MissReason.GLARE
    assert reason(noisy(good, 9.0)) == MissReason.TOO_DARK
    assert reason((good // 12).astype(np.uint8)) == MissReason.TOO_DARK


def test_a_small_photo_has_too_few_pixels() -> None:
    assert reason(np.full((200, 280, 3), 128, np.uint8)) == MissReason.TOO_SMALL
    assert reason(np.full((50, 900, 3), 128, np.uint8)) == MissReason.TOO_SMALL


def test_a_white_page_is_no_glare() -> None:
    sheet = cv2.resize(page(), (1200, 1500), interpolation=cv2.INTER_CUBIC)
    sheet[sheet.min(axis=2) > 210] = 255
    assert np.mean(sheet == 255) > 0.3
    assert symptoms(np.asarray(sheet, np.uint8)).glare_share == 0


def test_a_template_beyond_doubt_speaks_for_itself(good: Picture) -> None:
    """Its tilt is measured, and outweighs what the photo's lines suggest."""
    steep = seen(1.1, tilt=68.0)
    assert reason(good, Followed(best_z=6.5, tilt_deg=20.0)) == MissReason.PAYLOAD_FAILED
    assert reason(steep, Followed(best_z=6.5, tilt_deg=20.0)) != MissReason.TOO_OBLIQUE
    assert reason(good, Followed(best_z=6.5, tilt_deg=60.0)) == MissReason.TOO_OBLIQUE


def test_a_template_by_chance_says_nothing(good: Picture) -> None:
    assert reason(good, Followed(best_z=4.5, tilt_deg=60.0)) == MissReason.NO_TEMPLATE


def test_the_clearest_template_counts(good: Picture) -> None:
    followed = Followed(best_z=4.0, tilt_deg=70.0), Followed(best_z=6.9, tilt_deg=10.0), Followed(6.2, 65.0)
    assert reason(good, *followed) == MissReason.PAYLOAD_FAILED


def test_a_finer_search_finds_smaller_pictures() -> None:
    photo = seen(0.45)
    assert likeliest_reason(measured(photo), [], finest_px=700) == MissReason.TOO_SMALL
    assert likeliest_reason(measured(photo), [], finest_px=2000) != MissReason.TOO_SMALL


@settings(max_examples=15)
@given(sigma=st.floats(0.9, 4.0))
def test_blur_is_told_in_pixels(sigma: float) -> None:
    """Discs have edges in all directions."""
    plane = np.full((600, 800), 60, np.float32)
    for number in range(12):
        at = (100 + 190 * (number % 4), 110 + 190 * (number // 4))
        cv2.circle(plane, at, 60, 190.0, -1)
    found = blur_px(np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32))
    assert found == pytest.approx(np.hypot(sigma, 0.7), rel=0.25)


def test_blur_in_one_direction_is_blur(good: Picture) -> None:
    luma = cv2.cvtColor(good, cv2.COLOR_RGB2GRAY).astype(np.float32)
    assert blur_px(np.asarray(cv2.blur(luma, (13, 1)), np.float32)) > 1.7 * blur_px(luma)


def test_nothing_to_tell_by_is_no_blur_and_no_slant() -> None:
    flat = np.full((300, 400), 128, np.float32)
    assert blur_px(flat) == 0
    assert slant_evidence(flat, gradient_power(flat)) == -np.inf


@pytest.mark.parametrize("deviation", [3.0, 6.0, 12.0])
def test_noise_is_told_in_levels(deviation: float) -> None:
    photo = noisy(np.full((600, 800, 3), 128, np.uint8), deviation)
    assert symptoms(photo).noise == pytest.approx(deviation, rel=0.15)


def test_symptoms_are_of_a_copy_so_that_a_larger_photo_has_the_same(good: Picture) -> None:
    large = np.asarray(cv2.resize(good, None, fx=2.5, fy=2.5, interpolation=cv2.INTER_CUBIC), np.uint8)
    one, other = symptoms(good), symptoms(large)
    assert max(good.shape) > COPY_PX
    assert other.subject_share == pytest.approx(one.subject_share, rel=0.05)
    assert other.blur_px == pytest.approx(one.blur_px, abs=0.25)


@pytest.mark.parametrize("turn", [0.0, 25.0, 100.0])
def test_slant_grows_with_tilt(turn: float) -> None:
    found = []
    for tilt in (5.0, 70.0):
        luma = cv2.cvtColor(seen(1.1, tilt=tilt, turn=turn), cv2.COLOR_RGB2GRAY).astype(np.float32)
        small = np.asarray(cv2.resize(luma, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA), np.float32)
        found.append(slant_evidence(small, gradient_power(small)))
    assert found[0] < 0 < found[1]


def test_a_page_counts_as_maybe_steep_unless_its_lines_speak_against_it(good: Picture) -> None:
    found = measured(good)
    assert found is not None
    assert not may_be_steep(replace(found, slant=-0.3))
    assert may_be_steep(replace(found, slant=0.1))
    assert may_be_steep(replace(found, slant=-np.inf))  # no lines to tell by
    assert not may_be_steep(None)
