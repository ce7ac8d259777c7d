"""Flattening of local spectra: what is one place's own is taken down, what is everywhere stays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from watermarks.local_spectra import flattened


def noise(seed: int, shape: tuple[int, int] = (96, 128)) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@settings(max_examples=20)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 2**32 - 1))
def test_a_plane_of_any_size_keeps_its_shape(height: int, width: int, seed: int) -> None:
    found = flattened(noise(seed, (height, width)))

    assert found.shape == (height, width)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def test_white_noise_stays_what_it_is_but_for_its_chance_peaks() -> None:
    plane = noise(1)

    found = flattened(plane)

    assert np.corrcoef(plane.ravel(), found.ravel())[0, 1] > 0.95
    assert found.std() == pytest.approx(1, abs=0.1)


def test_a_weave_is_taken_down_where_it_is_and_a_weak_signal_there_comes_out_of_it() -> None:
    """A fabric on the left half of a plane hides a signal; beside it the plane stays as it was."""
    y, x = np.mgrid[:96, :128]
    weave = 4 * np.sin(2 * np.pi * 0.21 * x) * np.sin(2 * np.pi * 0.13 * y) * (x < 64)
    signal = noise(2)

    plane = (0.3 * signal + noise(3) + weave).astype(np.float32)
    found = flattened(plane)

    def share(of: NDArray[np.float32]) -> float:
        return float(np.corrcoef(of[8:-8, 8:56].ravel(), signal[8:-8, 8:56].ravel())[0, 1])

    assert share(found) > 1.5 * share(plane)
    beside = np.corrcoef(found[:, 80:].ravel(), plane[:, 80:].ravel())[0, 1]
    assert beside > 0.95


def test_strength_does_not_matter_and_places_keep_theirs() -> None:
    plane = noise(4)
    plane[:, 64:] *= 5

    found = flattened(plane)

    np.testing.assert_allclose(flattened(7 * plane), 7 * found, rtol=1e-3, atol=1e-3)
    assert found[:, 72:].std() / found[:, :56].std() == pytest.approx(5, rel=0.1)


def test_nothing_stays_nothing() -> None:
    assert not flattened(np.zeros((40, 40), np.float32)).any()
