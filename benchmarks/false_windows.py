"""Windows that carry no mark of the reader's key, of the kinds that could look like one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures import host_of, load
from watermarks import Payload, embed
from watermarks.channel import CONDITIONS, photograph, print_page

OTHER_KEY = b"another key, not the benchmark's"
"""Of the wrong-key marks."""

_WIDTH_IN, _DPI = 5.0, 300.0
_OTHER_STRENGTH = 2.0

T = TypeVar("T")

Window = NDArray[np.uint8]
Maker = Callable[["Corpus", int, np.random.Generator], Iterator[Window]]
"""Makes windows of a side, one after the other, all from one picture or print."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """The picture files that windows are cut from."""

    pictures: Sequence[Path]
    negatives: Sequence[Path]


def negatives(corpus: Corpus, side: int, rng: np.random.Generator) -> Iterator[Window]:
    """Cut a photo of the negatives."""
    yield from _cut(load(_any(corpus.negatives, rng)), side, rng)


def unmarked_pictures(corpus: Corpus, side: int, rng: np.random.Generator) -> Iterator[Window]:
    """Cut a picture before it is marked."""
    yield from _cut(load(_any(corpus.pictures, rng)), side, rng)


def unmarked_prints(corpus: Corpus, side: int, rng: np.random.Generator) -> Iterator[Window]:
    """Cut a simulated photo of an unmarked print."""
    yield from _cut(_photo(_host(corpus, rng), rng), side, rng)


def wrong_key_prints(corpus: Corpus, side: int, rng: np.random.Generator) -> Iterator[Window]:
    """Cut a simulated photo of a print that is marked under another key."""
    yield from _cut(_photo(_marked(corpus, rng), rng), side, rng)


def wrong_key_files(corpus: Corpus, side: int, rng: np.random.Generator) -> Iterator[Window]:
    """Cut a file that is marked under another key."""
    yield from _cut(_marked(corpus, rng), side, rng)


def halftones(corpus: Corpus, side: int, rng: np.random.Generator) -> Iterator[Window]:
    """Cut the raster of an unmarked print, its screens and their moire with the sampling."""
    yield from _cut(print_page(_host(corpus, rng), dpi=_DPI, rng=rng).reflectance, side, rng)


def fabrics(_: Corpus, side: int, rng: np.random.Generator) -> Iterator[Window]:
    """Weave threads of two directions, uneven ones."""
    while True:
        x, y = _turned(side, rng)
        pitch = rng.uniform(2.5, 24.0, 2)
        wobble = cv2.resize(rng.standard_normal((2, 9, 9)).transpose(1, 2, 0), (side, side)) * rng.uniform(
            0, 2
        )
        warp = np.sin(2 * np.pi * (x / pitch[0]) + wobble[..., 0])
        weft = np.sin(2 * np.pi * (y / pitch[1]) + wobble[..., 1])
        over = np.sign(np.sin(np.pi * x / pitch[0]) * np.sin(np.pi * y / pitch[1]))
        yield _developed(np.where(over > 0, warp, weft), rng)


def grids(_: Corpus, side: int, rng: np.random.Generator) -> Iterator[Window]:
    """Draw lines, dots or checks at regular steps, in perspective."""
    while True:
        x, y = _turned(side, rng)
        depth = 1 + (rng.uniform(-0.4, 0.4, 2) @ np.stack([x, y]).reshape(2, -1)).reshape(x.shape) / side
        waves = [np.sin(2 * np.pi * each / depth / rng.uniform(3.0, 40.0)) for each in (x, y)]
        sharp = rng.uniform(1.0, 20.0)
        pattern = waves[0] * waves[1] if rng.random() < 0.5 else np.maximum(*waves)
        yield _developed(np.tanh(sharp * (pattern - rng.uniform(-0.5, 0.5))), rng)


def constellations(_: Corpus, side: int, rng: np.random.Generator) -> Iterator[Window]:
    """Add up as many sinusoids as the template has, of random directions in its band, on noise."""
    while True:
        x, y = _turned(side, rng)
        pattern = np.zeros((side, side))
        for _line in range(6):
            turn, cycles = rng.uniform(0, np.pi), rng.uniform(0.06, 0.3)
            phase = 2 * np.pi * (cycles * (np.cos(turn) * x + np.sin(turn) * y) + rng.random())
            pattern += np.sin(phase)
        yield _developed(pattern * rng.uniform(0.1, 1.0) + rng.standard_normal((side, side)), rng)


def noise(_: Corpus, side: int, rng: np.random.Generator) -> Iterator[Window]:
    """Draw noise of a random colour of spectrum."""
    while True:
        cycles = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
        spectrum = np.fft.rfft2(rng.standard_normal((side, side)))
        yield _developed(np.fft.irfft2(spectrum / (cycles + 0.01) ** rng.uniform(0, 1.5), (side, side)), rng)


KINDS: Mapping[str, Maker] = MappingProxyType(
    {
        "negatives": negatives,
        "unmarked pictures": unmarked_pictures,
        "photos of unmarked prints": unmarked_prints,
        "photos of wrong-key prints": wrong_key_prints,
        "wrong-key files": wrong_key_files,
        "halftone screens": halftones,
        "fabrics": fabrics,
        "grids": grids,
        "constellations": constellations,
        "noise": noise,
    }
)
"""The makers of windows by what they are called."""


def _cut(image: Window, side: int, rng: np.random.Generator) -> Iterator[Window]:
    """Cut squares at random places of an image, of random scales, shrunk or grown to a side."""
    shortest = min(image.shape[:2])
    while True:
        source = min(round(side * float(np.exp(rng.uniform(np.log(0.7), np.log(3.0))))), shortest)
        top, left = (int(rng.integers(length - source + 1)) for length in image.shape[:2])
        square = image[top : top + source, left : left + source]
        how = cv2.INTER_AREA if source > side else cv2.INTER_LINEAR
        yield cv2.resize(square, (side, side), interpolation=how).astype(np.uint8, copy=False)


def _any(items: Sequence[T], rng: np.random.Generator) -> T:
    return items[int(rng.integers(len(items)))]


def _host(corpus: Corpus, rng: np.random.Generator) -> Window:
    return host_of(_any(corpus.pictures, rng), round(_WIDTH_IN * _DPI))


def _marked(corpus: Corpus, rng: np.random.Generator) -> Window:
    """Return a picture marked under another key."""
    payload = Payload(int(rng.integers(1 << 48)))
    return embed(_host(corpus, rng), payload, OTHER_KEY, strength=_OTHER_STRENGTH, dpi=_DPI)


def _photo(picture: Window, rng: np.random.Generator) -> Window:
    """Print a picture and photograph it under any condition."""
    condition = _any(list(CONDITIONS.values()), rng)
    return photograph(print_page(picture, dpi=_DPI, rng=rng), rng=rng, condition=condition).image


def _turned(side: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a square's coordinates about its middle, turned by any angle."""
    at = np.arange(side) - side / 2
    x, y = np.meshgrid(at, at)
    angle = rng.uniform(0, np.pi)
    return np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x


def _developed(pattern: NDArray[np.float64], rng: np.random.Generator) -> Window:
    """Return a pattern as a tinted picture with a sensor's noise, as a JPEG has it."""
    contrast = rng.uniform(2.0, 50.0) / max(float(pattern.std()), 1e-6)
    tint = rng.uniform(60.0, 200.0, 3)
    picture = tint + contrast * pattern[:, :, None] + rng.normal(0, rng.uniform(0, 4), (*pattern.shape, 3))
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 98))]
    _, file = cv2.imencode(".jpg", np.clip(picture, 0, 255).astype(np.uint8), quality)
    decoded = cv2.imdecode(file, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded.astype(np.uint8, copy=False)
