"""Registered surface -> payload: fold the tiles, whiten, despread, decode, check.

All copies of a tile in view are added up, each block weighted by how strongly it showed the
template (maximum-ratio combining); the sum is filtered by what the channel left of each frequency
over the noise there (a matched filter for coloured noise), and correlated with the chips.

Six lines agree nearly as well with some other offsets of the tile, and upside down, as with the
right one. So the likeliest few places are looked at, those with the clearest bits are decoded, and the keyed
check tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from watermarks import ecc
from watermarks.blocks import BLOCK, STRIDE
from watermarks.chips import spreading
from watermarks.payload import MESSAGE_BITS, Payload, from_message_bits
from watermarks.pose_search import agreement
from watermarks.profiles import Profile
from watermarks.registration import Registration
from watermarks.template import lines
from watermarks.whitening import Level, whitened_chips

CODED_BITS = ecc.RATE_INVERSE * MESSAGE_BITS

# So many places of the tile are looked at. In the template itself the worst wrong one agrees to 0.975 with
# the lines, and noise moves the right one down the list.
_MOST_PLACES = 8

# So many of them are decoded: those whose soft bits are clearest, and clearer than this. Despread at the
# right place, the bits' power is 1 + 170 / 368 of the noise's at the 22.3 dB that decode; at a wrong one,
# 1 +- 0.08.
_MOST_DECODED = 2
_LEAST_CLARITY = 1.15

# Fall-offs with frequency that are tried: where a Gaussian has 1 / e left, in cycles per tile, from a badly
# blurred photo to one that is sharper than the tile.
_CUTOFFS = (20.0, 27.0, 36.0, 50.0, 80.0)

# Despreadings that only noise answers, to know its power by.
_DECOYS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a registration's chips lie in the tile: a point u at ``turn * u + offset_xy``.

    Attributes
    ----------
    turn : {1, -1}
        -1 if the page is upside down.
    offset_xy : ndarray of float, shape (2,)
        In chips, to a quarter of one, in [0, tile_chips).
    """

    turn: int
    offset_xy: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A payload, and how clearly it was read.

    Attributes
    ----------
    payload : Payload
        Its keyed check agreed.
    place : Place
        Where in the tile the registration proved to lie.
    coded_bits : ndarray of uint8
        The re-encoded message.
    signal_db : float
        Accumulated signal-to-noise ratio over all coded bits.
    spectrum : ndarray of complex, shape (N, N)
        The folded tile's transform, the tile in its place.
    """

    payload: Payload
    place: Place
    coded_bits: NDArray[np.uint8]
    signal_db: float
    spectrum: NDArray[np.complex128]


_TURNS = (Place(1, np.zeros(2)), Place(-1, np.zeros(2)))


def decode(
    level: Level, registration: Registration, key: bytes, profile: Profile, *, most_lists: int
) -> tuple[Decoded | None, int]:
    """Return the payload that a registered surface carries under a key, or None, and the lists tried in vain.

    Each list holds 64 messages against the keyed check: `most_lists`, 0 or more, bounds the chance of a false
    read.
    """
    spectrum = folded_spectrum(level, registration, profile)
    candidates = _clearest(spectrum, key, profile)[:most_lists]
    for tried, (place, llr) in enumerate(candidates):
        for message_bits in ecc.decode(llr):
            payload = from_message_bits(message_bits, key)
            if payload is not None and payload.profile == profile.version:
                coded_bits = ecc.encode(message_bits)
                signal_db = accumulated_db(llr, coded_bits)
                placed = _in_place(spectrum, place, profile)
                return Decoded(payload, place, coded_bits, signal_db, placed), tried
    return None, len(candidates)


def _clearest(
    spectrum: NDArray[np.complex128], key: bytes, profile: Profile
) -> list[tuple[Place, NDArray[np.float64]]]:
    """Return the likely places whose soft bits stand out of the noise, and the bits, clearest first."""
    found = []
    for place in likely_places(spectrum, profile):
        placed = _in_place(spectrum, place, profile)
        cutoff = _line_cutoff(placed, profile)
        found.append((_despread(placed, cutoff, key, profile).clarity, place, placed))
    found.sort(key=lambda each: -each[0])
    return [
        (place, _sharpest(placed, key, profile).llr)
        for clarity, place, placed in found[:_MOST_DECODED]
        if clarity > _LEAST_CLARITY
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _SoftBits:
    """Soft coded bits, shape (CODED_BITS,), and their power over that of noise."""

    llr: NDArray[np.float64]
    clarity: float


def _despread(placed: NDArray[np.complex128], cutoff: float, key: bytes, profile: Profile) -> _SoftBits:
    """Return the soft bits of a folded tile in its place, its contrast falling off with a cutoff."""
    spread = spreading(key, profile, CODED_BITS)
    filtered = matched_filter(placed, cutoff, profile)
    llr = spread.despread(filtered, CODED_BITS)
    # Chips that are nobody's: the mark's own, elsewhere in the tile.
    shift = profile.tile_chips // (_DECOYS + 1)
    elsewhere = (np.roll(filtered, (shift * (i + 1), 2 * shift * (i + 1)), (0, 1)) for i in range(_DECOYS))
    noise = np.mean([np.mean(spread.despread(each, CODED_BITS) ** 2) for each in elsewhere])
    return _SoftBits(llr, float(np.mean(llr**2) / max(noise, 1e-30)))


def _sharpest(placed: NDArray[np.complex128], key: bytes, profile: Profile) -> _SoftBits:
    """Return the soft bits under the cutoff that makes them clearest: they tell it better than six lines."""
    return max(
        (_despread(placed, cutoff, key, profile) for cutoff in _CUTOFFS), key=lambda each: each.clarity
    )


def soft_bits(
    level: Level,
    registration: Registration,
    key: bytes,
    profile: Profile,
    *,
    cutoff: float | None = None,
) -> NDArray[np.float64]:
    """Return the coded bits' log-likelihood ratios of chips that lie in place, shape (CODED_BITS,).

    With the fall-off with frequency that a reader would find, or of a known cutoff, in cycles per tile.
    """
    spectrum = folded_spectrum(level, registration, profile)
    if cutoff is None:
        return _sharpest(spectrum, key, profile).llr
    return _despread(spectrum, cutoff, key, profile).llr


def folded_spectrum(level: Level, registration: Registration, profile: Profile) -> NDArray[np.complex128]:
    """Return the Fourier transform of the tiles in view, folded, shape (N, N)."""
    return np.asarray(scipy.fft.fft2(fold(level, registration, profile).astype(np.float64)))


def likely_places(spectrum: NDArray[np.complex128], profile: Profile) -> list[Place]:
    """Return the places in the tile that the template's lines agree with best, the best first."""
    agreed = np.stack([_agreement(_in_place(spectrum, turned, profile), profile) for turned in _TURNS])
    step = profile.tile_chips / agreed.shape[-1]
    peak = [
        cv2.dilate(np.pad(each, 2, mode="wrap"), np.ones((5, 5), np.uint8))[2:-2, 2:-2] for each in agreed
    ]
    turn, row, col = np.nonzero(agreed >= np.stack(peak))
    best = np.argsort(-agreed[turn, row, col])[:_MOST_PLACES]
    return [Place(_TURNS[turn[i]].turn, step * np.array([col[i], row[i]], np.float64)) for i in best]


