"""Registered surface -> payload: fold the tiles, whiten, despread, decode, check.

All copies of a tile in view are added up, each block weighted by how strongly it showed the
template (maximum-ratio combining); the sum is filtered by what the channel left of each frequency
over the noise there (a matched filter for coloured noise), and correlated with the chips.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from watermarks import ecc
from watermarks.chips import spreading
from watermarks.payload import MESSAGE_BITS, Payload, from_message_bits
from watermarks.profiles import Layer, Profile
from watermarks.registration import BLOCK, STRIDE, Registration
from watermarks.template import lines
from watermarks.whitening import Level, whitened_chips

CODED_BITS = ecc.RATE_INVERSE * MESSAGE_BITS


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A payload, and how clearly it was read.

    Attributes
    ----------
    payload : Payload
        Its keyed check agreed.
    coded_bits : ndarray of uint8
        The re-encoded message.
    signal_db : float
        Accumulated signal-to-noise ratio over all coded bits.
    """

    payload: Payload
    coded_bits: NDArray[np.uint8]
    signal_db: float


def decode(level: Level, registration: Registration, key: bytes, profile: Profile) -> Decoded | None:
    """Return the payload that a registered surface carries under a key, or None."""
    llr = soft_bits(level, registration, key, profile)
    for message_bits in ecc.decode(llr):
        payload = from_message_bits(message_bits, key)
        if payload is not None and payload.profile == profile.version:
            coded_bits = ecc.encode(message_bits)
            return Decoded(payload, coded_bits, accumulated_db(llr, coded_bits))
    return None


def soft_bits(level: Level, registration: Registration, key: bytes, profile: Profile) -> NDArray[np.float64]:
    """Return the coded bits' log-likelihood ratios, both layers together, shape (CODED_BITS,)."""
    return np.asarray(np.sum(layer_soft_bits(level, registration, key, profile), axis=0), np.float64)


def layer_soft_bits(
    level: Level, registration: Registration, key: bytes, profile: Profile
) -> list[NDArray[np.float64]]:
    """Return the coded bits' log-likelihood ratios in each layer, shape (CODED_BITS,)."""
    found = []
    for layer, plane in zip(profile.layers, level.planes, strict=True):
        filtered = matched_filter(fold(plane, registration, profile, layer), layer)
        found.append(spreading(key, profile, layer, CODED_BITS).despread(filtered, CODED_BITS))
    return found


def accumulated_db(llr: NDArray[np.float64], coded_bits: NDArray[np.uint8]) -> float:
    """Return the accumulated signal-to-noise ratio of soft coded bits about a codeword, in dB."""
    aligned = llr * (1.0 - 2.0 * coded_bits)
    mean = max(float(aligned.mean()), 1e-12)
    return float(10 * np.log10(len(llr) * mean**2 / (aligned.var() + 1e-30)))


def fold(
    plane: NDArray[np.float32], registration: Registration, profile: Profile, layer: Layer
) -> NDArray[np.float32]:
    """Return the weighted mean of all of a layer's tiles in view, shape (N, N), one sample a chip."""
    pitch = layer.chip_pitch
    block_rows, block_cols = registration.block_z.shape
    height, width = (STRIDE * (n - 1) + BLOCK for n in (block_rows, block_cols))
    chips = whitened_chips(
        plane, registration.surface, registration.origin, (height // pitch, width // pitch), pitch
    )
    weights = chip_weights(registration, pitch)
    weights[chips == 0] = 0
    side = profile.tile_chips // pitch
    rows = (registration.origin[1] // pitch + np.arange(chips.shape[0])) % side
    cols = (registration.origin[0] // pitch + np.arange(chips.shape[1])) % side
    total = _fold_sum(chips * weights, rows, cols, side)
    power = _fold_sum(weights * weights, rows, cols, side)
    # Unit noise everywhere: a chip seen once is as noisy as one seen often, only weaker.
    return np.asarray(total / np.sqrt(np.maximum(power, 1e-9)) * (power > 0), np.float32)


def chip_weights(registration: Registration, pitch: int) -> NDArray[np.float32]:
    """Return each chip's weight: its block's agreement with the template, interpolated."""
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


def _fold_sum(
    values: NDArray[np.float32], rows: NDArray[np.intp], cols: NDArray[np.intp], side: int
) -> NDArray[np.float64]:
    """Add up values that share a place in the tile."""
    by_row = np.zeros((side, values.shape[1]))
    np.add.at(by_row, rows, values)
    folded = np.zeros((side, side))
    np.add.at(folded.T, cols, by_row.T)
    return folded


def matched_filter(folded: NDArray[np.float32], layer: Layer) -> NDArray[np.float64]:
    """Return a folded tile filtered so that despreading it gives log-likelihood ratios.

    What is left of each frequency is learnt from the template's own lines, the noise from the
    neighbouring frequencies.
    """
    side = len(folded)
    spectrum = scipy.fft.fft2(folded.astype(np.float64))
    found = lines(layer)
    at = found.cycles_xy[:, 1] % side, found.cycles_xy[:, 0] % side
    mirrored = -found.cycles_xy[:, 1] % side, -found.cycles_xy[:, 0] % side
    centre_phase = np.pi * found.cycles_xy.sum(axis=1) / side
    seen = (spectrum[at] * np.exp(-1j * (found.phases + centre_phase))).real
    spectrum[at] = spectrum[mirrored] = 0
    noise = _wrapped_blur(np.abs(spectrum) ** 2, 9) + 1e-9
    cycles = np.fft.fftfreq(side, 1 / side)
    radius = np.hypot(cycles[:, None], cycles[None, :])
    gain = _channel_gain(np.hypot(*found.cycles_xy.T), seen, noise[at], radius)
    expected = gain * layer.message_gain(radius)
    return np.asarray(scipy.fft.ifft2(spectrum * expected / noise).real)


def _channel_gain(
    line_radius: NDArray[np.float64],
    seen: NDArray[np.float64],
    noise: NDArray[np.float64],
    radius: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Fit a Gaussian fall-off with frequency to the template's lines; return it at all radii."""
    best, gain = -1.0, np.zeros_like(radius)
    for cutoff in (18.0, 25.0, 35.0, 50.0, 80.0, 200.0):
        shape = np.exp(-((line_radius / cutoff) ** 2))
        agreement = float(np.sum(shape * seen / noise))
        norm = float(np.sum(shape**2 / noise))
        if agreement > 0 and agreement**2 / norm > best:
            best = agreement**2 / norm
            gain = agreement / norm * np.exp(-((radius / cutoff) ** 2))
    return gain


def _wrapped_blur(power: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Blur a periodic array by a box of odd size."""
    pad = size // 2
    wide = np.pad(power, pad, mode="wrap")
    return np.asarray(cv2.blur(wide, (size, size))[pad:-pad, pad:-pad], np.float64)
