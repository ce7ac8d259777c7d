"""Whitened plane -> flattened: what lines, edges and weaves stand out of it is taken down, place by place.

Whitening by local mean and deviation knows no directions: the edge of a table, a fabric or a screen keeps
its own few frequencies, and a JPEG block those that it kept. So each small block's spectrum is divided by its
own smoothed envelope (whitening before a correlator; Kay, *Detection Theory*): frequencies at which a place
shows much of its own say little of the mark there.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

# Blocks of 16 samples hold two to four waves of the template's lines, and few different things of a picture.
# They overlap by half: a quarter less overlap loses a third of the gain.
_SIDE = 16
_HOP = _SIDE // 2

# An envelope counts as at least this share of its block's mean power, lest what JPEG has emptied be filled
# with noise. Dividing by its root leaves a flat spectrum; by more, as a matched filter would, gains nothing.
_FLOOR = 0.05

# Rows of blocks that are worked on at once: they fit a processor's cache.
_AT_ONCE = 8


def flattened(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Flatten a plane's local spectra, leaving each place about as strong as it was.

    Parameters
    ----------
    plane : ndarray of float32, shape (H, W)

    Returns
    -------
    ndarray of float32, shape (H, W)
    """
    height, width = plane.shape
    rows, cols = -(-height // _HOP) + 1, -(-width // _HOP) + 1
    padded = np.zeros((_HOP * (rows + 1), _HOP * (cols + 1)), np.float32)
    padded[_HOP : _HOP + height, _HOP : _HOP + width] = plane
    blocks = np.lib.stride_tricks.sliding_window_view(padded, (_SIDE, _SIDE))[::_HOP, ::_HOP]
    total = np.zeros((rows + 1, _HOP, cols + 1, _HOP), np.float32)
    for top in range(0, rows, _AT_ONCE):
        part = _flat_blocks(blocks[top : top + _AT_ONCE]).transpose(0, 2, 1, 3)
        end = top + len(part)
        total[top:end, :, :-1] += part[:, :_HOP, :, :_HOP]
        total[top:end, :, 1:] += part[:, :_HOP, :, _HOP:]
        total[top + 1 : end + 1, :, :-1] += part[:, _HOP:, :, :_HOP]
        total[top + 1 : end + 1, :, 1:] += part[:, _HOP:, :, _HOP:]
    return total.reshape(padded.shape)[_HOP : _HOP + height, _HOP : _HOP + width]


def _flat_blocks(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return blocks, shape (R, C, N, N), tapered, with their spectra flattened, and tapered anew."""
    spectra = scipy.fft.rfft2(blocks * _taper())
    power = spectra.real**2 + spectra.imag**2
    envelope = power.reshape(-1, _SIDE * (_SIDE // 2 + 1)) @ _smoothing()
    envelope /= envelope.mean(axis=1, keepdims=True) + 1e-12
    spectra /= np.sqrt(envelope + _FLOOR).reshape(spectra.shape)
    return np.asarray(scipy.fft.irfft2(spectra, s=(_SIDE, _SIDE)) * _taper(), np.float32)


@cache
def _taper() -> NDArray[np.float32]:
    """Return a sine window: squared, and overlapped by half, it adds up to one."""
    edge = np.sin(np.pi * (np.arange(_SIDE) + 0.5) / _SIDE)
    return np.outer(edge, edge).astype(np.float32)


@cache
def _smoothing() -> NDArray[np.float32]:
    """Return the matrix that takes a half spectrum's power to its means over 3 x 3 frequencies."""
    mean = np.zeros((_SIDE, _SIDE))
    for step in (-1, 0, 1):
        mean += np.roll(np.eye(_SIDE), step, axis=0) / 3
    # Of columns only half are kept: a neighbour beyond either end is the mirror image of one that is.
    half = _SIDE // 2 + 1
    across = mean[:half, :half].copy()
    across[0, 1] += mean[0, -1]
    across[-1, -2] += mean[half - 1, half]
    return np.kron(mean, across).T.astype(np.float32)
