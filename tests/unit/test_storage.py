"""Pictures as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from o2o.integrations.storage import MAX_SIDE_PX, NAME, THUMBNAIL_SIDE_PX, is_stored, store_picture


def test_a_picture_is_kept_once_under_the_name_of_its_content(tmp_path: Path) -> None:
    picture = np.full((50, 70, 3), (200, 30, 60), np.uint8)
    name = store_picture(picture, tmp_path / "media")
    assert store_picture(picture, tmp_path / "media") == name
    assert NAME.fullmatch(name)
    assert [file.name for file in (tmp_path / "media").iterdir()] == [name]
    with Image.open(tmp_path / "media" / name) as stored:
        assert stored.size == (70, 50)
        assert not stored.getexif()


def test_a_large_picture_is_made_fit_for_a_page(tmp_path: Path) -> None:
    name = store_picture(np.zeros((900, 2400, 3), np.uint8), tmp_path)
    with Image.open(tmp_path / name) as stored:
        assert stored.size == (MAX_SIDE_PX, 600)


def test_a_thumbnail_is_smaller(tmp_path: Path) -> None:
    name = store_picture(np.zeros((900, 600, 3), np.uint8), tmp_path, max_side_px=THUMBNAIL_SIDE_PX)
    with Image.open(tmp_path / name) as stored:
        assert stored.size == (213, THUMBNAIL_SIDE_PX)


def test_only_pictures_that_are_kept_are_stored(tmp_path: Path) -> None:
    name = store_picture(np.zeros((70, 70, 3), np.uint8), tmp_path)
    (tmp_path / "notes.txt").write_text("no picture")
    assert is_stored(name, tmp_path)
    for other in ("0" * 64 + ".jpg", "notes.txt", f"../{tmp_path.name}/{name}", ""):
        assert not is_stored(other, tmp_path)
