"""Fingerprints: one picture's copies agree, different pictures don't."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from o2o.imaging_fingerprint import BITS, fingerprint


def picture(seed: int, height: int = 480, width: int = 640) -> NDArray[np.uint8]:
    """Smooth blotches of colour, as a photograph's large shapes are."""
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def bits_apart(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def as_jpeg(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize("seed", range(5))
def test_it_outlives_scaling_and_jpeg(seed: int) -> None:
    original = picture(seed)
    mark = fingerprint(original)
    assert len(mark) * 4 == BITS
    for width, height in ((1280, 960), (320, 240), (200, 150)):
        smaller = np.asarray(cv2.resize(original, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        assert bits_apart(mark, fingerprint(smaller)) <= 3
    for quality in (85, 50, 20):
        assert bits_apart(mark, fingerprint(as_jpeg(original, quality))) <= 3
    brighter = np.clip(original.astype(int) * 0.9 + 20, 0, 255).astype(np.uint8)
    assert bits_apart(mark, fingerprint(brighter)) <= 3


def test_different_pictures_differ() -> None:
    marks = [fingerprint(picture(seed)) for seed in range(40)]
    apart = [bits_apart(one, other) for i, one in enumerate(marks) for other in marks[:i]]
    assert min(apart) > 10
    assert 28 < np.mean(apart) < 36


def test_a_plain_picture_has_one_too() -> None:
    assert fingerprint(np.full((70, 64, 3), 200, np.uint8)) == "0" * 16
