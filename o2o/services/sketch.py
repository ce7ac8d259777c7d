"""Sketches: how many different readers there were, without a list of who they are.

HyperLogLog with 4096 registers (Flajolet et al. 2007, doi:10.46298/dmtcs.3545) and Ertl's estimator, which
needs no tables and no special case for few (arXiv:1702.01284, algorithm 6). The standard error is 1.04 over
the root of 4096: 1.6 %. Sketches of several days or pictures merge into the sketch of them all.

A reader comes down to one of 4096 registers and a rank of 1 to 15; a register keeps the highest rank of
its readers. Both are shared with many others, and who hasn't the deployment's key can't tell which are a
reader's.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Iterable
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

PRECISION_BITS: Final = 12
REGISTERS: Final = 1 << PRECISION_BITS
RANK_BITS: Final = 4
TOP_RANK: Final = (1 << RANK_BITS) - 1
"""Ranks above are kept as this one, which the estimator knows of: it holds for a hundred million readers."""

DENSE_BYTES: Final = REGISTERS * RANK_BITS // 8
ENTRY_BYTES: Final = 2

_PURPOSE: Final = b"o2o reader sketches, 1"


def derive_key(deployment_key: bytes) -> bytes:
    """Return the key of a deployment's sketches; from it, the deployment's own can't be found."""
    return hmac.digest(deployment_key, _PURPOSE, "sha256")


def entry(key: bytes, reader_id: UUID) -> int:
    """Return what a sketch holds of a reader: a register, times 16, and a rank from 1 to 15.

    Parameters
    ----------
    key : bytes
        As `derive_key` gives it, up to 64 bytes.
    """
    digest = hashlib.blake2b(reader_id.bytes, digest_size=8, key=key).digest()
    bits = int.from_bytes(digest, "big")
    register, rest = bits % REGISTERS, bits >> PRECISION_BITS
    # The place of the lowest bit that is set, from 1; a rank is half as likely as the one before.
    rank = (rest & -rest).bit_length() or TOP_RANK
    return register << RANK_BITS | min(rank, TOP_RANK)


def encode(entries: Iterable[int]) -> bytes:
    """Write a sketch: its entries, two bytes each, or all its registers where that is shorter.

    The length tells which: all registers take `DENSE_BYTES`.
    """
    # In order, a register's highest rank comes last.
    highest = {each >> RANK_BITS: each for each in sorted(set(entries))}
    if ENTRY_BYTES * len(highest) < DENSE_BYTES:
        return np.array(list(highest.values()), "<u2").tobytes()
    ranks = np.zeros(REGISTERS, np.uint8)
    for register, each in highest.items():
        ranks[register] = each & TOP_RANK
    return (ranks[::2] | ranks[1::2] << RANK_BITS).tobytes()


class Union:
    """Any number of sketches together, in the space of a few: one register array, and some entries."""

    def __init__(self) -> None:
        self._ranks = np.zeros(REGISTERS, np.uint8)
        self._entries = bytearray()

    def add(self, each: bytes) -> None:
        """Take a sketch in: each register keeps the highest of its ranks."""
        if len(each) < DENSE_BYTES:
            # Most hold a few entries: many at a time cost little more than one.
            self._entries += each
            if len(self._entries) >= DENSE_BYTES:
                self._settle()
            return
        pairs = np.frombuffer(each, np.uint8)
        np.maximum(self._ranks[::2], pairs & TOP_RANK, out=self._ranks[::2])
        np.maximum(self._ranks[1::2], pairs >> RANK_BITS, out=self._ranks[1::2])

    def add_all(self, other: Union) -> None:
        """Take in all that another holds."""
        other._settle()
        np.maximum(self._ranks, other._ranks, out=self._ranks)

    def estimate(self) -> int:
        """Return how many different readers there are, roughly."""
        self._settle()
        return _estimate(self._ranks)

    def _settle(self) -> None:
        """Bring the entries on their way to their registers."""
        entries = np.frombuffer(bytes(self._entries), "<u2")
        np.maximum.at(self._ranks, entries >> RANK_BITS, (entries & TOP_RANK).astype(np.uint8))
        self._entries.clear()


def _estimate(ranks: NDArray[np.uint8]) -> int:
    """Ertl's estimator over the histogram of ranks."""
    counts = np.bincount(ranks, minlength=TOP_RANK + 1)
    empty = float(counts[0]) / REGISTERS
    if empty == 1:
        return 0
    z = REGISTERS * _tau(1 - float(counts[TOP_RANK]) / REGISTERS)
    for count in counts[TOP_RANK - 1 : 0 : -1]:
        z = (z + float(count)) / 2
    z += REGISTERS * _sigma(empty)
    return round(REGISTERS**2 / (2 * math.log(2) * z))


def _sigma(x: float) -> float:
    """Ertl's σ, for registers that nobody has fallen into: x + Σ x^(2^k) 2^(k-1); below 1."""
    total, weight = x, 1.0
    while True:
        x *= x
        before, total = total, total + x * weight
        if total == before:
            return total
        weight *= 2


def _tau(x: float) -> float:
    """Ertl's τ, for registers at the top rank: (1 - x - Σ (1 - x^(2^-k))² 2^-k) / 3."""
    if x in {0.0, 1.0}:
        return 0.0
    total, weight = 1 - x, 1.0
    while True:
        x = math.sqrt(x)
        weight /= 2
        before, total = total, total - (1 - x) ** 2 * weight
        if total == before:
            return total / 3
