"""The phone's inside: lens blur, sensor, image signal processor (ISP) and JPEG.

The sensor is linear; the ISP's steps come in a phone's order: white balance, demosaic, tone curve,
chroma denoise, luma denoise, sharpen, JPEG 4:2:0. What a phone merges from several frames is one
exposure here with the merged frames' noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks.channel_conditions import Condition

ELECTRONS_AT_100_LUX = 600.0
"""Electrons of a white pixel of a 12-megapixel photo, after the phone's multi-frame merge: with the ISP
below, luma noise in mid grey of 0.95 % of full scale at 100 lux and 0.6 % at 500, in the range of what phones
merge to. Not too bright a guess: one frame of 1/30 s through f/1.8 gathers some 1,500 on 1.4 um."""
FULL_READOUT_PX = 4032
"""Long side of the readout that this holds for. Smaller frames come from the same sensor: their photosites
are binned on the sensor, charges added up before they are read, and gather light by their area (those of a
1920 px readout 4.4 times as much)."""
ELECTRONS_EXPONENT = 0.75
"""They fall slower than the light: phones expose longer and merge more frames in the dark."""
MAX_ELECTRONS = 9000.0
"""Full well at base ISO, merged."""
READ_NOISE_E = 4.0
"""Read noise after the merge, in electrons."""
LAMPLIGHT_LUX = 400.0
"""Below, light is taken to come from warm lamps, above from the sky."""
EXPOSURE = (0.62, 0.92)
"""Where automatic exposure puts the best-lit coated paper (reflectance 0.85), linear, 1 being clipped."""
WHITE_BALANCE_ERROR = 0.03
"""Largest relative error of a channel's gain."""
CHROMA_SIGMA_PX = 1.2
"""Chroma denoising in good light, Gaussian sigma; it grows as the light falls."""
CLEAN_LUX = 1000.0
"""Above, phones leave luma alone; below, an edge-preserving filter smooths the more the darker."""
SHARPENING = (0.3, 0.9)
"""Unsharp mask's gain; its radius is 0.9-1.4 px."""
CONTRAST = (0.0, 0.25)
"""Share of the S curve in the tone curve."""

Plane: TypeAlias = NDArray[np.float32]

_BAYER = {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 2}
"""RGGB: (row, column) of a cell to channel."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What one press of the shutter draws, besides the pose.

    Attributes
    ----------
    lux, glare, jpeg_quality
        As in :class:`~watermarks.channel_conditions.Condition`; glare 0 if there is none.
    defocus_px : tuple of (float, float)
        Gaussian sigma at the nearest and the farthest paper, in sensor pixels.
    motion_px, motion_deg : float
        Length and direction of the hand's movement, on the sensor.
    binned : float
        How many photosites of the full readout each of this one gathers the light of, 1 and up.
    """

    lux: float
    glare: float
    defocus_px: tuple[float, float]
    motion_px: float
    motion_deg: float
    jpeg_quality: int
    binned: float = 1.0


def draw_exposure(condition: Condition, readout_px: int, rng: np.random.Generator) -> Exposure:
    """Draw light and blur for a readout of a long side; focus sits on the page's near or far side."""
    sharp = rng.uniform(*condition.defocus_px)
    soft = sharp + rng.uniform(*condition.defocus_gain)
    return Exposure(
        lux=float(np.exp(rng.uniform(*np.log(condition.lux)))),
        glare=rng.uniform(*condition.glare) if rng.random() < condition.glare_chance else 0.0,
        defocus_px=(sharp, soft) if rng.random() < 0.5 else (soft, sharp),
        motion_px=rng.uniform(*condition.motion_px),
        motion_deg=rng.uniform(0.0, 180.0),
        jpeg_quality=round(rng.uniform(*condition.jpeg_quality)),
        binned=max(1.0, FULL_READOUT_PX / readout_px) ** 2,
    )


def through_lens(scene: NDArray[np.uint16], defocus_px: float, shot: Exposure) -> NDArray[np.uint16]:
    """Blur a linear scene, shape (h, w, 3), by defocus and by the hand's motion."""
    blurred = cv2.GaussianBlur(scene, (0, 0), defocus_px)
    if shot.motion_px > 0.5:  # Less than the pixels themselves smear.
        blurred = cv2.filter2D(blurred, -1, _motion_kernel(shot.motion_px, shot.motion_deg))
    return blurred.astype(np.uint16, copy=False)


def mosaic(scene: NDArray[np.uint16]) -> Plane:
    """Return the one channel that each RGGB photosite sees, shape (h, w), 65535 mapped to 1."""
    seen = np.empty(scene.shape[:2], np.float32)
    for (row, column), channel in _BAYER.items():
        np.multiply(scene[row::2, column::2, channel], np.float32(1 / 65535), out=seen[row::2, column::2])
    return seen


