"""How the visibility benchmark looks at marks, and which crops it may show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks import crops, plots, visibility
from benchmarks.crops import Crop, Source
from benchmarks.visibility import Seen

LISTING = """# Sources
Text with a | in it.
| file | source | author | licence | px |
|---|---|---|---|---|
| a.jpg | somewhere @ 1 : `a.png` | Ann | CC0-1.0 | 10x10 |
| b.jpg | somewhere @ 1 : `b.png` | not given | all rights reserved | 10x10 |
| c.jpg | elsewhere | not given | Unsplash License (free use) | 10x10 |
"""


def crop(picture: str, error: float) -> Crop:
    pixels = np.full((crops.SIDE_PX, crops.SIDE_PX, 3), 90, np.uint8)
    return Crop(picture, error, pixels, pixels + 2)


def seen(picture: str, error: float) -> Seen:
    return Seen(picture, 1.5, 41.0, 0.3, 1.4, 0.02, 0.0, 0, 0, crop(picture, error))


def test_only_pictures_whose_licence_allows_it_are_shown(tmp_path: Path) -> None:
    listing = tmp_path / "SOURCES.md"
    listing.write_text(LISTING)
    sources = crops.sources_of(listing)

    assert sources["a.jpg"] == Source("somewhere @ 1 : `a.png`", "Ann", "CC0-1.0")
    results = [seen("a.jpg", 0.1), seen("b.jpg", 0.9), seen("c.jpg", 0.2), seen("unlisted.jpg", 0.8)]
    assert [each.picture for each in visibility.hardest(results, sources)] == ["c.jpg", "a.jpg"]
    assert visibility.hardest(results, {}) == []


def test_the_worst_crop_is_where_the_error_is_greatest() -> None:
    error = np.zeros((400, 600), np.float32)
    error[100:340, 300:540] = 0.5
    host = np.zeros((400, 600, 3), np.uint8)
    host[100, 300] = 255

    found = crops.worst_crop("a.jpg", host, host, error)

    assert found.error == np.float32(0.5)
    assert found.original[0, 0, 0] == 255
    assert crops.worst_crop("small.jpg", host[:50, :60], host[:50, :60], error[:50, :60]).error == 0


def test_sheets_have_every_pair_at_its_own_size(tmp_path: Path) -> None:
    paths = crops.draw_sheets([crop(f"{i}.jpg", 0.1) for i in range(5)], tmp_path)

    assert [path.name for path in paths] == ["crops-1.png", "crops-2.png"]
    first, second = (cv2.imread(str(path)) for path in paths)
    assert first is not None
    assert second is not None
    assert len(first) == 4 * len(second)
    assert (first == 90).all(axis=2).sum() >= 4 * crops.SIDE_PX**2


def test_flip_finds_a_change_and_only_that() -> None:
    host = np.full((64, 64, 3), 128, np.uint8)
    changed = host.copy()
    changed[24:40, 24:40] += 40

    error = visibility.flip_error(host, changed, 300.0)

    assert error.shape == (64, 64)
    assert visibility.flip_error(host, host, 300.0).max() == 0
    assert error[32, 32] > 10 * error[0, 0]


def test_the_report_has_medians_beside_what_was_asked_for(tmp_path: Path) -> None:
    results = [seen("a.jpg", 0.1), replace(seen("b.jpg", 0.2), psnr_db=43.0, white=1)]

    text = visibility.report(results, Path("visibility.png"))

    assert "| PSNR, dB | 42 | 41 | 43 | median ≥ 42, least ≥ 38 |" in text
    assert "| b.jpg | 1.50 | 43.0 | 0.30 | 1.40 | 0.0200 | 0.200 | 0.000 % | 0 / 1 |" in text
    plots.sorted_values(tmp_path / "panels.png", [plots.Panel("FLIP", [0.1, 0.2], 0.03)] * 2, "Visibility")
    assert cv2.imread(str(tmp_path / "panels.png")) is not None
