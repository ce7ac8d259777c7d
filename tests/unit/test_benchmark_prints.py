"""The other prints, and the screen that shows a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import prints, screen, trials
from benchmarks.marking import Marked, Sheet
from benchmarks.screen import Screen
from tests.unit.test_benchmark_reports import MISS, TRIAL
from watermarks import Payload, channel_camera, channel_sensor
from watermarks.channel import CONDITIONS, photograph
from watermarks.channel_press import PRINT_DPI

GREY = np.full((60, 90, 3), 188, np.uint8)
GREY_LINEAR = 0.5029


def test_a_screen_shines_as_brightly_as_its_openings_let_it() -> None:
    shown = screen.show(GREY, Screen(110.0, 1.5), np.random.default_rng(0))

    (left, top), _, (right, bottom), _ = shown.picture_corners_in[0]
    inside = shown.reflectance[
        round((top + 0.1) * PRINT_DPI) : round((bottom - 0.1) * PRINT_DPI),
        round((left + 0.1) * PRINT_DPI) : round((right - 0.1) * PRINT_DPI),
    ]
    assert right - left == pytest.approx(1.5)
    assert bottom - top == pytest.approx(1.0, abs=0.01)
    assert inside.mean() / 255 == pytest.approx(GREY_LINEAR * screen.STRIPE[0] * screen.STRIPE[1], rel=0.03)
    assert shown.screen == "110 ppi"


def test_each_colour_has_its_own_stripe_of_the_pixel() -> None:
    white = np.full((40, 40, 3), 255, np.uint8)

    shown = screen.show(white, Screen(100.0, 0.4), np.random.default_rng(0))

    margin = round(screen.MARGIN_IN * PRINT_DPI)
    row = shown.reflectance[margin + 3 : margin + 4, margin : margin + 24].astype(float)[0]
    periods = row.reshape(4, 6, 3).mean(axis=0)  # 600 / 100 raster cells a pixel
    assert periods.argmax(axis=0).tolist() == sorted(periods.argmax(axis=0).tolist())
    assert len(set(periods.argmax(axis=0).tolist())) == 3


def test_the_camera_is_its_own_again_after_a_screen() -> None:
    own = channel_sensor.EXPOSURE, channel_camera._table

    with screen.metered():
        assert channel_sensor.EXPOSURE[0] > own[0][0]

    assert (channel_sensor.EXPOSURE, channel_camera._table) == own


def test_a_photo_of_a_screen_is_exposed_for_its_white() -> None:
    white = np.full((120, 180, 3), 255, np.uint8)
    marked = Marked(white, Payload(1), 1.0, 42.0, 0.3, 1.2, 0.0)
    rng = np.random.default_rng(0)
    page = trials.page_of([marked], Sheet(qr=False, screen=Screen(110.0, 3.0)), rng)
    condition = replace(screen.before_screen(CONDITIONS["easy"]), frames_px=((960, 720),))

    with screen.metered():
        capture = photograph(page, rng=rng, condition=condition, aim=0)

    middle = (
        capture.image[300:420, 420:540] if capture.image.shape[1] == 960 else capture.image[420:540, 300:420]
    )
    assert 190 < middle.mean() <= 255
    assert condition.curl_deg_per_in == (0.0, 0.0)


def test_three_pictures_share_a_page_and_others_have_their_own() -> None:
    pictures = [Path(f"{name}.jpg") for name in "abcdefg"]

    jobs = prints.jobs_of(pictures, prints._options(["--images", ".", "-n", "1"]))

    pages = {sheet.name: [job.pictures for job in jobs if job.sheet is sheet] for sheet in prints.SHEETS}
    assert pages[prints.THREE] == [tuple(pictures[:3]), tuple(pictures[3:6])]
    assert all(len(of) == 7 for name, of in pages.items() if name != prints.THREE)
    screens = [job for job in jobs if job.sheet.screen]
    assert {job.conditions[0].name for job in screens} == {"typical"}
    assert all(job.conditions[0].shadow_chance == 0 for job in screens)


def test_three_pictures_are_of_two_widths() -> None:
    (three,) = (sheet for sheet in prints.SHEETS if sheet.name == prints.THREE)

    assert [three.width_px(index) for index in range(3)] == [1500, 690, 690]
    assert [Sheet().width_px(index) for index in range(2)] == [1500, 1500]


def test_the_report_has_each_print_beside_what_was_asked_for() -> None:
    own = [replace(TRIAL, sheet=prints.THREE, qr=None), replace(MISS, sheet=prints.THREE, qr=None)]

    text = prints.report([prints.THREE], own, Path("prints.png"), pictures=3, n=1)

    assert "| three: 5 in and two 2.3 in | 50.0 % (9.5-90.5) | 1.00 %, 1.00 % | all three read" in text
    assert "No photo shows a QR code whole" in text
