"""The QR code on a benchmark's page, and pages with several pictures."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import qr_control, trials
from benchmarks.marking import Marked, Sheet
from benchmarks.pictures import KEY
from watermarks import Detection, Miss, MissReason, Payload
from watermarks.channel import CONDITIONS, Capture, photograph

PAYLOAD = Payload(0x8B7A1A157E90)


def marked(payload: Payload = PAYLOAD, side_px: int = 300) -> Marked:
    """A grey picture that stands for a marked one."""
    picture = np.full((side_px, side_px, 3), 128, np.uint8)
    return Marked(picture, payload, 1.0, 42.0, 0.3, 1.2, 0.0)


@cache
def small_capture() -> Capture:
    """A photo of a page with a small picture and its QR code."""
    rng = np.random.default_rng(0)
    page = trials.page_of([marked()], Sheet(), rng)
    return photograph(page, rng=rng, condition=CONDITIONS["easy"])


def detection(payload: Payload, corners_xy: NDArray[np.float64]) -> Detection:
    return Detection(
        payload,
        corners_xy,
        confidence=1.0,
        signal_db=30.0,
        px_per_chip=2.0,
        tilt_deg=0.0,
        sharpness=1.0,
        share=1.0,
    )


def test_both_readers_read_the_symbol_itself() -> None:
    code = qr_control.symbol(PAYLOAD, 300.0)

    result = qr_control.read_qr(code, PAYLOAD, visible_share=1.0)

    assert (result.zxing, result.opencv, result.whole) == (True, True, True)
    assert qr_control.link(PAYLOAD) == "HTTPS://P2P.EXAMPLE/S/8B7A1A157E90"


def test_the_symbol_is_as_wide_as_stated_and_its_quiet_zone_comes_on_top() -> None:
    code = qr_control.symbol(PAYLOAD, 300.0)

    rows, cols = np.nonzero(code[:, :, 0] == 0)
    assert np.ptp(cols) + 1 == pytest.approx(0.8 * 300, abs=2)
    assert cols.min() == pytest.approx(4 / 25 * 0.8 * 300, abs=2)
    assert code.shape == (len(code), len(code), 3)
    assert rows.min() == cols.min()


def test_another_codes_text_is_no_read() -> None:
    other = qr_control.symbol(Payload(1), 300.0)

    assert not qr_control.read_qr(other, PAYLOAD, 1.0).zxing
    assert qr_control.read_by_opencv(np.zeros((64, 64, 3), np.uint8)) == []


def test_the_code_stands_on_the_page_apart_from_the_picture_and_reads_from_a_photo() -> None:
    capture = small_capture()

    picture, code = (each.astype(np.float32) for each in capture.picture_corners_xy)
    shared, _ = cv2.intersectConvexConvex(picture, code)
    assert shared == 0
    assert (capture.visible_share >= qr_control.WHOLE).all()
    assert qr_control.link(PAYLOAD) in qr_control.read_by_zxing(capture.image)


def test_a_photo_is_read_if_each_of_its_pictures_is_and_nothing_else() -> None:
    capture = small_capture()
    corners = capture.picture_corners_xy
    page = [marked(Payload(1)), marked(Payload(2))]
    both = [detection(Payload(1), corners[0]), detection(Payload(2), corners[1] + [3.0, 0.0])]

    found = trials.judge(both, page, capture)
    part = trials.judge(both[:1], page, capture)
    wrong = trials.judge([*both, detection(Payload(3), corners[0])], page, capture)
    miss = trials.judge(Miss(MissReason.GLARE), page, capture)

    assert (found.outcome, found.reason) == ("read", None)
    assert found.corner_error_pct is not None
    assert found.corner_error_pct > 0
    assert (part.outcome, part.reason) == ("miss", "1 of 2 pictures")
    assert wrong.outcome == "misread"
    assert (miss.outcome, miss.reason) == ("miss", "glare")


def test_the_truth_is_ready_for_json() -> None:
    truth = trials.truth_of(small_capture())

    assert len(truth["corners_xy"]) == 2
    assert truth["screen"]
    assert len(KEY) >= 16
