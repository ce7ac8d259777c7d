"""Sketches of readers: close to the exact number, mergeable, and of no use without their key."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from o2o.services import sketch

KEY = sketch.derive_key(b"a deployment's key")
STANDARD_ERROR = 1.04 / np.sqrt(sketch.REGISTERS)

READERS = st.sets(st.uuids(), max_size=300)


def people(count: int, seed: int) -> list[UUID]:
    rng = Random(seed)
    return [UUID(int=rng.getrandbits(128)) for _ in range(count)]


def of(readers: Iterable[UUID], key: bytes = KEY) -> bytes:
    return sketch.encode(sketch.entry(key, reader) for reader in readers)


def estimate(sketches: Iterable[bytes]) -> int:
    """How many there are in all of them together."""
    union = sketch.Union()
    for each in sketches:
        union.add(each)
    return union.estimate()


@pytest.mark.parametrize("count", [1, 2, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 50_000])
def test_an_estimate_is_close(count: int) -> None:
    """Half of the estimates lie within 0.67 standard errors; these seeds' all lie within three."""
    seeds = range(20 if count <= 3000 else 4)
    errors = [estimate([of(people(count, seed))]) / count - 1 for seed in seeds]
    assert max(map(abs, errors)) < max(3 * STANDARD_ERROR, 1 / count if count > 1 else 0)
    assert abs(np.mean(errors)) < 3 * STANDARD_ERROR / np.sqrt(len(errors))


def test_a_union_of_unions_is_the_union_of_all() -> None:
    sketches = [of(people(count, count)) for count in (0, 1, 7, 900, 1023, 1500, 5000)]
    total, halves = sketch.Union(), (sketch.Union(), sketch.Union())
    for number, each in enumerate(2 * sketches):
        halves[number % 2].add(each)
    for half in halves:
        total.add_all(half)
    everyone = of({reader for count in (1, 7, 900, 1023, 1500, 5000) for reader in people(count, count)})
    assert total.estimate() == estimate(sketches) == estimate([everyone])


def test_an_estimate_of_many_is_close_though_ranks_end_at_15() -> None:
    """With ten million readers, some ranks are cut off; drawn as their hashes are, with no bias from it."""
    readers = 10_000_000
    rng = np.random.default_rng(1)
    each = rng.multinomial(readers, np.full(sketch.REGISTERS, 1 / sketch.REGISTERS))
    # The highest of n geometric ranks, by inversion.
    highest = np.ceil(-np.log2(1 - rng.random(sketch.REGISTERS) ** (1 / each))).astype(int)
    assert (highest > sketch.TOP_RANK).sum() > 100
    ranks = np.minimum(highest, sketch.TOP_RANK)
    written = sketch.encode(register << sketch.RANK_BITS | int(rank) for register, rank in enumerate(ranks))
    assert estimate([written]) == pytest.approx(readers, rel=3 * STANDARD_ERROR)


def test_nobody_is_nobody() -> None:
    assert estimate([]) == 0
    assert estimate([of([])]) == 0


@given(READERS, READERS)
def test_merging_is_the_sketch_of_all(some: set[UUID], others: set[UUID]) -> None:
    assert estimate([of(some), of(others)]) == estimate([of(some | others)])
    assert estimate([of(some), of(some)]) == estimate([of(some)])


def test_long_and_short_forms_say_the_same() -> None:
    many, few = people(20_000, 1), people(50, 2)
    assert len(of(many)) == sketch.DENSE_BYTES
    assert len(of(few)) == sketch.ENTRY_BYTES * len({sketch.entry(KEY, each) >> 4 for each in few})
    assert estimate([of(many), of(few)]) == estimate([of([*many, *few])])


@given(READERS)
def test_no_order_of_readers_shows(readers: set[UUID]) -> None:
    inside = sorted(readers)
    assert of(inside) == of(reversed(inside))


@given(st.uuids(), st.binary(min_size=16, max_size=32))
def test_an_entry_has_a_register_and_a_rank(reader: UUID, key: bytes) -> None:
    found = sketch.entry(key, reader)
    assert 0 <= found >> sketch.RANK_BITS < sketch.REGISTERS
    assert 1 <= found & sketch.TOP_RANK <= sketch.TOP_RANK


def test_without_the_key_a_known_reader_is_not_found() -> None:
    """With another key, a reader's entry lies in a sketch no more often than a stranger's."""
    inside = people(100, 1)
    held = {sketch.entry(KEY, each) for each in inside}
    other = sketch.derive_key(b"another deployment's key")
    assert sum(sketch.entry(other, each) in held for each in inside) <= 5
    assert sum(sketch.entry(KEY, each) in held for each in inside) == 100


def test_an_entry_fits_many_people() -> None:
    """Among 100,000 readers, the typical one shares its entry with others: it names nobody."""
    entries = [sketch.entry(KEY, each) for each in people(100_000, 3)]
    _, places, sharing = np.unique(entries, return_inverse=True, return_counts=True)
    assert np.median(sharing[places]) >= 5


def test_the_key_of_sketches_is_not_the_deployments() -> None:
    assert sketch.derive_key(b"k" * 32) != b"k" * 32
    assert sketch.derive_key(b"k" * 32) != sketch.derive_key(b"l" * 32)


def test_entries_are_spread_evenly() -> None:
    """A register is as likely as any other: chi-squared over the 4096, at 5 sigma."""
    registers = [sketch.entry(KEY, each) >> sketch.RANK_BITS for each in people(100_000, 4)]
    counts = np.bincount(registers, minlength=sketch.REGISTERS)
    expected = 100_000 / sketch.REGISTERS
    chi_squared = float(((counts - expected) ** 2 / expected).sum())
    assert abs(chi_squared - sketch.REGISTERS) < 5 * np.sqrt(2 * sketch.REGISTERS)
