"""The press: pictures on a magazine page, separated, screened and inked.

Colour follows Neugebauer's model with Demichel's dot statistics: the mean of independent screens of
multiplicative inks, so the separation can be solved for exactly and no ICC profile is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks.channel_layout import Layout, lay_out, set_text, synthetic_picture
from watermarks.channel_screens import AM_SOFTNESS, FM_SOFTNESS, am_screen, fm_screen, plate_curve, screened
from watermarks.perception import SRGB_TO_LINEAR

PRINT_DPI = 600.0
"""Resolution of the printed page's raster: four pixels a cell of a 150 lpi screen."""

INK_TRANSMITTANCE = np.array(
    [[0.03, 0.34, 0.75], [0.78, 0.03, 0.21], [0.97, 0.82, 0.04], [0.022, 0.020, 0.020]], np.float32
)
"""Linear RGB of solid C, M, Y, K on white: ISO 12647-2 offset inks on coated paper, through sRGB."""
SCREEN_ANGLES_DEG = (15.0, 75.0, 0.0, 45.0)
"""C, M, Y, K: the strong inks 30 degrees apart, yellow where its moire shows least."""
RULINGS_LPI = (133.0, 150.0, 175.0)
"""Magazine rulings: web offset 133, sheet-fed 150-175."""
FM_SHARE = 0.2
"""Share of pages printed with a stochastic screen."""
TOTAL_INK = 3.0
"""Total area coverage limit of web offset, 300 %."""
BLACK_POINT = 0.015
"""Darkest printable linear reflectance; black-point compensation maps picture black there."""
NOMINAL_DOT_GAIN = 0.17
"""Tone value increase at 50 % that prepress compensates for (ISO 12647-2: 14-20 %)."""
DOT_GAIN = (0.14, 0.21)
"""What the press really gives, ink by ink."""
MISREGISTRATION_MM = 0.05
"""Standard deviation of a plate's shift along each axis; offset tolerates 0.1 mm."""
PAPER_TINT = ((0.80, 0.90), (0.98, 1.01), (0.90, 1.0))
"""Paper: linear reflectance; red and blue relative to green (bluish-white coated to creamy uncoated)."""
PAPER_GRAIN = 0.012
"""Standard deviation of the paper's fine texture, of its reflectance."""


@dataclass(frozen=True, slots=True, eq=False)
class Print:
    """A printed page.

    Attributes
    ----------
    reflectance : ndarray of uint8, shape (H, W, 3)
        Linear (not gamma-coded) reflectance, 255 for the perfect diffuser, at ``PRINT_DPI``.
    picture_corners_in : ndarray of float, shape (K, 4, 2)
        Outer corners (tl, tr, br, bl) of each picture, in inches from the page's top left corner.
    screen : str
        ``"fm"`` or the ruling, as ``"150 lpi"``.
    """

    reflectance: NDArray[np.uint8]
    picture_corners_in: NDArray[np.float64]
    screen: str


@dataclass(frozen=True, slots=True, eq=False)
class _Press:
    """One press run: its inks' screens, gains and registers."""

    tiles: list[NDArray[np.uint8]]
    softness: float
    tone_curves: list[NDArray[np.uint8]]
    shifts_px: NDArray[np.float64]
    screen: str


