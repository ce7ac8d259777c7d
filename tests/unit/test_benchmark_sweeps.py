"""What the sweeps fix, and which commands `make bench` is made of."""

from __future__ import annotations

import importlib
from dataclasses import fields, replace
from pathlib import Path

import pytest

from benchmarks import bench, markdown, sweeps
from benchmarks.sweeps import BASE, STRENGTH_SWEEP, SWEEPS, Sweep
from tests.unit.test_benchmark_reports import TRIAL


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: sweep.name)
def test_a_sweep_fixes_its_field_and_leaves_the_others(sweep: Sweep) -> None:
    conditions = sweep.conditions()

    assert len({each.name for each in conditions}) == len(sweep.values) == 6
    touched = {
        field.name
        for each in conditions
        for field in fields(each)
        if getattr(each, field.name) != getattr(BASE, field.name)
    }
    assert touched == {"name", *sweep.fix(sweep.values[0])}
    for each in conditions:
        low, high = getattr(each, next(iter(set(sweep.fix(1.0)) - {"cropped_chance"})))
        assert low == high


def test_a_picture_is_marked_once_for_all_photos_and_once_a_strength() -> None:
    names = [each.name for each in (*SWEEPS, STRENGTH_SWEEP)]

    jobs = sweeps.jobs_of([Path("a.jpg")], names, repetitions=2, seed=0)

    assert len(jobs[0].conditions) == sum(len(each.values) for each in SWEEPS)
    assert [job.strength for job in jobs] == [None, *sweeps.STRENGTHS]
    assert sweeps.jobs_of([Path("a.jpg")], ["tilt"], 1, 0)[0].conditions == SWEEPS[0].conditions()


def test_the_report_plots_what_was_measured() -> None:
    (distance,) = (each for each in SWEEPS if each.name == "distance")
    trials = [
        replace(TRIAL, condition=distance.label(value), truth={"px_per_inch": 75.0 * (1 + index)})
        for index, value in enumerate(distance.values)
    ]

    text = sweeps.report([distance], trials, Path("sweeps.md"), pictures=1, n=1)

    assert distance.at(trials) == pytest.approx([1, 2, 3, 4, 5, 6])
    assert "| 6 | 1 | 100.0 % (20.7-100.0) | 0 | 1 |" in text
    assert "(sweeps-distance.png)" in text


@pytest.mark.parametrize("quick", [False, True])
def test_every_part_of_the_bench_takes_its_arguments(quick: bool, tmp_path: Path) -> None:
    arguments = ["--images", str(tmp_path), "--negatives", str(tmp_path), *(["--quick"] if quick else [])]
    options = bench._options(arguments)

    for part in bench.PARTS:
        command = bench.command_of(part, options, tmp_path)
        parsed = importlib.import_module(f"benchmarks.{part.name}")._options(command[3:])
        assert parsed.jobs == 2
        assert parsed.out == tmp_path / f"{part.name}.md"


def test_the_contents_name_the_reports_that_are_there(tmp_path: Path) -> None:
    markdown.write(tmp_path / "sweeps.md", "text")

    assert "(sweeps.md)" in bench.contents(tmp_path, quick=True)
    assert "read_rate.md" not in bench.contents(tmp_path, quick=True)


def test_the_bench_says_which_folder_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["--images", "/nowhere", "--negatives", "/nowhere"])

    assert "make bench IMAGES" in capsys.readouterr().err
