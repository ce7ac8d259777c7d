"""Host -> marked: add the template and the message, as strongly as the picture hides them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks import ecc
from watermarks.chips import spreading
from watermarks.colour_cost import colour_cost
from watermarks.errors import HostTooSmall, WatermarkError
from watermarks.file_signal import MEASURED_PX_PER_CHIP, at_measured_scale, file_soft_bits
from watermarks.payload import Payload, to_message_bits
from watermarks.perception import LUMA_WEIGHTS, activity
from watermarks.profiles import DRAFT_0, Profile
from watermarks.template import template_tile

# The least that the reader can follow: a tile, four blocks of its registration. At 96 no print read.
MIN_HOST_CHIPS = 128

# Under this many pixels a chip the file cannot carry the message's highest frequencies.
MIN_PX_PER_CHIP = 1.5

# The mark fades over this many of its RMS amplitudes before an ink ends, so that paper white and solid black
# stay what they are and nothing clips.
_HEADROOM_RMS = 3.0

# Where this share of a unit of luma or less finds room in any ink, the mark gives the rest up.
_LEAST_ROOM = 0.5

# Local activity is judged over this many chips around a pixel; the amplitude is the profile's at the
# reference, and grows and shrinks between a place of _FLAT levels and the cap.
_ACTIVITY_CHIPS = 3.0
REFERENCE_ACTIVITY = 3.0
_FLAT_ACTIVITY = 1.5
_GREATEST_MASKING = 2.0

# The share of the picture's own part in each coded bit that is taken back, and the least and the greatest
# amplitude of a bit that results, about 1. The mark keeps its energy: all taken back would leave too little.
_TAKEN_BACK = 0.5
_AMPLITUDES = (0.0, 2.5)


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
    if payload.profile != profile.version:
        raise WatermarkError(f"the payload says profile {payload.profile}, the mark is of {profile.version}")
    _require_host(host, profile, strength, dpi)
    px_per_chip = dpi / profile.chips_per_inch
    coded_bits = ecc.encode(to_message_bits(payload, key))
    pixels = host.astype(np.float32)
    amplitudes = _bit_amplitudes(pixels, coded_bits, key, profile, strength, px_per_chip)
    tile = mark_tile(profile, coded_bits, key, amplitudes)
    return _delta(pixels, tile, profile, strength, px_per_chip)


def _bit_amplitudes(
    host: NDArray[np.float32],
    coded_bits: NDArray[np.uint8],
    key: bytes,
    profile: Profile,
    strength: float,
    px_per_chip: float,
) -> NDArray[np.float64]:
    """Return the amplitudes of the coded bits: more for those that the picture itself contradicts.

    Improved spread spectrum (Malvar & Florencio 2003, doi:10.1109/TSP.2003.809385) against the reader's own
    statistic: what the whitened host correlates to with a bit's chips is known before printing, so that
    part of it is taken back.
    """
    small = at_measured_scale(host, px_per_chip)
    plain = mark_tile(profile, coded_bits, key)
    marked = small + _delta(small, plain, profile, strength, MEASURED_PX_PER_CHIP)
    seen = file_soft_bits(marked, key, profile) * (1.0 - 2.0 * coded_bits)
    excess = seen / max(float(seen.mean()), 1e-9) - 1
    return np.clip(1 - _TAKEN_BACK * excess, *_AMPLITUDES)


def _delta(
    host: NDArray[np.float32],
    tile: NDArray[np.float32],
    profile: Profile,
    strength: float,
    px_per_chip: float,
) -> NDArray[np.float32]:
    """Return what a tiled mark adds to a host."""
    signal = render(tile, host.shape[:2], px_per_chip)
    cost = colour_cost(host, px_per_chip * profile.chips_per_inch)
    busy = activity(host @ LUMA_WEIGHTS, _ACTIVITY_CHIPS * px_per_chip) + _FLAT_ACTIVITY
    masking = np.minimum((busy / REFERENCE_ACTIVITY) ** profile.masking, _GREATEST_MASKING)
    amplitude = strength * profile.delta_e * masking / cost.delta_e
    reach = _HEADROOM_RMS * amplitude[..., None] * np.maximum(np.abs(cost.direction), 0.3)
    room = np.clip(np.minimum(host, 255 - host) / reach, 0, 1)
    direction = cost.direction * room
    # Luma moves through whichever inks still have room: grey where all have, green in an orange.
    direction /= np.maximum(direction @ LUMA_WEIGHTS, _LEAST_ROOM)[..., None]
    delta = (signal * amplitude)[..., None] * direction
    return np.asarray(np.clip(delta, -host, 255 - host), np.float32)


def mark_tile(
    profile: Profile,
    coded_bits: NDArray[np.uint8],
    key: bytes,
    amplitudes: NDArray[np.float64] | None = None,
) -> NDArray[np.float32]:
    """Return one tile, template and message, at unit variance; all bits as strong by default.

    Returns
    -------
    ndarray of float32, shape (2 N, 2 N)
        Two samples per chip, so that rendering rounds off no template line.
    """
    message = message_tile(profile, coded_bits, key, amplitudes)
    share = profile.template_share
    tile = np.sqrt(share) * template_tile(profile, len(message)) + np.sqrt(1 - share) * message
    return np.asarray(tile, np.float32)


def message_tile(
    profile: Profile,
    coded_bits: NDArray[np.uint8],
    key: bytes,
    amplitudes: NDArray[np.float64] | None = None,
) -> NDArray[np.float32]:
    """Return one tile of the message alone, as `mark_tile` does."""
    spread = spreading(key, profile, len(coded_bits))
    side = 2 * profile.tile_chips
    chips = cv2.resize(spread.spread(coded_bits, amplitudes), (side, side), interpolation=cv2.INTER_NEAREST)
    message = _in_band(np.asarray(chips, np.float32), profile)
    return np.asarray(message / message.std(), np.float32)


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
    if not (strength > 0 and np.isfinite(strength)):
        raise WatermarkError(f"strength is a number above 0, not {strength}")
    if not np.isfinite(dpi):
        raise WatermarkError(f"dpi is a number, not {dpi}")
    px_per_chip = dpi / profile.chips_per_inch
    if not px_per_chip >= MIN_PX_PER_CHIP:
        least = MIN_PX_PER_CHIP * profile.chips_per_inch
        raise WatermarkError(f"{dpi:g} dpi cannot hold the mark: print at {least:g} dpi or more")
    if min(host.shape[:2]) < MIN_HOST_CHIPS * px_per_chip:
        least_in, least_px = MIN_HOST_CHIPS / profile.chips_per_inch, np.ceil(MIN_HOST_CHIPS * px_per_chip)
        raise HostTooSmall(
            f"at {dpi:g} dpi the picture prints {host.shape[1] / dpi:.2f} x {host.shape[0] / dpi:.2f} in;"
            f" a mark needs {least_in:.2f} in each way: use a picture of {least_px:.0f} px a side"
            " or more, or state the lower dpi at which it will be printed"
        )


def _in_band(chips: NDArray[np.float32], profile: Profile) -> NDArray[np.float32]:
    """Keep a chip tile's frequencies within the message's band."""
    side = len(chips)
    cycles = np.fft.fftfreq(side, 1 / side)
    gain = profile.message_gain(np.hypot(cycles[:, None], cycles[None, :]))
    return np.asarray(np.fft.ifft2(np.fft.fft2(chips) * gain).real, np.float32)