def print_page(
    pictures: NDArray[np.uint8] | Sequence[NDArray[np.uint8]],
    *,
    dpi: float,
    rng: np.random.Generator,
    k_only: bool = False,
) -> Print:
    """Print one or several pictures on a magazine page with text and unmarked matter around them.

    Parameters
    ----------
    pictures : ndarray of uint8, shape (H, W, 3), or a sequence of them
        sRGB.
    dpi : float
        Their resolution on paper, pixels an inch.
    rng : numpy.random.Generator
        Decides everything that is left to chance.
    k_only : bool, optional
        Print the luminance with black ink alone.

    Returns
    -------
    Print
    """
    hosts = [pictures] if isinstance(pictures, np.ndarray) else list(pictures)
    sizes_in = [(host.shape[1] / dpi, host.shape[0] / dpi) for host in hosts]
    layout = lay_out(sizes_in, rng)
    press = _set_up(rng)
    paper = rng.uniform(*PAPER_TINT[0]) * np.array(
        [rng.uniform(*PAPER_TINT[1]), 1.0, rng.uniform(*PAPER_TINT[2])]
    )
    page = _inked_text(layout, rng)
    for box_in, host in zip(layout.pictures_in, hosts, strict=True):
        _print_picture(page, host, box_in, press, k_only)
    for box_in in layout.others_in:
        _print_picture(page, synthetic_picture(box_in, rng), box_in, press, k_only)
    page = _on_paper(page, paper, rng)
    corners = [((x0, y0), (x1, y0), (x1, y1), (x0, y1)) for x0, y0, x1, y1 in layout.pictures_in]
    return Print(page, np.array(corners, np.float64), press.screen)


def separate(picture: NDArray[np.uint8], *, k_only: bool = False) -> NDArray[np.float32]:
    """Return the paper's ink coverages (C, M, Y, K), shape (4, H, W), that look like an sRGB picture.

    Grey component replacement from the mid tones on; total ink held to ``TOTAL_INK``. The coverages
    are those wanted on paper: dot gain is compensated for on the plate.
    """
    linear = BLACK_POINT + (1.0 - BLACK_POINT) * SRGB_TO_LINEAR[picture]
    target = [np.ascontiguousarray(linear[:, :, channel]) for channel in range(3)]
    k_span = np.float32(1.0 - INK_TRANSMITTANCE[3].mean())
    if k_only:
        luminance = 0.2126 * target[0] + 0.7152 * target[1] + 0.0722 * target[2]
        black = np.clip((1.0 - luminance) / k_span, 0.0, 1.0)
        empty = np.zeros_like(black)
        return np.stack([empty, empty, empty, black])
    lightest = np.maximum(np.maximum(target[0], target[1]), target[2])
    black = np.clip((1.0 - lightest) / k_span, 0.0, 1.0) ** 2 * np.float32(0.95)
    under_black = 1.0 - k_span * black
    coverage = [np.zeros_like(black) for _ in range(3)]
    span = 1.0 - INK_TRANSMITTANCE
    for _ in range(3):  # Gauss-Seidel: side absorptions are small, three rounds settle within a level.
        for ink in range(3):
            first, second = (other for other in range(3) if other != ink)
            others = under_black * (1.0 - span[first, ink] * coverage[first])
            others *= 1.0 - span[second, ink] * coverage[second]
            coverage[ink] = np.clip((1.0 - target[ink] / others) / span[ink, ink], 0.0, 1.0)
    total = coverage[0] + coverage[1] + coverage[2]
    limit = np.minimum(1.0, (TOTAL_INK - black) / np.maximum(total, 1e-3))
    return np.stack([*(ink * limit for ink in coverage), black])


def _set_up(rng: np.random.Generator) -> _Press:
    """Draw a press run."""
    stochastic = rng.random() < FM_SHARE
    ruling = float(rng.choice(RULINGS_LPI))
    softness = FM_SOFTNESS if stochastic else AM_SOFTNESS
    tiles = []
    for angle_deg in SCREEN_ANGLES_DEG:
        tile = fm_screen(rng) if stochastic else am_screen(ruling, angle_deg, PRINT_DPI)
        tiles.append(np.roll(tile, tuple(rng.integers(0, tile.shape[0], 2)), (0, 1)))
    curves = [_tone_curve(rng.uniform(*DOT_GAIN), softness) for _ in SCREEN_ANGLES_DEG]
    shifts = rng.normal(0.0, MISREGISTRATION_MM / 25.4 * PRINT_DPI, (4, 2))
    return _Press(tiles, softness, curves, shifts, "fm" if stochastic else f"{ruling:.0f} lpi")


