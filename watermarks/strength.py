"""Host -> the weakest strength whose prints are predicted to read, by simulating some.

A mark is printed and photographed a few times in simulation, and its accumulated signal measured with the
pose known. Signal grows with the square of strength, so that one round tells what strength it takes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watermarks import ecc
from watermarks.channel import CONDITIONS, Capture, photograph, print_page
from watermarks.decoder import accumulated_db, soft_bits
from watermarks.embedder import embed
from watermarks.known_pose import register_known
from watermarks.payload import Payload, to_message_bits
from watermarks.perception import psnr_db, visibility
from watermarks.profiles import DRAFT_0, Profile

UNSEEN_DELTA_E = 0.342
"""Mean S-CIELAB difference up to which a mark is taken for unseen, a third of a just noticeable one: nothing
is marked more weakly, as it would hide no better and read worse."""

GREATEST = 6.0
"""Beyond, signal is won no more: the reader limits what one place may add."""

LEAST_PSNR_DB = 38.2
"""No picture is marked so strongly that it falls below, read or not."""

# The strength that is simulated: in the middle of what pictures need.
_TRIED = 1.6

AIM_DB = 30.0
"""Accumulated signal that the mean typical photo shall show, in dB: 22.3 decode, photos of one picture spread
by about 2.5, and what the search asks for comes on top. At 30, 58 of 60 typical photos of 30 pictures read;
the others were taken from afar."""

_PHOTOS = 4
_SEED = 20_261_124


@dataclass(frozen=True, slots=True)
class Choice:
    """A strength, and what it is predicted to do.

    Attributes
    ----------
    strength : float
    signal_db : float
        The accumulated signal that the mean typical photo is predicted to show.
    suffices : bool
        Whether that is enough; if not, the picture hides no stronger mark.
    """

    strength: float
    signal_db: float
    suffices: bool


def choose_strength(
    host: NDArray[np.uint8],
    payload: Payload,
    key: bytes,
    *,
    profile: Profile = DRAFT_0,
    dpi: float = 300.0,
) -> Choice:
    """Return the weakest strength, from what is unseen on, at which a picture's print is predicted to read.

    Parameters and errors are `embed`'s. A simulated prediction: no press and no phone is exactly like it.
    """
    marked = embed(host, payload, key, profile=profile, strength=_TRIED, dpi=dpi)
    coded_bits = ecc.encode(to_message_bits(payload, key))
    signals = []
    for photo in range(_PHOTOS):
        rng = np.random.default_rng([_SEED, photo])
        printed = print_page(marked, dpi=dpi, rng=rng)
        capture = photograph(printed, rng=rng, condition=CONDITIONS["typical"])
        corner_in = printed.picture_corners_in[0, 0]
        size_in = printed.picture_corners_in[0, 2] - corner_in
        signals.append(_signal_db(capture, corner_in, size_in, coded_bits, key, profile))
    tried_db = float(np.mean(signals))
    unseen = _TRIED * UNSEEN_DELTA_E / max(visibility(host, marked, dpi).mean, 1e-3)
    wanted = max(unseen, _TRIED * 10 ** ((AIM_DB - tried_db) / 20))
    strength = _bounded(host, payload, key, profile, dpi, min(float(wanted), GREATEST))
    signal_db = tried_db + 20 * np.log10(strength / _TRIED)
    return Choice(round(strength, 2), float(signal_db), bool(signal_db >= AIM_DB - 0.5))


def _signal_db(
    capture: Capture,
    corner_in: NDArray[np.float64],
    size_in: NDArray[np.float64],
    coded_bits: NDArray[np.uint8],
    key: bytes,
    profile: Profile,
) -> float:
    """Return the accumulated signal of a capture whose pose is known, in dB, 0 and up."""
    known = register_known(capture, corner_in, size_in, profile)
    if known is None:
        return 0.0
    return max(accumulated_db(soft_bits(*known, key, profile), coded_bits), 0.0)


def _bounded(
    host: NDArray[np.uint8], payload: Payload, key: bytes, profile: Profile, dpi: float, strength: float
) -> float:
    """Weaken a strength until the picture keeps its quality."""
    for _ in range(3):
        psnr = psnr_db(host, embed(host, payload, key, profile=profile, strength=strength, dpi=dpi))
        if psnr >= LEAST_PSNR_DB:
            break
        strength *= 10 ** ((psnr - LEAST_PSNR_DB - 0.1) / 20)
    return strength
