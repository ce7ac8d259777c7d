"""Host -> marked: add the template and the message, as strongly as the picture hides them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks import ecc
from watermarks.chips import spreading
from watermarks.errors import HostTooSmall, WatermarkError
from watermarks.payload import Payload, to_message_bits
from watermarks.perception import CHROMA_WEIGHTS, LUMA_WEIGHTS, activity
from watermarks.profiles import DRAFT_0, Layer, Profile
from watermarks.template import lines, template_tile

# The reader's search window holds at least this many chips a side when it works at its coarsest.
MIN_HOST_CHIPS = 72

# Under two pixels a chip the file cannot carry the chips' own frequencies.
MIN_PX_PER_CHIP = 1.5

# Chroma direction in RGB whose luma is zero: blue up, red and green down.
_BLUE_YELLOW = np.array(
    [-LUMA_WEIGHTS[2] / (1 - LUMA_WEIGHTS[2])] * 2 + [1.0], np.float32
)

# The mark fades over this many of its RMS amplitudes before black and white, so that nothing clips
# and paper white and solid black stay what they are.
_HEADROOM_RMS = 6.0

# Local activity is judged over this many chips around a pixel.
_ACTIVITY_CHIPS = 2.0

# The reader whitens over about this many chips of a layer.
_WHITENING_CHIPS = 2.5

# Half-width of the notch at each template line, cycles per chip: about the resolution of a search
# window of 200 chips.
_NOTCH = 1 / 220

# The host's interference is taken back up to this many times the mark's own amplitude.
_MOST_CANCELLED = 2.0

# No place is marked more strongly than this many times a flat one, however busy.
_MAX_MASKING = 5.0


def embed(
    host: NDArray[np.uint8],
    payload: Payload,
    key: bytes,
    *,
    profile: Profile = DRAFT_0,
    strength: float = 1.0,
    dpi: float = 300.0,
) -> NDArray[np.uint8]:
    """Mark a picture.

    Parameters
    ----------
    host : ndarray of uint8, shape (H, W, 3)
        The picture, sRGB.
    payload : Payload
        What the mark shall say.
    key : bytes
        The deployment's watermark key, at least 16 bytes.
    profile : Profile, optional
        The version of the format.
    strength : float, optional
        Amplitude relative to the profile's own, above 0.
    dpi : float, optional
        Pixels per inch at which the picture will be printed.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        The marked picture.

    Raises
    ------
    HostTooSmall
        If the picture has too few chips a side to be found again.
    WatermarkError
        If another argument breaks its contract.
    """
    delta = mark_delta(host, payload, key, profile=profile, strength=strength, dpi=dpi)
    return np.clip(np.rint(host + delta), 0, 255).astype(np.uint8)


def mark_delta(
    host: NDArray[np.uint8],
    payload: Payload,
    key: bytes,
    *,
    profile: Profile = DRAFT_0,
    strength: float = 1.0,
    dpi: float = 300.0,
) -> NDArray[np.float32]:
    """Return what `embed` adds to a host, before rounding, in 8-bit levels.

    For files that `embed` cannot hold: 16-bit, CMYK, grey. Parameters and errors are `embed`'s.

    Returns
    -------
    ndarray of float32, shape (H, W, 3)
    """
    _require_host(host, profile, strength, dpi)
    px_per_chip = dpi / profile.chips_per_inch
    coded_bits = ecc.encode(to_message_bits(payload, key))
    delta = np.zeros(host.shape, np.float32)
    pixels = host.astype(np.float32)
    for layer in profile.layers:
        tile = layer_tile(profile, layer, coded_bits, key)
        signal = render(tile, host.shape[:2], layer.chip_pitch * px_per_chip)
        delta += strength * _layer_delta(pixels, signal, layer, px_per_chip)
    return delta


def layer_tile(
    profile: Profile, layer: Layer, coded_bits: NDArray[np.uint8], key: bytes
) -> NDArray[np.float32]:
    """Return one layer's tile, template and message, at unit variance.

    Returns
    -------
    ndarray of float32, shape (2 N, 2 N)
        Two samples per chip of the layer, so that rendering rounds off no template line.
    """
    spread = spreading(key, profile, layer, len(coded_bits))
    side = 2 * len(spread.signs)
    chips = cv2.resize(spread.spread(coded_bits), (side, side), interpolation=cv2.INTER_NEAREST)
    message = _above(chips, layer.low_cut)
    share = layer.template_share
    tile = np.sqrt(share) * template_tile(profile, layer, side)
    return np.asarray(tile + np.sqrt(1 - share) * message / message.std(), np.float32)


def render(tile: NDArray[np.float32], shape: tuple[int, int], px_per_chip: float) -> NDArray[np.float32]:
    """Tile a plane of a shape, the tile's origin at the plane's top left corner.

    Parameters
    ----------
    tile : ndarray of float32, shape (2 N, 2 N)
        Two samples per chip.
    shape : tuple of int
        Rows and columns of the plane.
    px_per_chip : float
        Pixels per chip of the tile.
    """
    step = 2 / px_per_chip
    to_tile = np.array([[step, 0, 0.5 * step - 0.5], [0, step, 0.5 * step - 0.5]])
    smooth = tile
    if step > 1:
        smooth = np.asarray(cv2.GaussianBlur(np.tile(tile, (3, 3)), (0, 0), 0.4 * step), np.float32)
        smooth = smooth[len(tile) : 2 * len(tile), len(tile) : 2 * len(tile)]
    plane = cv2.warpAffine(
        np.ascontiguousarray(smooth),
        to_tile,
        (shape[1], shape[0]),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_WRAP,
    )
    return np.asarray(plane, np.float32)


def _require_host(host: NDArray[np.uint8], profile: Profile, strength: float, dpi: float) -> None:
    """Hold the caller to `embed`'s contract."""
    if host.ndim != 3 or host.shape[2] != 3 or host.dtype != np.uint8:
        raise WatermarkError(f"a host is uint8 of shape (H, W, 3), not {host.dtype} {host.shape}")
    if strength <= 0:
        raise WatermarkError(f"strength is above 0, not {strength}")
    px_per_chip = dpi / profile.chips_per_inch
    if px_per_chip < MIN_PX_PER_CHIP:
        least = MIN_PX_PER_CHIP * profile.chips_per_inch
        raise WatermarkError(f"{dpi:g} dpi cannot hold the mark: print at {least:g} dpi or more")
    if min(host.shape[:2]) < MIN_HOST_CHIPS * px_per_chip:
        least_in = MIN_HOST_CHIPS / profile.chips_per_inch
        raise HostTooSmall(
            f"at {dpi:g} dpi the picture prints {host.shape[1] / dpi:.2f} x {host.shape[0] / dpi:.2f} in;"
            f" a mark needs {least_in:.2f} in each way"
        )