def _agreement(spectrum: NDArray[np.complex128], profile: Profile) -> NDArray[np.float32]:
    """Return how well a folded tile's lines agree with each offset, no line counting more than the others."""
    values = _line_values(spectrum, profile)
    limit = np.median(np.abs(values)) * 1.5
    return agreement(lines(profile).cycles_xy, values * np.minimum(1, limit / (np.abs(values) + 1e-9)))


def _in_place(spectrum: NDArray[np.complex128], place: Place, profile: Profile) -> NDArray[np.complex128]:
    """Return a folded tile's spectrum with the tile turned and moved to its place."""
    # Turned by 180 degrees about the tile's corner, which lies between chips.
    turned = spectrum if place.turn == 1 else spectrum.conj() * _moved(profile, -np.ones(2))
    return turned * _moved(profile, place.offset_xy)


def _line_values(spectrum: NDArray[np.complex128], profile: Profile) -> NDArray[np.complex128]:
    """Return a folded tile's value at each line, the line's own phase taken off."""
    found = lines(profile)
    side = len(spectrum)
    centre_phase = np.pi * found.cycles_xy.sum(axis=1) / side
    at = found.cycles_xy[:, 1] % side, found.cycles_xy[:, 0] % side
    return np.asarray(spectrum[at] * np.exp(-1j * (found.phases + centre_phase)))


