"""``o2o proof``: a prediction, a sheet, and an exit code by threshold."""

from __future__ import annotations

import io
import json
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from o2o.cli import app, proof
from o2o.cli.proof import Shot, wilson_interval
from o2o.cli.proof_heatmap import WeakParts
from watermarks import Payload, embed

KEY = b"a key for tests, 32 bytes long.."
DPI = 150


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("O2O_WATERMARK_KEY", KEY.decode())


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A photograph of 4 x 2.7 inches, marked and not."""
    folder = tmp_path_factory.mktemp("pictures")
    data = (files("skimage") / "data" / "coffee.png").read_bytes()
    host = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    marked = embed(host, Payload(0xBEEF), KEY, dpi=DPI, strength=3.5)
    for name, image in (("host", host), ("marked", marked)):
        Image.fromarray(image).save(folder / f"{name}.png", dpi=(DPI, DPI))
    return {name: folder / f"{name}.png" for name in ("host", "marked")}


def o2o(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_predicts_a_rate_and_draws_a_sheet(pictures: dict[str, Path], tmp_path: Path) -> None:
    sheet, heat = tmp_path / "sheet.png", tmp_path / "heat.png"
    result = o2o(
        "proof",
        pictures["marked"],
        "--condition",
        "easy",
        "-n",
        "2",
        "--sheet",
        sheet,
        "--heatmap",
        heat,
        "--threshold",
        "0.5",
        "--json",
    )
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["id"] == "0x00000000beef"
    assert (answer["condition"], answer["photos"], answer["misread"]) == ("easy", 2, 0)
    assert answer["rate"] == answer["read"] / 2
    low, high = answer["interval"]
    assert low < answer["rate"] <= high
    assert answer["heatmap"] == str(heat)
    assert 0 <= answer["weak_share"] < 0.5
    assert answer["weak"].startswith("The mark is ")
    for path in (sheet, heat):
        with Image.open(path) as drawn:
            assert drawn.format == "PNG"
            assert drawn.width > 640


@pytest.mark.parametrize(("read", "said"), [(2, "nothing needs to be done"), (1, "Print larger")])
def test_advice_is_for_who_needs_it(
    read: int, said: str, pictures: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both proofs pass; only one of them would bear a stronger mark."""
    photos = [SimpleNamespace(ids={0xBEEF}), SimpleNamespace(ids={0xBEEF} if read == 2 else set())]
    weak = WeakParts(0.49, ("top left",), "busy")
    shots = [Shot(cast("Any", photo), [], 0xBEEF) for photo in photos]
    monkeypatch.setattr(Shot, "ids", property(lambda shot: shot.photo.ids))
    monkeypatch.setattr(proof, "_shoot", lambda *_, **__: iter(shots))
    monkeypatch.setattr(proof, "_draw_sheet", lambda *_, **__: None)
    monkeypatch.setattr("watermarks.local_signal.local_signal_db", lambda *_: np.zeros((2, 2)))
    monkeypatch.setattr("o2o.cli.proof_heatmap.weak_parts", lambda *_: weak)
    result = o2o(
        "proof", pictures["marked"], "-n", "2", "--threshold", "0.5", "--heatmap", tmp_path / "h.png"
    )
    assert result.exit_code == 0, result.output
    assert f"{read} of 2" in result.stdout
    assert "weak in 49 % of the picture (top left)" in result.stdout
    assert said in result.stdout


def test_a_rate_under_the_threshold_exits_with_1(pictures: dict[str, Path], tmp_path: Path) -> None:
    """A picture that carries no mark can't say the ID that is asked for."""
    sheet = tmp_path / "sheet.png"
    result = o2o("proof", pictures["host"], "--condition", "easy", "-n", "1", "--id", "0x1", "--sheet", sheet)
    assert result.exit_code == 1
    assert "The mark is weak in" in result.stdout
    assert pictures["host"].with_name("host-heat.png").exists()
    assert "0 of 1" in result.stdout
    assert "fails" in result.stdout
    assert str(sheet) in result.stdout


def test_another_id_than_the_files_is_pointed_out(pictures: dict[str, Path]) -> None:
    result = o2o("proof", pictures["marked"], "-n", "1", "--id", "0x1")
    assert result.exit_code == 1
    assert "0x00000000beef" in result.stderr


def test_a_picture_without_a_mark_is_told_apart(pictures: dict[str, Path]) -> None:
    result = o2o("proof", pictures["host"], "-n", "1")
    assert result.exit_code == 1
    assert "o2o mark" in result.stderr
    assert not pictures["host"].with_name("host-proof.png").exists()


def test_usage_and_unreadable_files(pictures: dict[str, Path], tmp_path: Path) -> None:
    assert o2o("proof", pictures["marked"], "--condition", "perfect").exit_code == 2
    assert o2o("proof", pictures["marked"], "-n", "0").exit_code == 2
    assert o2o("proof", pictures["marked"], "--threshold", "90").exit_code == 2
    assert o2o("proof", tmp_path / "nowhere.png").exit_code == 3


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(18, 20, 0.699, 0.972), (0, 10, 0.0, 0.278), (20, 20, 0.839, 1.0)],
)
def test_wilson_interval(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=0.001)
