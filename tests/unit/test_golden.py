"""The published vectors of tests/golden: what any implementation computes from a key and an ID."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from watermarks import PROFILES, Payload, ecc
from watermarks.chips import spreading
from watermarks.embedder import mark_tile
from watermarks.payload import derive_key, from_message_bits, to_message_bits
from watermarks.template import lines

GOLDEN = Path(__file__).parents[1] / "golden" / "profile-0.txt"


def vectors() -> dict[str, list[str]]:
    """Return the file's values by name; a name may have several, one a line."""
    found: dict[str, list[str]] = {}
    for line in GOLDEN.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, value = line.split(" ", 1)
            found.setdefault(name, []).append(value)
    return found


VECTORS = vectors()
KEY = bytes.fromhex(VECTORS["key"][0])
PROFILE = PROFILES[int(VECTORS["profile"][0])]
PAYLOAD = Payload(int(VECTORS["id"][0], 16), PROFILE.version)


def bits_of(digits: str) -> NDArray[np.uint8]:
    """Return hexadecimal digits' bits, the most significant first."""
    return np.array([int(digit, 16) >> place & 1 for digit in digits for place in (3, 2, 1, 0)], np.uint8)


def test_the_file_names_what_is_held_here() -> None:
    assert set(VECTORS) == {
        *("key", "profile", "id", "subkey_check", "subkey_chips", "message_bits", "coded_bits"),
        *("signs_sha256", "bit_index_sha256", "line", "tile_row"),
    }
    assert len(VECTORS["line"]) == PROFILE.template_lines


@pytest.mark.parametrize(
    ("name", "purpose"), [("subkey_check", "check"), ("subkey_chips", f"chips {PROFILE.version}")]
)
def test_subkeys(name: str, purpose: str) -> None:
    assert derive_key(KEY, purpose).hex() == VECTORS[name][0]


def test_message_and_coded_bits() -> None:
    message = to_message_bits(PAYLOAD, KEY)

    np.testing.assert_array_equal(message, bits_of(VECTORS["message_bits"][0]))
    np.testing.assert_array_equal(ecc.encode(message), bits_of(VECTORS["coded_bits"][0]))


def test_the_vectors_read_back() -> None:
    soft = np.asarray(1 - 2.0 * bits_of(VECTORS["coded_bits"][0]), np.float64)

    read = [from_message_bits(bits, KEY) for bits in ecc.decode(soft)]

    assert PAYLOAD in read


def test_chips() -> None:
    found = spreading(KEY, PROFILE, len(bits_of(VECTORS["coded_bits"][0])))

    signs = np.where(found.signs > 0, b"\x01", b"\xff").tobytes()
    assert hashlib.sha256(signs).hexdigest() == VECTORS["signs_sha256"][0]
    index = found.bit_index.astype(">u2").tobytes()
    assert hashlib.sha256(index).hexdigest() == VECTORS["bit_index_sha256"][0]


def test_template_lines() -> None:
    found = lines(PROFILE)

    stated = [line.split() for line in VECTORS["line"]]
    assert found.cycles_xy.tolist() == [[int(x), int(y)] for x, y, _ in stated]
    np.testing.assert_allclose(found.phases, [float(phase) for *_, phase in stated], rtol=0, atol=1e-12)


def test_the_tile() -> None:
    tile = mark_tile(PROFILE, bits_of(VECTORS["coded_bits"][0]), KEY)

    for row, *values in (line.split() for line in VECTORS["tile_row"]):
        np.testing.assert_allclose(tile[int(row), ::32], [float(value) for value in values], atol=1e-3)