def _layer_delta(
    host: NDArray[np.float32], signal: NDArray[np.float32], layer: Layer, px_per_chip: float
) -> NDArray[np.float32]:
    """Return what one layer's unit signal adds to a host at strength 1."""
    plane = host @ (CHROMA_WEIGHTS if layer.chip_pitch > 1 else LUMA_WEIGHTS)
    busy = activity(plane, _ACTIVITY_CHIPS * layer.chip_pitch * px_per_chip)
    amplitude = np.minimum(layer.amplitude + layer.masking * busy, _MAX_MASKING * layer.amplitude)
    room = np.clip(np.minimum(host, 255 - host) / (_HEADROOM_RMS * layer.amplitude), 0, 1)
    most = _MOST_CANCELLED * amplitude
    change = signal * amplitude - np.clip(interference(plane, layer, px_per_chip), -most, most)
    if layer.chip_pitch > 1:
        return (change * room.min(axis=2))[..., None] * _BLUE_YELLOW
    # Luma moves through whichever inks still have room: grey where all have, green in an orange.
    share = room / np.maximum(room @ LUMA_WEIGHTS, 0.4)[..., None]
    return change[..., None] * share


def interference(plane: NDArray[np.float32], layer: Layer, px_per_chip: float) -> NDArray[np.float32]:
    """Return the part of a host's plane that would hide the template's lines from the reader.

    The embedder knows the host, so it need not be noise (informed embedding; Malvar & Florencio 2003,
    doi:10.1109/TSP.2003.809385): a notch at each line, applied to the host as the reader whitens it.
    """
    radius = _WHITENING_CHIPS * layer.chip_pitch * px_per_chip
    detail = plane - cv2.GaussianBlur(plane, (0, 0), radius)
    deviation = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 1.5 * radius)) + 0.6
    height, width = plane.shape
    chips_wide, chips_high = width / px_per_chip, height / px_per_chip
    size = (round(2 * chips_wide), round(2 * chips_high))
    white = cv2.resize(detail / deviation, size, interpolation=cv2.INTER_AREA)
    fx = np.fft.rfftfreq(size[0], 1 / size[0]) / chips_wide
    fy = np.fft.fftfreq(size[1], 1 / size[1]) / chips_high
    notch = np.zeros((len(fy), len(fx)), np.float32)
    for x, y in lines(layer).cycles_xy / 128 * np.array([[1.0, 1.0]]):
        for sign in (1, -1):
            notch += np.exp(-((fy[:, None] - sign * y) ** 2 + (fx[None, :] - sign * x) ** 2) / (2 * _NOTCH**2))
    band = np.fft.irfft2(np.fft.rfft2(white) * np.minimum(notch, 1), s=white.shape).astype(np.float32)
    return np.asarray(cv2.resize(band, (width, height), interpolation=cv2.INTER_CUBIC) * deviation, np.float32)


def low_cut_gain(radius: NDArray[np.float64], low_cut: float) -> NDArray[np.float64]:
    """Return the message's gain at radii in cycles per tile: a Butterworth high-pass of order 3."""
    return 1 / (1 + (low_cut / np.maximum(radius, 0.5)) ** 6)


def _above(chips: NDArray[np.float32], low_cut: float) -> NDArray[np.float32]:
    """Drop the frequencies below `low_cut` cycles per tile."""
    side = len(chips)
    cycles = np.fft.fftfreq(side, 1 / side)
    gain = low_cut_gain(np.hypot(cycles[:, None], cycles[None, :]), low_cut)
    return np.asarray(np.fft.ifft2(np.fft.fft2(chips) * gain).real, np.float32)
