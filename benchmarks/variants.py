"""The codec without one of its ideas: the variants that the ablation compares.

Each replaces constants or functions of the codec's modules, in this process and for as long as it is entered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.patching import patched
from watermarks import (
    decoder,
    ecc,
    embedder,
    geometry,
    pose_search,
    reader,
    whitening,
)
from watermarks.profiles import DRAFT_0, Profile

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Variant:
    """The codec, changed in one thing.

    Attributes
    ----------
    name : str
    changes : str
        What is changed, in words.
    marking, reading : callable
        Give the context in which pictures are marked, and photos are read.
    profile : Profile
        What pictures are marked with.
    """

    name: str
    changes: str
    marking: Callable[[], AbstractContextManager[None]] = nullcontext
    reading: Callable[[], AbstractContextManager[None]] = nullcontext
    profile: Profile = DRAFT_0

    @property
    def marks_anew(self) -> bool:
        """Whether its marked pictures are others than the whole codec's."""
        return self.marking is not nullcontext or self.profile is not DRAFT_0


def _centred(plane: Plane, _radius: float, _deviation: float, **_options: float) -> Plane:
    """Take away the plane's own mean, and no local one: instead of `whitening.whiten`."""
    return np.asarray((plane - plane.mean()) / (plane.std() + 1e-6), np.float32)


def _as_it_is(plane: Plane) -> Plane:
    """Leave a plane alone: instead of `whitening.flattened`."""
    return plane


def _repeat(message_bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Send each bit as often as the code would: instead of `ecc.encode`."""
    return np.repeat(message_bits, ecc.RATE_INVERSE)


def _vote(llr: NDArray[np.float64]) -> list[NDArray[np.uint8]]:
    """Add each bit's copies up: instead of `ecc.decode`."""
    return [(llr.reshape(-1, ecc.RATE_INVERSE).sum(axis=1) < 0).astype(np.uint8)]


def _hard(llr: NDArray[np.float64], **options: Any) -> list[NDArray[np.uint8]]:
    """Decode decisions instead of likelihoods; bound to the codec's own function before that is replaced."""
    return _SOFT(np.sign(llr), **options)


_SOFT = ecc.decode


def _flat_pages() -> AbstractContextManager[None]:
    # A page that is known not to bend.
    return patched(geometry, _BEND=1e-9)


@contextmanager
def _one_pose() -> Iterator[None]:
    with patched(pose_search, _YIELDED=1), patched(reader, _IN_VAIN=1):
        yield


VARIANTS = (
    Variant("whole", "nothing"),
    Variant(
        "no informed embedding",
        "none of the picture's own part in the coded bits is taken back",
        marking=lambda: patched(embedder, _TAKEN_BACK=0.0),
    ),
    Variant(
        "template 30 %",
        "the template has 30 % of the energy, not 45 %",
        profile=replace(DRAFT_0, template_share=0.3),
    ),
    Variant(
        "template 80 %",
        "the template has 80 % of the energy, not 45 %",
        profile=replace(DRAFT_0, template_share=0.8),
    ),
    Variant(
        "repetition code",
        "each bit is sent four times instead of coded",
        marking=lambda: patched(ecc, encode=_repeat),
        reading=lambda: patched(ecc, encode=_repeat, decode=_vote),
    ),
    Variant(
        "hard decisions",
        "the decoder is told bits, not likelihoods",
        reading=lambda: patched(ecc, decode=_hard),
    ),
    Variant(
        "no list decoding",
        "the keyed check is offered the likeliest message only, not 64",
        reading=lambda: patched(ecc, decode=partial(_SOFT, list_size=1)),
    ),
    Variant(
        "one place in the tile",
        "only the likeliest offset and turn is decoded, not the two clearest of eight",
        reading=lambda: patched(decoder, _MOST_PLACES=1),
    ),
    Variant(
        "one pose",
        "only the likeliest pose of each search is followed, not up to sixteen",
        reading=_one_pose,
    ),
    Variant(
        "no straightened search",
        "planes aren't searched again with tilts undone",
        reading=lambda: patched(pose_search, TILTS_XY=()),
    ),
    Variant("no curl fit", "pages are taken for flat", reading=_flat_pages),
    Variant(
        "no prefilter",
        "the photo isn't whitened: no local mean, deviation or clipping, no flat local spectra",
        reading=lambda: patched(whitening, whiten=_centred, flattened=_as_it_is),
    ),
    Variant(
        "no flat local spectra",
        "what is whitened keeps the spectra of its places",
        reading=lambda: patched(whitening, flattened=_as_it_is),
    ),
    Variant(
        "small windows only",
        "planes are searched with windows of 128 px, not with 256 px first",
        reading=lambda: patched(pose_search, SIDES_PX=(128,)),
    ),
)
"""The whole codec first, then what is compared with it."""
