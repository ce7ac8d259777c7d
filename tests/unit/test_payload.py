"""Payload <-> message bits: the published layout, its ranges and its keyed check."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watermarks import Payload, WatermarkError
from watermarks.payload import (
    CHECK_BITS,
    ID_BITS,
    MESSAGE_BITS,
    PROFILE_BITS,
    check_value,
    derive_key,
    from_message_bits,
    to_message_bits,
)

KEY = bytes(range(16))

ids = st.integers(0, 2**48 - 1)
profiles = st.integers(0, 15)
keys = st.binary(min_size=16, max_size=64)


def test_the_format_is_the_published_one() -> None:
    assert (PROFILE_BITS, ID_BITS, CHECK_BITS, MESSAGE_BITS) == (4, 48, 40, 92)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (Payload(0x0123456789AB), "0 0123456789ab a445476a0c"),
        (Payload(0xFFFFFFFFFFFE, profile=15), "f fffffffffffe e77c4a8242"),
    ],
)
def test_golden_message_bits(payload: Payload, message: str) -> None:
    """Profile, ID and check in hex; made once with this code under the key 00 01 .. 0f, and printed since."""
    bits = to_message_bits(payload, KEY)

    assert f"{int(''.join(map(str, bits)), 2):023x}" == message.replace(" ", "")


@given(ids, profiles, keys)
def test_what_is_written_is_read(creative: int, profile: int, key: bytes) -> None:
    payload = Payload(creative, profile)

    bits = to_message_bits(payload, key)

    assert bits.shape == (MESSAGE_BITS,)
    assert bits.dtype == np.uint8
    assert set(bits.tolist()) <= {0, 1}
    assert from_message_bits(bits, key) == payload


@given(ids, st.integers(0, MESSAGE_BITS - 1))
def test_a_single_wrong_bit_is_noticed(creative: int, position: int) -> None:
    bits = to_message_bits(Payload(creative), KEY)
    bits[position] ^= 1

    assert from_message_bits(bits, KEY) is None


@given(ids)
def test_another_key_reads_nothing(creative: int) -> None:
    bits = to_message_bits(Payload(creative), KEY)

    assert from_message_bits(bits, KEY[:-1] + b"\xff") is None


def test_random_bits_spell_nothing() -> None:
    rng = np.random.default_rng(0)

    assert all(
        from_message_bits(bits, KEY) is None for bits in rng.integers(0, 2, (2000, MESSAGE_BITS), np.uint8)
    )


@pytest.mark.parametrize("creative", [-1, 2**48])
def test_an_id_has_48_bits(creative: int) -> None:
    with pytest.raises(WatermarkError, match="48 bits"):
        Payload(creative)


@pytest.mark.parametrize("profile", [-1, 16])
def test_a_profile_has_4_bits(profile: int) -> None:
    with pytest.raises(WatermarkError, match="4 bits"):
        Payload(0, profile)


def test_a_key_has_16_bytes() -> None:
    with pytest.raises(WatermarkError, match="at least 16 bytes, not 15"):
        check_value(Payload(0), KEY[:15])
    with pytest.raises(WatermarkError, match="at least 16 bytes"):
        from_message_bits(np.zeros(MESSAGE_BITS, np.uint8), b"")


@pytest.mark.parametrize("count", [0, 91, 93])
def test_a_message_has_92_bits(count: int) -> None:
    with pytest.raises(WatermarkError, match="92 bits"):
        from_message_bits(np.zeros(count, np.uint8), KEY)


def test_every_purpose_has_its_own_key() -> None:
    assert len({derive_key(KEY, purpose) for purpose in ("check", "chips 0 luma", "chips 0 chroma")}) == 3
