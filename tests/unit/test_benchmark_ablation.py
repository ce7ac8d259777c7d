"""The ablation's variants, and how it counts what they lose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import ablation
from benchmarks.ablation import Outcome
from benchmarks.variants import VARIANTS, Variant
from watermarks import Miss, ecc, embedder, geometry, read, whitening
from watermarks.profiles import DRAFT_0


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_a_variant_changes_the_codec_for_as_long_as_it_is_entered(variant: Variant) -> None:
    own = ecc.encode, ecc.decode, whitening.whiten, embedder._TAKEN_BACK

    with variant.marking(), variant.reading():
        pass

    assert own == (ecc.encode, ecc.decode, whitening.whiten, embedder._TAKEN_BACK)
    assert variant.profile.version == DRAFT_0.version


def test_the_whole_codec_comes_first_and_names_are_their_own() -> None:
    assert VARIANTS[0].name == "whole"
    assert not VARIANTS[0].marks_anew
    assert len({each.name for each in VARIANTS}) == len(VARIANTS)
    assert {each.name for each in VARIANTS if each.marks_anew} == {
        "no informed embedding",
        "template 30 %",
        "template 80 %",
        "repetition code",
    }


@pytest.mark.parametrize("name", ["repetition code", "hard decisions", "no list decoding"])
def test_codes_are_replaced_by_ones_that_decode(name: str) -> None:
    (variant,) = (each for each in VARIANTS if each.name == name)
    message = np.random.default_rng(0).integers(0, 2, 92).astype(np.uint8)

    with variant.marking():
        coded = ecc.encode(message)
    with variant.reading():
        (decoded, *_) = ecc.decode(np.asarray(3.0 - 6.0 * coded, np.float64))

    np.testing.assert_array_equal(decoded, message)
    assert len(coded) == ecc.RATE_INVERSE * len(message)


def test_without_the_curl_fit_a_bent_page_is_flat() -> None:
    (variant,) = (each for each in VARIANTS if each.name == "no curl fit")
    chips = np.stack(np.meshgrid(np.arange(0.0, 300, 30), np.arange(0.0, 300, 30)), axis=-1).reshape(-1, 2)
    seen = chips + 1e-3 * chips[:, :1] ** 2 * [0.0, 1.0]
    weights = np.full(len(chips), 25.0)
    camera = geometry.Camera.of((300, 300))

    with variant.reading():
        flat = geometry.fit_surface(chips, seen, weights, camera)

    assert np.abs(flat.curvature).max() < 1e-6
    assert np.abs(geometry.fit_surface(chips, seen, weights, camera).curvature).max() > 1e-4


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_every_variant_reads_a_photo_to_its_end(variant: Variant) -> None:
    """One with nothing in it, so that all searches are made: names and arguments are still the codec's."""
    empty = np.random.default_rng(0).integers(0, 256, (720, 300, 3)).astype(np.uint8)

    with variant.reading():
        assert isinstance(read(empty, b"a key of the tests"), Miss)
        chips = whitening.whitened_chips(
            whitening.luma_of(empty), geometry.Surface.flat(np.eye(3)), (0, 0), (99, 99)
        )

    assert chips.std() > 0.1


def test_photos_are_lost_and_won_in_pairs() -> None:
    def outcome(variant: str, repetition: int, *, read: bool, signal_db: float) -> Outcome:
        return Outcome(variant, ("a.jpg", repetition, "typical"), read, False, signal_db)

    outcomes = [
        outcome("whole", 0, read=True, signal_db=30.0),
        outcome("whole", 1, read=False, signal_db=20.0),
        outcome("one pose", 0, read=False, signal_db=29.0),
        outcome("one pose", 1, read=True, signal_db=18.0),
    ]

    text = ablation.report(["whole", "one pose"], outcomes, Path("ablation.png"), pictures=1, n=2)

    assert "| 50.0 % (9.5-90.5) | – | -1 / +1 | -1.5 dB | 0 |" in text
    assert "| whole | nothing |" in text


def test_options_always_have_the_whole_codec() -> None:
    assert ablation._options(["--images", ".", "--variant", "one pose"]).variant == ["whole", "one pose"]
