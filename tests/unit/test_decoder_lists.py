"""How many lists of messages a registration may try, and for which places."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.tilted_pages import chip_tile
from watermarks import DRAFT_0, Payload, decoder, ecc
from watermarks.decoder import CODED_BITS, Place, decode
from watermarks.geometry import Surface
from watermarks.payload import to_message_bits
from watermarks.registration import Registration
from watermarks.whitening import Level

KEY = b"a key of the tests"
CODED = ecc.encode(to_message_bits(Payload(0x0123456789AB), KEY))
SHOWN = Registration(Surface.flat(np.eye(3)), (0, 0), np.ones((3, 3)))
FLAT = Level(1.0, np.zeros((200, 200), np.float32), 1, np.zeros((200, 200), np.float32))


def noise(deviation: float) -> NDArray[np.float64]:
    return deviation * np.random.default_rng(5).standard_normal((DRAFT_0.tile_chips, DRAFT_0.tile_chips))


@pytest.mark.parametrize("most_lists", [0, 1])
def test_no_more_lists_are_tried_than_are_left(most_lists: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two clear places, neither of which carries a message."""
    asked: list[int] = []

    def in_vain(llr: NDArray[np.float64]) -> list[NDArray[np.uint8]]:
        asked.append(len(llr))
        return []

    places = [(Place(turn, np.zeros(2)), np.zeros(CODED_BITS)) for turn in (1, -1)]
    monkeypatch.setattr(decoder, "_clearest", lambda *_: places)
    monkeypatch.setattr(ecc, "decode", in_vain)

    decoded, lists = decode(FLAT, SHOWN, KEY, DRAFT_0, most_lists=most_lists)

    assert decoded is None
    assert lists == len(asked) == most_lists


def test_the_clearest_place_comes_first_and_lies_where_the_mark_does() -> None:
    seen = np.fft.fft2(chip_tile(CODED, KEY) + noise(1.0))

    clear = decoder._clearest(seen, KEY, DRAFT_0)

    assert 1 <= len(clear) <= 2
    place, llr = clear[0]
    assert place.turn == 1
    np.testing.assert_allclose((place.offset_xy + 64) % 128 - 64, 0, atol=0.5)
    assert (llr * (1.0 - 2.0 * CODED) > 0).mean() > 0.95


def test_no_place_is_clear_in_noise_or_under_another_key() -> None:
    seen = np.fft.fft2(chip_tile(CODED, KEY) + noise(1.0))

    assert decoder._clearest(np.fft.fft2(noise(1.0)), KEY, DRAFT_0) == []
    assert decoder._clearest(seen, b"another key of tests", DRAFT_0) == []
    assert decode(FLAT, SHOWN, KEY, DRAFT_0, most_lists=2) == (None, 0)
