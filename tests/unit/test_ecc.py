"""The tail-biting convolutional code: what it is, and what its decoder withstands."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from watermarks import Payload, WatermarkError, ecc
from watermarks.payload import MESSAGE_BITS, to_message_bits

GOLDEN_MESSAGE = to_message_bits(Payload(0x0123456789AB), bytes(range(16)))
GOLDEN_CODE = "3ca3c3ef000fc987eaa690242778b02c7c0dfa18fa9a4c3e801ff5a85d93646566a45fd0ebbad79b517df357fc8f"

messages = st.lists(st.integers(0, 1), min_size=MESSAGE_BITS, max_size=MESSAGE_BITS).map(
    lambda bits: np.array(bits, np.uint8)
)


def soft(coded: NDArray[np.uint8], noise: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return coded bits as received at unit amplitude in Gaussian noise."""
    return 1.0 - 2.0 * coded + noise * rng.standard_normal(len(coded))


def test_golden_code() -> None:
    assert np.packbits(ecc.encode(GOLDEN_MESSAGE)).tobytes().hex() == GOLDEN_CODE


def test_a_single_one_gives_the_generators() -> None:
    message = np.zeros(MESSAGE_BITS, np.uint8)
    message[0] = 1

    branches = ecc.encode(message).reshape(-1, 4)[: ecc.CONSTRAINT_LENGTH]

    octal = [int("".join(map(str, branches[::-1, i])), 2) for i in range(4)]
    assert octal == [0o2327, 0o2353, 0o2671, 0o3175]


@given(messages, messages)
def test_linear(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(ecc.encode(one ^ other), ecc.encode(one) ^ ecc.encode(other))


@given(messages, st.integers(0, MESSAGE_BITS - 1))
def test_tail_biting(message: NDArray[np.uint8], shift: int) -> None:
    np.testing.assert_array_equal(
        ecc.encode(np.roll(message, shift)), np.roll(ecc.encode(message), 4 * shift)
    )


def test_free_distance_is_29() -> None:
    """The least weight of a path that leaves the zero state and comes back (Dijkstra)."""
    states = 1 << (ecc.CONSTRAINT_LENGTH - 1)

    def branch_weight(register: int) -> int:
        return sum((register & g).bit_count() & 1 for g in ecc.GENERATORS)

    least = {1: branch_weight(1)}
    queue = [(least[1], 1)]
    while queue:
        weight, state = heapq.heappop(queue)
        if state == 0:
            assert weight == 29
            return
        for bit in (0, 1):
            register = state << 1 | bit
            onward = weight + branch_weight(register)
            if onward < least.get(register % states, 999):
                least[register % states] = onward
                heapq.heappush(queue, (onward, register % states))
    raise AssertionError("no path comes back")


@settings(max_examples=10)
@given(messages)
def test_without_noise_the_message_comes_first(message: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(ecc.decode(1.0 - 2.0 * ecc.encode(message).astype(np.float64))[0], message)


def test_noise_at_0_db_a_coded_bit_is_withstood() -> None:
    """25.7 dB in all, 4 dB above where the code starts to fail: a sixth of the coded bits are wrong."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        message = rng.integers(0, 2, MESSAGE_BITS, np.uint8)
        received = soft(ecc.encode(message), 1.0, rng)
        np.testing.assert_array_equal(ecc.decode(received)[0], message)


def test_the_list_holds_the_message_more_often_than_the_best_guess_is_it() -> None:
    rng = np.random.default_rng(1)
    first, listed = 0, 0
    for _ in range(40):
        message = rng.integers(0, 2, MESSAGE_BITS, np.uint8)
        found = ecc.decode(soft(ecc.encode(message), 1.45, rng), list_size=64)
        hits = [bool((each == message).all()) for each in found]
        first += hits[0]
        listed += any(hits)

    assert listed >= 20
    assert listed >= first


def test_the_scale_of_the_likelihoods_does_not_matter() -> None:
    received = soft(ecc.encode(GOLDEN_MESSAGE), 1.0, np.random.default_rng(2))

    lists = [[each.tobytes() for each in ecc.decode(scale * received)] for scale in (1e-9, 1.0, 1e9)]
    assert lists[0] == lists[1] == lists[2]
    assert lists[0][0] == GOLDEN_MESSAGE.tobytes()
    assert len(lists[0]) > 32


def test_the_list_is_as_long_as_asked_and_repeats_nothing() -> None:
    noise = np.random.default_rng(3).standard_normal(4 * MESSAGE_BITS)

    found = ecc.decode(noise, list_size=8)

    assert 1 <= len(found) <= 8
    assert len({each.tobytes() for each in found}) == len(found)
    assert all(each.shape == (MESSAGE_BITS,) and each.max() <= 1 for each in found)


def test_nothing_received_is_no_error() -> None:
    assert ecc.decode(np.zeros(4 * MESSAGE_BITS))


def test_a_message_is_as_long_as_the_register() -> None:
    assert len(ecc.encode(np.ones(11, np.uint8))) == 44
    with pytest.raises(WatermarkError, match="at least 11"):
        ecc.encode(np.ones(10, np.uint8))