def _moved(profile: Profile, chips_xy: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return the factor by which a spectrum changes when its tile moves by so many chips."""
    cycles = np.fft.fftfreq(profile.tile_chips)
    down, right = (np.exp(-2j * np.pi * cycles * chips) for chips in chips_xy[::-1])
    return np.asarray(down[:, None] * right[None, :])


def accumulated_db(llr: NDArray[np.float64], coded_bits: NDArray[np.uint8]) -> float:
    """Return the accumulated signal-to-noise ratio of soft coded bits about a codeword, in dB."""
    aligned = llr * (1.0 - 2.0 * coded_bits)
    mean = max(float(aligned.mean()), 1e-12)
    return float(10 * np.log10(len(llr) * mean**2 / (aligned.var() + 1e-30)))


def fold(level: Level, registration: Registration, profile: Profile) -> NDArray[np.float32]:
    """Return the weighted mean of all tiles in view, shape (N, N), one sample a chip."""
    block_rows, block_cols = registration.block_z.shape
    height, width = (STRIDE * (n - 1) + BLOCK for n in (block_rows, block_cols))
    chips = whitened_chips(level.luma, registration.surface, registration.origin, (height, width))
    weights = chip_weights(registration, 1)
    weights[chips == 0] = 0
    side = profile.tile_chips
    total = _fold_sum(chips * weights, registration.origin, side)
    power = _fold_sum(weights * weights, registration.origin, side)
    # Unit noise everywhere: a chip seen once is as noisy as one seen often, only weaker.
    return np.asarray(total / np.sqrt(np.maximum(power, 1e-9)) * (power > 0), np.float32)


def chip_weights(registration: Registration, pitch: int) -> NDArray[np.float32]:
    """Return the weight of each cell of `pitch` chips: its block's agreement with the template."""
    rows, cols = registration.block_z.shape
    height, width = ((STRIDE * (n - 1) + BLOCK) // pitch for n in (rows, cols))
    step = pitch / STRIDE
    start = (pitch / 2 - BLOCK / 2) / STRIDE
    return np.asarray(
        cv2.warpAffine(
            np.maximum(registration.block_z, 0).astype(np.float32),
            np.array([[step, 0, start], [0, step, start]]),
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.float32,
    )


def _fold_sum(values: NDArray[np.float32], origin: tuple[int, int], side: int) -> NDArray[np.float64]:
    """Add up chips that share a place in the tile; the first lies at an origin (column, row)."""
    left, top = origin[0] % side, origin[1] % side
    bottom, right = (-(start + n) % side for start, n in zip((top, left), values.shape, strict=True))
    whole = np.pad(values, ((top, bottom), (left, right)))
    tiles = whole.reshape(whole.shape[0] // side, side, whole.shape[1] // side, side)
    return np.asarray(tiles.sum(axis=(0, 2)), np.float64)


def matched_filter(spectrum: NDArray[np.complex128], cutoff: float, profile: Profile) -> NDArray[np.float64]:
    """Return a folded tile filtered so that despreading it gives log-likelihood ratios, to a factor.

    Parameters
    ----------
    spectrum : ndarray of complex, shape (N, N)
        The tile's transform.
    cutoff : float
        Cycles per tile at which the channel has left 1 / e of the mark's amplitude: a Gaussian fall-off.
        The noise is learnt from the neighbouring frequencies.
    profile : Profile
    """
    message, noise = _without_lines(spectrum, profile)
    radius = _radii(profile)
    expected = np.exp(-((radius / cutoff) ** 2)) * profile.message_gain(radius)
    return np.asarray(scipy.fft.ifft2(message * expected / noise).real)


def _without_lines(
    spectrum: NDArray[np.complex128], profile: Profile
) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Return a spectrum without the template's lines, and the power of the noise about each frequency."""
    side = len(spectrum)
    across, down = lines(profile).cycles_xy.T
    message = spectrum.copy()
    message[down % side, across % side] = message[-down % side, -across % side] = 0
    return message, _wrapped_blur(np.abs(message) ** 2, 9) + 1e-9


def _line_cutoff(spectrum: NDArray[np.complex128], profile: Profile) -> float:
    """Return the cutoff, one of `_CUTOFFS`, that fits the template's lines best."""
    side = len(spectrum)
    across, down = lines(profile).cycles_xy.T
    noise = _without_lines(spectrum, profile)[1][down % side, across % side]
    seen = _line_values(spectrum, profile).real
    shapes = np.exp(-((np.hypot(across, down) / np.array(_CUTOFFS)[:, None]) ** 2))
    agreement = (shapes * seen / noise).sum(axis=1)
    fit = np.maximum(agreement, 0) ** 2 / (shapes**2 / noise).sum(axis=1)
    return _CUTOFFS[int(fit.argmax())]


@cache
def _radii(profile: Profile) -> NDArray[np.float64]:
    """Return the radius of each frequency of a tile's transform, in cycles per tile."""
    cycles = np.fft.fftfreq(profile.tile_chips, 1 / profile.tile_chips)
    return np.asarray(np.hypot(cycles[:, None], cycles[None, :]))


def _wrapped_blur(power: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Blur a periodic array by a box of odd size."""
    pad = size // 2
    wide = np.pad(power, pad, mode="wrap")
    return np.asarray(cv2.blur(wide, (size, size))[pad:-pad, pad:-pad], np.float64)
