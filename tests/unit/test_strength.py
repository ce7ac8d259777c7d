"""The strength that a picture's simulated prints ask for."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from watermarks import DRAFT_0, HostTooSmall, Payload, WatermarkError, embed, strength
from watermarks.perception import psnr_db
from watermarks.strength import GREATEST, LEAST_PSNR_DB, Choice, choose_strength

KEY = b"a key of the tests"
PAYLOAD = Payload(0x0123456789AB)
SIDE_PX, DPI = 400, 150.0


@pytest.fixture(autouse=True)
def _one_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    """A photo takes a second."""
    monkeypatch.setattr(strength, "_PHOTOS", 1)


def busy(contrast: float) -> NDArray[np.uint8]:
    """Return grey noise of about a chip's grain, which drowns the mark."""
    noise = np.random.default_rng(0).normal(128, contrast, (SIDE_PX // 2, SIDE_PX // 2, 1))
    blocks = np.repeat(np.repeat(noise, 2, axis=0), 2, axis=1)
    return np.repeat(np.clip(blocks, 0, 255), 3, axis=2).astype(np.uint8)


def flat() -> NDArray[np.uint8]:
    return np.full((SIDE_PX, SIDE_PX, 3), 128, np.uint8)


def choose(host: NDArray[np.uint8]) -> Choice:
    return choose_strength(host, PAYLOAD, KEY, dpi=DPI)


def test_a_busy_picture_gets_more_than_a_flat_one_within_the_bounds_and_the_same_again() -> None:
    choices = [choose(host) for host in (flat(), busy(12))]

    assert choose(flat()) == choices[0]
    assert choices[1].strength > 1.3 * choices[0].strength
    assert choices[0].suffices
    assert choices[0].signal_db > choices[1].signal_db - 0.5
    for host, choice in zip((flat(), busy(12)), choices, strict=True):
        assert 0 < choice.strength <= GREATEST
        marked = embed(host, PAYLOAD, KEY, dpi=DPI, strength=choice.strength)
        assert psnr_db(host, marked) > LEAST_PSNR_DB - 0.2


def test_where_no_mark_would_read_the_choice_says_so() -> None:
    host = busy(70)

    choice = choose(host)

    assert not choice.suffices
    assert choice.strength <= GREATEST
    assert psnr_db(host, embed(host, PAYLOAD, KEY, dpi=DPI, strength=choice.strength)) > LEAST_PSNR_DB - 0.2


def test_arguments_are_held_to_embeds_contract() -> None:
    with pytest.raises(HostTooSmall):
        choose(flat()[:100])
    with pytest.raises(WatermarkError, match="at least 16 bytes"):
        choose_strength(flat(), PAYLOAD, b"short", dpi=DPI)
    with pytest.raises(WatermarkError, match="profile 3"):
        choose_strength(flat(), Payload(7, profile=3), KEY, profile=DRAFT_0, dpi=DPI)
