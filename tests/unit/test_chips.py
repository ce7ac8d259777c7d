"""The spreading: the specified generator, and chips that undo themselves."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watermarks import DRAFT_0, Profile, WatermarkError
from watermarks.chips import Spreading, spreading
from watermarks.decoder import CODED_BITS

KEY = bytes(range(16))

# The goldens hold for this version number, tile and pitch, whatever else the draft becomes.
PROFILE: Profile = replace(
    DRAFT_0,
    version=0,
    tile_chips=128,
    luma=replace(DRAFT_0.luma, chip_pitch=1),
    chroma=replace(DRAFT_0.chroma, chip_pitch=2),
)


def of_layer(index: int, key: bytes = KEY, profile: Profile = PROFILE) -> Spreading:
    return spreading(key, profile, profile.layers[index], CODED_BITS)


@pytest.mark.parametrize(
    ("index", "side", "first_signs", "first_bits", "signs_sha256", "bit_index_sha256"),
    [
        (
            0,
            128,
            "-+--+++-",
            [276, 269, 66, 271, 320, 348, 175, 230],
            "adf030a08adbf79f251bcb4c5f4cb8bc7ad031b26e29b8469c8fb0a4259b9b7b",
            "0d26cb9bdf6becb9d072559eb9b29be408bc716e89a161773d4d8cc6f6764465",
        ),
        (
            1,
            64,
            "-++-----",
            [185, 319, 102, 210, 15, 59, 224, 314],
            "4cfa4b768464ff9a9a6fc4f27b833f304c52d7c4ba23611d0871c3e7d8ca735f",
            "1845df1d39d034d9849f2b75eb5ee11cbcd8f6ce25bae5b96debf33d41cadc47",
        ),
    ],
)
def test_golden_chips(
    index: int, side: int, first_signs: str, first_bits: list[int], signs_sha256: str, bit_index_sha256: str
) -> None:
    found = of_layer(index)

    assert found.signs.shape == found.bit_index.shape == (side, side)
    assert "".join("+" if sign > 0 else "-" for sign in found.signs[0, :8]) == first_signs
    assert found.bit_index[0, :8].tolist() == first_bits
    assert hashlib.sha256(found.signs.tobytes()).hexdigest() == signs_sha256
    assert hashlib.sha256(found.bit_index.astype(">i8").tobytes()).hexdigest() == bit_index_sha256


@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1]))
def test_despreading_undoes_spreading(seed: int, index: int) -> None:
    coded = np.random.default_rng(seed).integers(0, 2, CODED_BITS, np.uint8)
    found = of_layer(index)

    tile = found.spread(coded)
    correlation = found.despread(tile, CODED_BITS)

    assert set(np.unique(tile)) <= {-1.0, 1.0}
    np.testing.assert_array_equal((correlation < 0).astype(np.uint8), coded)
    np.testing.assert_array_equal(np.abs(correlation), np.bincount(found.bit_index.ravel()))


@pytest.mark.parametrize("index", [0, 1])
def test_every_coded_bit_has_its_share_of_the_chips(index: int) -> None:
    counts = np.bincount(of_layer(index).bit_index.ravel(), minlength=CODED_BITS)

    assert len(counts) == CODED_BITS
    assert counts.max() - counts.min() <= 1


def test_other_keys_layers_and_versions_have_unrelated_chips() -> None:
    signs = [
        of_layer(0).signs,
        of_layer(0, b"another key, as long").signs,
        of_layer(0, profile=replace(PROFILE, version=1)).signs,
        np.kron(of_layer(1).signs, np.ones((2, 2), np.int8)),
    ]

    for i, one in enumerate(signs):
        assert abs(one.mean(dtype=float)) < 0.04
        for other in signs[:i]:
            assert abs((one.astype(float) * other).mean()) < 0.04  # five deviations of chance


def test_a_short_key_is_refused() -> None:
    with pytest.raises(WatermarkError, match="at least 16 bytes"):
        of_layer(0, b"short")
