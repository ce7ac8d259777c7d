"""The benchmarks' tables, plots and files."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import markdown, plots, running
from benchmarks import read_rate_tables as tables
from benchmarks.pictures import corpus_hash, image_files, payload_of
from benchmarks.qr_control import QrResult
from benchmarks.trials import Negative, Trial

TRIAL = Trial(
    picture="a.jpg",
    sheet="5 in wide",
    condition="typical",
    codec="ours",
    repetition=0,
    outcome="read",
    reason=None,
    marked_ids=["0x000000000001"],
    read_ids=["0x000000000001"],
    strength=1.5,
    psnr_db=42.0,
    visibility_mean=0.3,
    visibility_p99=1.2,
    embed_ms=100.0,
    read_ms=50.0,
    stages_ms={},
    photograph_ms=900.0,
    corner_error_pct=1.0,
    signal_db=30.0,
    qr=QrResult(visible_share=1.0, zxing=True, zxing_ms=10.0, opencv=False, opencv_ms=90.0),
    truth={"px_per_inch": 120.0, "tilt_deg": 20.0},
)
MISS = replace(TRIAL, repetition=1, outcome="miss", reason="no_template", corner_error_pct=None)


def cells(table: str) -> list[list[str]]:
    """A Markdown table's rows, without its head."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_a_rate_has_wilsons_interval() -> None:
    assert markdown.rate(9, 10) == "90.0 % (59.6-98.2)"  # Newcombe 1998: 0.5958 to 0.9821
    assert markdown.rate(0, 20) == "0.0 % (0.0-16.1)"
    assert markdown.rate(0, 0) == "–"


def test_the_summary_counts_reads_and_misreads() -> None:
    wrong = replace(TRIAL, repetition=2, outcome="misread")

    (row,) = cells(tables.summary([TRIAL, MISS, wrong]))

    assert row[:7] == ["ours", "5 in wide", "typical", "3", "1", "33.3 % (6.1-79.2)", "1"]


def test_the_qr_code_is_compared_on_the_photos_that_show_it_whole() -> None:
    assert TRIAL.qr is not None
    cut = replace(MISS, qr=replace(TRIAL.qr, visible_share=0.6, zxing=False))

    (row,) = cells(tables.against_qr([TRIAL, MISS, cut, replace(TRIAL, codec="dwtDct", qr=None)]))

    assert row[2:4] == ["3", "2"]
    assert [cell.split(" %")[0] for cell in row[4:7]] == ["50.0", "100.0", "0.0"]
    assert row[7] == "0 / 1 / 0"
    assert "No photo" in tables.against_qr([cut])


def test_misses_bins_pictures_and_negatives_are_told() -> None:
    assert cells(tables.misses([TRIAL, MISS])) == [["ours", "5 in wide", "typical", "no_template", "1"]]
    assert tables.misses([TRIAL]) == "No misses.\n"
    (binned,) = cells(tables.by_bin([TRIAL, MISS], "tilt_deg", "tilt", tables.TILTS_DEG))
    assert binned[2:4] == ["20-30", "2"]
    (picture,) = cells(tables.by_picture([TRIAL, MISS]))
    assert picture[3] == "1/2"
    assert picture[-1] == "120, 120 ✗"
    false = Negative("b.jpg", ["0x000000000002"], None, 5.0)
    assert "1 false reads" in tables.negatives([false, Negative("c.jpg", [], "glare", 7.0)])


def test_a_run_can_be_repeated_without_this_machines_paths(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"a")
    arguments = [
        "--images",
        str(markdown.REPOSITORY / "x"),
        "--json",
        "/elsewhere/a",
        "-n",
        "2",
        "--out",
        "b",
    ]

    section = markdown.to_repeat("sweeps", arguments, 7, {"corpus": [tmp_path / "a.png"], "none": []}, 12.3)

    assert "`python -m benchmarks.sweeps --images x -n 2`" in section
    assert "- seed 7\n" in section
    assert corpus_hash([tmp_path / "a.png"]) in section
    assert "none SHA" not in section


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "report.md"
    markdown.write(path, "first")

    with pytest.raises(TypeError), markdown.replacing(path) as temporary:
        temporary.write_text(b"neither text nor whole")  # type: ignore[arg-type]

    assert path.read_text() == "first"
    assert list(path.parent.iterdir()) == [path]


def test_pictures_are_chosen_evenly_and_named_when_missing(tmp_path: Path) -> None:
    for name in "abcdef":
        (tmp_path / f"{name}.png").touch()
    (tmp_path / "notes.txt").touch()

    assert [path.stem for path in image_files(tmp_path, most=2)] == ["b", "e"]
    assert [path.stem for path in image_files(tmp_path, most=9)] == list("abcdef")
    assert [path.stem for path in image_files(tmp_path, only="c.")] == ["c"]
    with pytest.raises(FileNotFoundError):
        image_files(tmp_path / "nowhere")


def test_a_pictures_id_is_its_own_and_the_seeds() -> None:
    assert payload_of(0, "a.jpg") == payload_of(0, "a.jpg")
    assert len({payload_of(0, "a.jpg"), payload_of(1, "a.jpg"), payload_of(0, "b.jpg")}) == 3


def test_options_refuse_what_cannot_be(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    parser = running.parser("A benchmark.\n")
    for wrong in (["--jobs", "0"], ["--pictures", "-1"]):
        with pytest.raises(SystemExit):
            parser.parse_args(["--images", str(tmp_path), *wrong])
    assert "at least 1" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="no image"):
        running.pictures_of(parser.parse_args(["--images", str(tmp_path)]))
    with pytest.raises(SystemExit, match="no folder"):
        running.pictures_of(parser.parse_args(["--images", str(tmp_path / "nowhere")]))
    assert running.strength("auto") is None
    assert running.strength("1.5") == 1.5


def test_a_benchmark_starts_anew_on_one_thread_and_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[dict[str, str]] = []
    monkeypatch.setattr(os, "execve", lambda _path, _arguments, environment: started.append(environment))
    for name in running.ONE_THREAD:
        monkeypatch.delenv(name, raising=False)

    running.hold_to_one_thread()
    for name, value in started[0].items():
        monkeypatch.setenv(name, value)
    running.hold_to_one_thread()

    assert len(started) == 1
    assert running.ONE_THREAD.items() <= started[0].items()


def test_plots_are_drawn_even_of_nothing_tried(tmp_path: Path) -> None:
    counts = {"ours": [(1, 2), (0, 0)], "peer": [(0, 3), (3, 3)]}

    plots.rate_bars(tmp_path / "bars.png", ["easy", "hard"], counts, "Bars")
    plots.rate_curves(tmp_path / "curves.png", [1.0, 2.0], counts, "Curves", "tilt")
    plots.histograms(tmp_path / "histograms.png", {"a": [1.0, 2.0], "b": []}, "Scores", "dB")

    for path in tmp_path.iterdir():
        drawn = cv2.imread(str(path))
        assert drawn is not None
        assert np.ptp(drawn) == 255
