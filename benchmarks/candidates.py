"""What the reader weighs before it answers: its poses' scores, and the signal of what it decodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.patching import patched
from watermarks import ecc, pose_search
from watermarks.decoder import accumulated_db
from watermarks.pose_search import Pose


@dataclass(slots=True)
class Candidates:
    """Everything that reads have weighed so far.

    Attributes
    ----------
    pose_scores : list of float
        Of every pose that was looked into.
    signals_db : list of float
        The accumulated signal about the likeliest message, re-encoded, of every place in the tile that was
        decoded.
    checks : int
        Messages that were held against the keyed check, at most.
    """

    pose_scores: list[float] = field(default_factory=list)
    signals_db: list[float] = field(default_factory=list)
    checks: int = 0


@contextmanager
def weighed() -> Iterator[Candidates]:
    """Write down what the reads within weigh, by listening at the two functions that all of it passes."""
    seen = Candidates()
    search, decode = pose_search.search, ecc.decode

    def listening_search(*arguments: Any, **options: Any) -> Iterator[Pose]:
        for pose in search(*arguments, **options):
            seen.pose_scores.append(pose.score)
            yield pose

    def listening_decode(llr: NDArray[np.float64], **options: Any) -> list[NDArray[np.uint8]]:
        messages = decode(llr, **options)
        if messages:
            seen.signals_db.append(accumulated_db(llr, ecc.encode(messages[0])))
        seen.checks += len(messages)
        return messages

    with patched(pose_search, search=listening_search), patched(ecc, decode=listening_decode):
        yield seen