def expose(
    seen: Plane, light: Plane, glare: Plane | None, shot: Exposure, rng: np.random.Generator
) -> NDArray[np.uint16]:
    """Return the raw mosaic, white-balanced, 65535 where it clips: light, glare, photon and read noise.

    Noise is drawn for the light's own colour: under a lamp blue photosites get half the photons,
    and the white balance amplifies their noise.
    """
    raw = seen * light
    if glare is not None:
        raw += glare
    raw *= np.float32(rng.uniform(*EXPOSURE) / 0.85)
    if shot.lux < LAMPLIGHT_LUX:
        lamp = (rng.uniform(1.1, 1.5), 1.0, rng.uniform(0.45, 0.7))
    else:
        lamp = (rng.uniform(0.8, 1.0), 1.0, rng.uniform(0.7, 1.0))
    white = min(ELECTRONS_AT_100_LUX * (shot.lux / 100.0) ** ELECTRONS_EXPONENT, MAX_ELECTRONS) * shot.binned
    balance = 1.0 + rng.uniform(-WHITE_BALANCE_ERROR, WHITE_BALANCE_ERROR, 3)
    gain, floor = np.empty(seen.shape, np.float32), np.empty(seen.shape, np.float32)
    for (row, column), channel in _BAYER.items():
        electrons = white * lamp[channel]
        gain[row::2, column::2] = 1.0 / electrons
        floor[row::2, column::2] = balance[channel]
    sigma = np.sqrt(raw * gain + np.float32((READ_NOISE_E / white) ** 2))
    sigma *= rng.standard_normal(seen.shape, np.float32)
    raw += sigma
    raw *= floor
    raw *= 65535.0
    return np.clip(raw, 0.0, 65535.0, out=raw).astype(np.uint16)


def develop(raw: NDArray[np.uint16], shot: Exposure, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the ISP's sRGB picture, shape (h, w, 3), of a raw RGGB mosaic."""
    linear = cv2.cvtColor(raw, cv2.COLOR_BayerRGGB2RGB_EA)
    image = _tone_curve(rng.uniform(*CONTRAST))[linear]
    luma, *chroma = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
    stops_dark = float(np.clip(np.log2(CLEAN_LUX / shot.lux), 0.0, 6.5))
    smooth = [_chroma_denoised(plane, CHROMA_SIGMA_PX * (0.8 + 0.3 * stops_dark)) for plane in chroma]
    if stops_dark > 0.0:
        luma = cv2.bilateralFilter(luma, 5, 1.0 + 2.0 * stops_dark, 0.6 + 0.1 * stops_dark)
    amount = rng.uniform(*SHARPENING)
    soft = cv2.GaussianBlur(luma, (0, 0), rng.uniform(0.9, 1.4))
    luma = cv2.addWeighted(luma, 1.0 + amount, soft, -amount, 0.0)
    return cv2.cvtColor(cv2.merge([luma, *smooth]), cv2.COLOR_YCrCb2RGB).astype(np.uint8, copy=False)


def encode_jpeg(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return the JPEG file of an sRGB image, 4:2:0, shape (bytes,)."""
    settings = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    ]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), settings)
    return np.asarray(data, np.uint8)


def decode_jpeg(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the sRGB image, shape (h, w, 3), in a JPEG file that :func:`encode_jpeg` made."""
    image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    assert image is not None
    return image.astype(np.uint8, copy=False)


def _chroma_denoised(plane: NDArray[np.uint8], sigma_px: float) -> NDArray[np.uint8]:
    """Blur a chroma plane, at half resolution as ISPs do."""
    height, width = plane.shape
    half = cv2.resize(plane, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    half = cv2.GaussianBlur(half, (0, 0), sigma_px / 2)
    return cv2.resize(half, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def _motion_kernel(length_px: float, angle_deg: float) -> Plane:
    """Return the kernel of a straight movement at constant speed."""
    reach = int(np.ceil(length_px / 2))
    travel = np.linspace(-length_px / 2, length_px / 2, 64)
    x, y = travel * np.cos(np.radians(angle_deg)), travel * np.sin(np.radians(angle_deg))
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    near_x = np.maximum(0.0, 1.0 - np.abs(columns[..., None] - x))
    near_y = np.maximum(0.0, 1.0 - np.abs(rows[..., None] - y))
    kernel = (near_x * near_y).sum(-1)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _tone_curve(contrast: float) -> NDArray[np.uint8]:
    """Return the table from 16-bit linear to 8-bit sRGB with some S-shaped contrast."""
    linear = np.arange(65536) / 65535.0
    code = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    code += contrast * (code * code * (3 - 2 * code) - code)
    return np.asarray(np.rint(code * 255), np.uint8)
