"""The spreading: the specified generator, and chips that undo themselves."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watermarks import DRAFT_0, Profile, WatermarkError
from watermarks.chips import Spreading, spreading
from watermarks.decoder import CODED_BITS

KEY = bytes(range(16))

# The goldens hold for this version number and tile, whatever else the draft becomes.
PROFILE: Profile = replace(DRAFT_0, version=0, tile_chips=128)


def chips(key: bytes = KEY, profile: Profile = PROFILE) -> Spreading:
    return spreading(key, profile, CODED_BITS)


def test_golden_chips() -> None:
    found = chips()

    assert found.signs.shape == found.bit_index.shape == (128, 128)
    assert "".join("+" if sign > 0 else "-" for sign in found.signs[0, :8]) == "+-+-++-+"
    assert found.bit_index[0, :8].tolist() == [55, 133, 130, 128, 98, 319, 271, 92]
    assert (
        hashlib.sha256(found.signs.tobytes()).hexdigest()
        == "f9f312c2af2f74d0930fc79d33762d5fa18452fdb699af9fc859ecae36b894c5"
    )
    assert (
        hashlib.sha256(found.bit_index.astype(">i8").tobytes()).hexdigest()
        == "9122275a60a5d28d5ed71152b3fe1eaed5785b7bdbf4b249cf036848b7f41e4e"
    )


def test_the_chips_are_those_of_the_specified_stream() -> None:
    """Written out once more, from the module's own words."""
    subkey = hmac.new(KEY, b"print-to-pin chips 0\x01", hashlib.sha256).digest()
    stream = hashlib.shake_256(subkey).digest(5 * 128 * 128)
    words = [int.from_bytes(stream[at : at + 4], "big") for at in range(128 * 128, 5 * 128 * 128, 4)]
    order = sorted(range(128 * 128), key=words.__getitem__)

    found = chips()

    assert found.signs.ravel().tolist() == [-1 if byte & 1 else 1 for byte in stream[: 128 * 128]]
    assert found.bit_index.ravel()[order].tolist() == [place % CODED_BITS for place in range(128 * 128)]


@given(st.integers(0, 2**32 - 1))
def test_despreading_undoes_spreading(seed: int) -> None:
    coded = np.random.default_rng(seed).integers(0, 2, CODED_BITS, np.uint8)
    found = chips()

    tile = found.spread(coded)
    correlation = found.despread(tile, CODED_BITS)

    assert set(np.unique(tile)) <= {-1.0, 1.0}
    np.testing.assert_array_equal((correlation < 0).astype(np.uint8), coded)
    np.testing.assert_array_equal(np.abs(correlation), np.bincount(found.bit_index.ravel()))


@given(st.integers(0, 2**32 - 1), st.floats(0.25, 2.5))
def test_each_bit_is_as_strong_as_its_amplitude(seed: int, greatest: float) -> None:
    rng = np.random.default_rng(seed)
    coded = rng.integers(0, 2, CODED_BITS, np.uint8)
    amplitudes = rng.uniform(0, greatest, CODED_BITS)
    found = chips()

    correlation = found.despread(found.spread(coded, amplitudes), CODED_BITS)

    expected = (1.0 - 2.0 * coded) * amplitudes * np.bincount(found.bit_index.ravel())
    np.testing.assert_allclose(correlation, expected, rtol=1e-5, atol=1e-6)


def test_every_coded_bit_has_its_share_of_the_chips() -> None:
    counts = np.bincount(chips().bit_index.ravel(), minlength=CODED_BITS)

    assert len(counts) == CODED_BITS
    assert counts.max() - counts.min() <= 1


def test_other_keys_and_versions_have_unrelated_chips() -> None:
    signs = [
        chips().signs,
        chips(b"another key, as long").signs,
        chips(profile=replace(PROFILE, version=1)).signs,
    ]

    for i, one in enumerate(signs):
        assert abs(one.mean(dtype=float)) < 0.04
        for other in signs[:i]:
            assert abs((one.astype(float) * other).mean()) < 0.04  # five deviations of chance


def test_a_short_key_is_refused() -> None:
    with pytest.raises(WatermarkError, match="at least 16 bytes"):
        chips(b"short")
