"""A picture marked for a benchmark, by our codec or a peer's, and what that did to it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures import KEY, host_of, payload_of
from benchmarks.screen import Screen
from watermarks import Payload, baselines, embed
from watermarks.perception import psnr_db, visibility
from watermarks.strength import choose_strength

OURS = "ours"
CODECS = (OURS, *baselines.METHODS)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is printed: how large, in which inks, and what else stands on the page.

    Attributes
    ----------
    name : str
    width_in : float
        The first picture's width on paper.
    others_in : float or None
        The other pictures' width, where it is another.
    dpi : float
        Host pixels an inch.
    square : bool
        Only the square in each picture's middle.
    grey : bool
        Pictures without colour.
    k_only : bool
        Black ink alone.
    qr : bool
        A QR code of the first picture's ID beside it or below it.
    screen : Screen or None
        Shown on one instead of printed.
    """

    name: str = "5 in wide"
    width_in: float = 5.0
    others_in: float | None = None
    dpi: float = 300.0
    square: bool = False
    grey: bool = False
    k_only: bool = False
    qr: bool = True
    screen: Screen | None = None

    def width_px(self, index: int) -> int:
        """Return the width of the page's picture of an index, in host pixels."""
        width_in = self.width_in if index == 0 or self.others_in is None else self.others_in
        return round(width_in * self.dpi)


@dataclass(frozen=True, slots=True, eq=False)
class Marked:
    """A marked picture.

    Attributes
    ----------
    picture : ndarray of uint8, shape (H, W, 3)
    payload : Payload
    strength : float or None
        What it was marked with, None for a peer.
    psnr_db, visibility_mean, visibility_p99 : float
        What the mark did to the picture.
    embed_ms : float
        The time that marking took, with the choice of the strength where it was chosen.
    """

    picture: NDArray[np.uint8]
    payload: Payload
    strength: float | None
    psnr_db: float
    visibility_mean: float
    visibility_p99: float
    embed_ms: float

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        return self.picture.shape[1], self.picture.shape[0]


def mark(
    path: Path, sheet: Sheet, codec: str, strength: float | None, seed: int, *, index: int = 0
) -> Marked:
    """Mark a picture, the sheet's of an index; a strength of None is chosen for the picture."""
    host = host_of(path, sheet.width_px(index), square=sheet.square, grey=sheet.grey)
    payload = payload_of(seed, path.name)
    started = time.perf_counter()
    if codec == OURS and strength is None:
        strength = choose_strength(host, payload, KEY, dpi=sheet.dpi).strength
    marked = _embed(host, payload, codec, strength, sheet.dpi)
    embed_ms = 1000 * (time.perf_counter() - started)
    seen = visibility(host, marked, sheet.dpi)
    used = strength if codec == OURS else None
    return Marked(marked, payload, used, psnr_db(host, marked), seen.mean, seen.p99, embed_ms)


def _embed(
    host: NDArray[np.uint8], payload: Payload, codec: str, strength: float | None, dpi: float
) -> NDArray[np.uint8]:
    """Mark a host by one of ``CODECS``."""
    for method in baselines.METHODS:
        if codec == method:
            return baselines.embed(host, payload, KEY, method=method)
    assert strength is not None
    return embed(host, payload, KEY, strength=strength, dpi=dpi)
