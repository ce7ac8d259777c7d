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
from watermarks.template import template_tile

# The least that the reader can follow: one block of its registration, and its neighbours.
MIN_HOST_CHIPS = 96

# Under two pixels a chip the file cannot carry the chips' own frequencies.
MIN_PX_PER_CHIP = 1.5

# Chroma direction in RGB whose luma is zero: blue up, red and green down.
_BLUE_YELLOW = np.array([-LUMA_WEIGHTS[2] / (1 - LUMA_WEIGHTS[2])] * 2 + [1.0], np.float32)

# The mark fades over this many of its RMS amplitudes before black and white, so that nothing clips
# and paper white and solid black stay what they are.
_HEADROOM_RMS = 8.0

# Local activity is judged over this many chips around a pixel.
_ACTIVITY_CHIPS = 2.0

# Masking grows faster than activity: at this much activity, in levels, it is twice what it would be in
# proportion. The reader divides by the activity, so that without this the busiest pictures read worst.
_FACILITATION_LEVELS = 25.0

# No place is marked more strongly than this many times a flat one, however busy.
_MAX_MASKING = 6.0


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
    return np.asarray(np.clip(np.rint(host + delta), 0, 255), np.uint8)


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
        delta += _layer_delta(pixels, signal, layer, strength, px_per_chip)
    return np.clip(delta, -pixels, 255 - pixels)


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
    message = _in_band(np.asarray(chips, np.float32), layer)
    share = layer.template_share
    tile = np.sqrt(share) * template_tile(layer, side)
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
    if not strength > 0:
        raise WatermarkError(f"strength is above 0, not {strength}")
    px_per_chip = dpi / profile.chips_per_inch
    if not px_per_chip >= MIN_PX_PER_CHIP:
        least = MIN_PX_PER_CHIP * profile.chips_per_inch
        raise WatermarkError(f"{dpi:g} dpi cannot hold the mark: print at {least:g} dpi or more")
    if min(host.shape[:2]) < MIN_HOST_CHIPS * px_per_chip:
        least_in = MIN_HOST_CHIPS / profile.chips_per_inch
        raise HostTooSmall(
            f"at {dpi:g} dpi the picture prints {host.shape[1] / dpi:.2f} x {host.shape[0] / dpi:.2f} in;"
            f" a mark needs {least_in:.2f} in each way"
        )


def _layer_delta(
    host: NDArray[np.float32], signal: NDArray[np.float32], layer: Layer, strength: float, px_per_chip: float
) -> NDArray[np.float32]:
    """Return what one layer's unit signal adds to a host."""
    plane = host @ (CHROMA_WEIGHTS if layer.chip_pitch > 1 else LUMA_WEIGHTS)
    busy = activity(plane, _ACTIVITY_CHIPS * layer.chip_pitch * px_per_chip)
    hidden = layer.amplitude + layer.masking * busy * (1 + (busy / _FACILITATION_LEVELS) ** 2)
    hidden = np.minimum(hidden, _MAX_MASKING * layer.amplitude)
    amplitude = strength * hidden
    room = np.clip(np.minimum(host, 255 - host) / (_HEADROOM_RMS * amplitude[..., None]), 0, 1)
    change = signal * amplitude
    if layer.chip_pitch > 1:
        return np.asarray((change * room.min(axis=2))[..., None] * _BLUE_YELLOW, np.float32)
    # Luma moves through whichever inks still have room: grey where all have, green in an orange.
    share = room / np.maximum(room @ LUMA_WEIGHTS, 0.4)[..., None]
    return np.asarray(change[..., None] * share, np.float32)


def message_gain(radius: NDArray[np.float64], layer: Layer) -> NDArray[np.float64]:
    """Return the message's gain at radii in cycles per tile: the power of a Butterworth band-pass."""
    low, high = layer.message_band
    return 1 / (1 + (low / np.maximum(radius, 0.5)) ** 6) / (1 + (radius / high) ** 6)


def _in_band(chips: NDArray[np.float32], layer: Layer) -> NDArray[np.float32]:
    """Keep a chip tile's frequencies within the message's band."""
    side = len(chips)
    cycles = np.fft.fftfreq(side, 1 / side)
    gain = message_gain(np.hypot(cycles[:, None], cycles[None, :]), layer)
    return np.asarray(np.fft.ifft2(np.fft.fft2(chips) * gain).real, np.float32)
