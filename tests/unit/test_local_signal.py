"""Where in a picture the mark is weak, from simulated photos of it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.photographs import photograph
from watermarks import Payload, embed
from watermarks.channel import CONDITIONS, print_page
from watermarks.channel import photograph as take_photo
from watermarks.local_signal import CELL_CHIPS, PagePhoto, local_signal_db

KEY = b"a key of the tests"
PAYLOAD = Payload(0x0123456789AB)
DPI = 150


def half_marked() -> NDArray[np.uint8]:
    """Return a picture of 4 x 2.7 in whose right half has lost its mark."""
    host = photograph("coffee", 600)
    marked = embed(host, PAYLOAD, KEY, dpi=DPI, strength=3.0)
    return np.concatenate([marked[:, :300], host[:, 300:]], axis=1)


@pytest.fixture(scope="module")
def photos() -> list[PagePhoto]:
    rng = np.random.default_rng(4)
    printed = print_page(half_marked(), dpi=DPI, rng=rng)
    corner, _, opposite, _ = printed.picture_corners_in[0]
    captures = (take_photo(printed, rng=rng, condition=CONDITIONS["easy"]) for _ in range(2))
    return [PagePhoto(capture, corner, opposite - corner) for capture in captures]


def test_the_half_without_a_mark_is_the_weak_one(photos: list[PagePhoto]) -> None:
    signal_db = local_signal_db(photos, PAYLOAD, KEY)
    assert signal_db.shape == (round(200 / CELL_CHIPS), round(300 / CELL_CHIPS))
    left, right = signal_db[:, :8], signal_db[:, -8:]
    assert np.median(left) > 22
    assert np.median(left) > np.median(right) + 10


def test_another_payload_is_nowhere(photos: list[PagePhoto]) -> None:
    other = local_signal_db(photos[:1], Payload(7), KEY)
    assert np.median(other) < np.median(local_signal_db(photos[:1], PAYLOAD, KEY)[:, :8]) - 8
