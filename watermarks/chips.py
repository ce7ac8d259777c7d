"""Key + coded bits -> the chip tile, by a specified generator.

The generator is SHAKE-256 (FIPS 202) of a subkey of the watermark key: the same bytes on every
machine and in every year, which no library's random stream promises. Its first ``chips`` bytes'
lowest bits are the spreading signs; the following big-endian 32-bit words, sorted stably, are the
interleaver that says which coded bit each chip carries.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from watermarks.payload import derive_key
from watermarks.profiles import Profile


@dataclass(frozen=True, slots=True, eq=False)
class Spreading:
    """How coded bits are spread over the tile.

    Attributes
    ----------
    signs : ndarray of int8, shape (N, N)
        The chips of an all-zero codeword, +1 or -1.
    bit_index : ndarray of intp, shape (N, N)
        The coded bit that each chip carries.
    """

    signs: NDArray[np.int8]
    bit_index: NDArray[np.intp]

    def spread(
        self, coded_bits: NDArray[np.uint8], amplitudes: NDArray[np.float64] | None = None
    ) -> NDArray[np.float32]:
        """Return the chip tile of coded bits, shape (N, N): +1 or -1, times each bit's amplitude."""
        values = 1.0 - 2.0 * coded_bits
        if amplitudes is not None:
            values = values * amplitudes
        return (self.signs * values[self.bit_index]).astype(np.float32)

    def despread(self, values: NDArray[np.floating], coded_count: int) -> NDArray[np.float64]:
        """Return each coded bit's correlation with its chips, shape (coded_count,)."""
        aligned = np.asarray(values * self.signs, np.float64).ravel()
        sums = np.bincount(self.bit_index.ravel(), weights=aligned, minlength=coded_count)
        return np.asarray(sums, np.float64)


@lru_cache(maxsize=8)
def spreading(key: bytes, profile: Profile, coded_count: int) -> Spreading:
    """Return the spreading of `coded_count` coded bits over a tile under a key.

    Raises
    ------
    WatermarkError
        If the key is too short.
    """
    side = profile.tile_chips
    chips = side * side
    seed = derive_key(key, f"chips {profile.version}")
    stream = hashlib.shake_256(seed).digest(5 * chips)
    signs = 1 - 2 * (np.frombuffer(stream, np.uint8, chips) & 1).astype(np.int8)
    words = np.frombuffer(stream, ">u4", chips, offset=chips)
    bit_index = np.empty(chips, np.intp)
    bit_index[np.argsort(words, kind="stable")] = np.arange(chips) % coded_count
    return Spreading(signs.reshape(side, side), bit_index.reshape(side, side))
