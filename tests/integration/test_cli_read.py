"""``o2o read``: one line a photo, whatever the photo."""

from __future__ import annotations

import io
import json
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from o2o.cli import app
from watermarks import DRAFT_0, Payload, embed

KEY = b"a key for tests, 32 bytes long.."
ID = 0x0123456789AB
DPI = 150
A_FEW_CHIPS_PX = 5 * DPI / DRAFT_0.chips_per_inch


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("O2O_WATERMARK_KEY", KEY.decode())
    monkeypatch.setenv("COLUMNS", "300")


@pytest.fixture(scope="module")
def marked() -> Image.Image:
    data = (files("skimage") / "data" / "coffee.png").read_bytes()
    host = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    return Image.fromarray(embed(host, Payload(ID), KEY, dpi=DPI, strength=3))


@pytest.fixture
def photos(tmp_path: Path, marked: Image.Image) -> dict[str, Path]:
    """A read, a miss and three that are no photos."""
    paths = {name: tmp_path / name for name in ("good.jpg", "blank.png", "half.jpg", "text.jpg", "gone.jpg")}
    marked.save(paths["good.jpg"], quality=92)
    Image.new("RGB", (640, 480), (90, 120, 140)).save(paths["blank.png"])
    paths["half.jpg"].write_bytes(paths["good.jpg"].read_bytes()[:9000])
    paths["text.jpg"].write_text("not a picture")
    return paths


def o2o(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_json_has_the_published_fields(photos: dict[str, Path]) -> None:
    result = o2o("read", photos["good.jpg"], "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert list(answer) == ["file", "outcome", "reason", "detections", "elapsed_ms"]
    assert (answer["file"], answer["outcome"], answer["reason"]) == (str(photos["good.jpg"]), "read", None)
    (detection,) = answer["detections"]
    figures = ["confidence", "signal_db", "px_per_chip", "tilt_deg", "sharpness", "share"]
    assert list(detection) == ["id", "profile", "corners", *figures]
    assert detection["id"] == "0x0123456789ab"
    assert detection["profile"] == 0
    assert np.allclose(detection["corners"], [[0, 0], [600, 0], [600, 400], [0, 400]], atol=A_FEW_CHIPS_PX)
    assert 0 < detection["confidence"] <= 1
    assert detection["px_per_chip"] == pytest.approx(DPI / DRAFT_0.chips_per_inch, rel=0.02)
    assert detection["tilt_deg"] < 10
    assert 0.75 < detection["sharpness"] < 1.4
    assert 0.8 < detection["share"] <= 1
    elapsed = answer["elapsed_ms"]
    assert list(elapsed) == ["load", "detect", "decode", "total"]
    assert 0 < elapsed["load"] + elapsed["detect"] + elapsed["decode"] <= elapsed["total"] + 0.2


def test_corners_are_in_the_upright_photo(tmp_path: Path, marked: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees to the right
    marked.save(tmp_path / "turned.png", exif=exif)
    answer = json.loads(o2o("read", tmp_path / "turned.png", "--json").stdout)
    corners = answer["detections"][0]["corners"]
    assert np.allclose(corners, [[400, 0], [400, 600], [0, 600], [0, 0]], atol=A_FEW_CHIPS_PX)


def test_one_bad_file_stops_none_of_the_others(photos: dict[str, Path]) -> None:
    order = ["gone.jpg", "blank.png", "half.jpg", "text.jpg", "good.jpg"]
    result = o2o("read", *(photos[name] for name in order), "--json")
    assert result.exit_code == 3
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [Path(line["file"]).name for line in lines] == order
    assert [line["outcome"] for line in lines] == ["miss", "miss", "miss", "miss", "read"]
    assert [line["reason"] for line in lines[:4]] == [
        "no-file",
        "no_template",
        "unreadable-image",
        "unsupported-image",
    ]
    assert all(line["error"] for line in (lines[0], lines[2], lines[3]))
    assert all(not line["detections"] and line["elapsed_ms"]["total"] >= 0 for line in lines[:4])
    assert "half.jpg" in result.stderr


def test_a_miss_exits_with_1(photos: dict[str, Path]) -> None:
    assert o2o("read", photos["good.jpg"], photos["blank.png"], "--json").exit_code == 1


def test_another_key_reads_nothing(photos: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("O2O_WATERMARK_KEY", "another key of enough bytes")
    result = o2o("read", photos["good.jpg"], "--json")
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert (answer["outcome"], answer["reason"]) == ("miss", "payload_failed")
    assert "another key: see --key-file" in " ".join(o2o("read", photos["good.jpg"]).stdout.split())


def test_a_person_gets_advice(photos: dict[str, Path]) -> None:
    result = o2o("read", photos["good.jpg"], photos["blank.png"], photos["text.jpg"])
    assert result.exit_code == 3
    for said in ("0x0123456789ab", "px per chip, tilt", "no template", "Fill the frame", "send JPEG"):
        assert said in result.stdout


def test_lines_fit_a_narrow_terminal(photos: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = o2o("read", photos["good.jpg"], photos["blank.png"]).stdout.splitlines()
    assert told[0].startswith(f"{photos['good.jpg']}: read in ")
    assert told[1].startswith("  0x0123456789ab  ")
    assert re.fullmatch(
        r"    \d\.\d px per chip, tilt \d+ degrees, sharpness \d\.\d\d, \d+ % of the picture used\s*", told[2]
    )
    assert told[3].startswith(f"{photos['blank.png']}: no template in ")
    assert max(len(line.rstrip()) for line in (*told[1:3], *told[4:])) <= 80


def test_without_photos_it_is_a_usage_error() -> None:
    assert o2o("read").exit_code == 2


def test_the_demonstration_key_is_warned_of(photos: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("O2O_WATERMARK_KEY")
    result = o2o("read", photos["blank.png"], "--json")
    assert "demonstration key" in result.stderr
    json.loads(result.stdout)
