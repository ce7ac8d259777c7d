"""The speed report: what it says of the times that it is given."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from benchmarks import process_cost, speed


def test_ratios_are_medians_over_pairs() -> None:
    timing = speed.Timing("read", "12 MP", seconds=(1.0, 9.0, 3.0), decode_s=(1.0, 3.0, 0.5))

    assert timing.ratio == 3.0
    assert speed.Timing("mark", "a megapixel", seconds=(1.0,)).ratio is None


def test_the_report_has_every_piece_of_work_beside_what_was_asked_for() -> None:
    timings = [
        speed.Timing("read", "12 MP", (0.2, 0.4, 0.3), (0.1, 0.1, 0.1), "3 read", "≤ 3x"),
        speed.Timing("mark", "a megapixel", (0.1,)),
    ]

    text = speed.report(timings, {"read": 123.4}, pictures=3, rounds=1)

    assert "| read | 12 MP | 300 ms | 250-350 | 3.00x | ≤ 3x | 3 read |" in text
    assert "| mark | a megapixel | 100 ms | 100-100 | – | – | – |" in text
    assert "123 MB read (asked for: ≤ 350 MB)" in text


def test_a_process_tells_its_memory_and_its_start(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    cv2.imwrite(str(photo), np.zeros((240, 320, 3), np.uint8))

    assert process_cost.peak_read_mb(photo, bytes(16)) > 0
    assert process_cost.import_s() > 0
