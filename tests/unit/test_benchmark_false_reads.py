"""Windows without a mark, and what is written down as they are read."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import false_reads
from benchmarks.candidates import weighed
from benchmarks.false_reads import Batch, TrueRead
from benchmarks.false_windows import KINDS, Corpus
from benchmarks.patching import patched
from benchmarks.pictures import KEY
from watermarks import ecc, pose_search, read

DRAWN = ("fabrics", "grids", "constellations", "noise")
CUT = ("negatives", "unmarked pictures")


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (150, 200, 3)).astype(np.uint8))
    return Corpus([path], [path])


@pytest.mark.parametrize("kind", [*DRAWN, *CUT])
def test_windows_are_of_one_size_each_another_and_the_seeds_own(kind: str, corpus: Corpus) -> None:
    def made(seed: int) -> list[NDArray[np.uint8]]:
        return list(islice(KINDS[kind](corpus, 96, np.random.default_rng(seed)), 3))

    windows = made(1)

    assert {window.shape for window in windows} == {(96, 96, 3)}
    assert all(window.std() > 1 for window in windows)
    assert not np.array_equal(windows[0], windows[1])
    np.testing.assert_array_equal(windows, made(1))


def test_windows_are_shared_evenly_among_kinds() -> None:
    batches = false_reads.plan(205, ["a", "b"])

    assert sum(size for _, _, size in batches) == 205
    assert [sum(size for kind, _, size in batches if kind == each) for each in "ab"] == [102, 103]
    assert max(size for _, _, size in batches) == false_reads.BATCH
    assert len({batch[:2] for batch in batches}) == len(batches)


def test_what_the_reader_weighs_is_written_down_and_then_no_more() -> None:
    own = pose_search.search, ecc.decode
    rng = np.random.default_rng(1)

    with weighed() as seen:
        read(next(KINDS["constellations"](Corpus([], []), 320, rng)), KEY)
        messages = ecc.decode(rng.standard_normal(368))

    assert seen.pose_scores
    assert seen.checks >= len(messages)
    assert 0 < seen.signals_db[-1] < 40
    assert (pose_search.search, ecc.decode) == own


def test_a_name_that_is_gone_is_not_patched_in_silence() -> None:
    with pytest.raises(AttributeError), patched(ecc, no_such_thing=1):
        pass
    assert not hasattr(ecc, "no_such_thing")


def test_a_batch_is_read_and_reported(tmp_path: Path) -> None:
    batch = false_reads.read_batch(("noise", 0, 1), corpus=Corpus([], []), side=200, seed=0)
    wrong = Batch("grids", 2, ("0x000000000001",), (30.0,), (22.0,), 64, 0.5)
    true = [TrueRead("easy", 50.0, 29.0)]

    text = false_reads.report([batch, wrong], true, 200, ["![figure](a.png)"])
    false_reads.draw(tmp_path, [batch, wrong], true)

    assert batch.read_ids == ()
    assert "**1 false reads**" in text
    assert "FALSE READ, grids: 0x000000000001" in text
    assert "| grids | 2 | 1 | 30.0 / 30.0 | 1 | 22.0 / 22.0 dB | 64 | 250 ms |" in text
    assert "| easy | 1 | 50.0 | 29.0 dB |" in text
    assert len(list(tmp_path.glob("*.png"))) == 2