def _tone_curve(gain: float, softness: float) -> NDArray[np.uint8]:
    """Return the table from the coverage that prepress wants to the plate value that the press inks."""
    plate = np.linspace(0.0, 1.0, 1025)
    nominal = plate + 4.0 * NOMINAL_DOT_GAIN * plate * (1.0 - plate)
    actual = plate + 4.0 * gain * plate * (1.0 - plate)
    wanted = np.linspace(0.0, 1.0, 256)
    printed = np.interp(np.interp(wanted, nominal, plate), plate, actual)
    return np.rint(np.interp(printed * 255.0, np.arange(256), plate_curve(softness))).astype(np.uint8)


def _inked_text(layout: Layout, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the page, relative to its paper, with nothing but its text on it."""
    width, height = (round(side * PRINT_DPI) for side in layout.page_in)
    coverage = np.zeros((height, width), np.uint8)
    set_text(coverage, layout, PRINT_DPI, rng)
    table = np.rint(255.0 - np.arange(256)[:, None] * (1.0 - INK_TRANSMITTANCE[3])).astype(np.uint8)
    inked = [cv2.LUT(coverage, np.ascontiguousarray(table[:, channel])) for channel in range(3)]
    return np.asarray(cv2.merge(inked), np.uint8)


def _print_picture(
    page: NDArray[np.uint8],
    picture: NDArray[np.uint8],
    box_in: tuple[float, float, float, float],
    press: _Press,
    k_only: bool,
) -> None:
    """Screen and ink a picture into its box of the page."""
    bleed = 8  # Raster pixels around the box that misregistered plates may reach.
    x0, y0, x1, y1 = (value * PRINT_DPI for value in box_in)
    left, top = max(int(x0) - bleed, 0), max(int(y0) - bleed, 0)
    right, bottom = min(int(x1) + bleed, page.shape[1]), min(int(y1) + bleed, page.shape[0])
    scale_x, scale_y = (x1 - x0) / picture.shape[1], (y1 - y0) / picture.shape[0]
    plates = np.rint(separate(picture, k_only=k_only) * 255.0).astype(np.uint8)
    area = np.full((bottom - top, right - left, 3), 255, np.uint8)
    channels = list(cv2.split(area))
    for ink in range(4):
        if k_only and ink < 3:
            continue
        dx, dy = press.shifts_px[ink]
        placed = np.array(
            [
                [scale_x, 0.0, x0 - left + dx + scale_x / 2 - 0.5],
                [0.0, scale_y, y0 - top + dy + scale_y / 2 - 0.5],
            ]
        )
        plate = cv2.LUT(plates[ink], press.tone_curves[ink])
        plate = cv2.warpAffine(plate, placed, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
        coverage = screened(plate.astype(np.uint8, copy=False), press.tiles[ink], press.softness)
        for channel in range(3):
            span = 1.0 - float(INK_TRANSMITTANCE[ink, channel])
            table = np.rint(255.0 - span * np.arange(256)).astype(np.uint8)
            inked = cv2.LUT(coverage, table)
            channels[channel] = cv2.multiply(channels[channel], inked, scale=1 / 255)
    under = page[top:bottom, left:right]
    np.copyto(under, cv2.multiply(under, cv2.merge(channels), scale=1 / 255))


def _on_paper(
    page: NDArray[np.uint8], paper: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Give the page its paper's tint and grain."""
    side = 512
    grain = cv2.GaussianBlur(rng.standard_normal((side, side), np.float32), (0, 0), 1.2)
    grain = 1.0 + PAPER_GRAIN * grain / grain.std()
    height, width = page.shape[:2]
    repeats = (-(-height // side), -(-width // side))
    channels = []
    for channel in range(3):
        tile = np.clip(np.rint(grain * paper[channel] * 255.0), 0, 255).astype(np.uint8)
        sheet = np.tile(tile, repeats)[:height, :width]
        channels.append(cv2.multiply(page[:, :, channel], sheet, scale=1 / 255))
    return np.asarray(cv2.merge(channels), np.uint8)
