"""A screen that shows a file, as the camera simulation takes it: stripes of red, green and blue that shine.

The model is small: an LCD's regular RGB stripes with black between them, its contrast, a plain surface round
the picture. No backlight flicker, no viewing-angle colour, no scaling artefacts but averaging.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import cv2
import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from benchmarks.patching import patched
from watermarks import channel_camera, channel_sensor
from watermarks.channel import Condition, Print
from watermarks.channel_pose import Pose
from watermarks.channel_press import PRINT_DPI
from watermarks.perception import SRGB_TO_LINEAR

STRIPE = (0.27, 0.86)
"""Width and height of a subpixel in pixels: the black matrix takes the rest of its third."""
BLACK = 0.004
"""What a black pixel shines and mirrors, in units of white: 1000:1, and some of the room."""
SURROUND = 60
"""sRGB grey of the viewer's window round the picture ..."""
MARGIN_IN = 0.8
"""... and how wide that is."""
ROOM = 0.3
"""How brightly what lies round the screen is lit, in units of a printed page's light."""


@dataclass(frozen=True, slots=True)
class Screen:
    """A screen's pixels an inch, and how wide it shows a file."""

    ppi: float
    width_in: float


def show(picture: NDArray[np.uint8], screen: Screen, rng: np.random.Generator) -> Print:
    """Return what a screen shows as the page that :func:`~watermarks.channel.photograph` takes.

    Parameters
    ----------
    picture : ndarray of uint8, shape (H, W, 3)
        sRGB, averaged or interpolated to the screen's pixels.
    screen : Screen
    rng : numpy.random.Generator
        Dithers: the page is 8-bit and linear, too coarse for a screen's darks.

    Returns
    -------
    Print
        Full white is a reflectance of 1 within a stripe, and far less on average: see :func:`metered`.
    """
    width_px = round(screen.width_in * screen.ppi)
    height_px = round(picture.shape[0] * width_px / picture.shape[1])
    how = cv2.INTER_AREA if width_px < picture.shape[1] else cv2.INTER_CUBIC
    margin_px = round(MARGIN_IN * screen.ppi)
    shown = np.full((height_px + 2 * margin_px, width_px + 2 * margin_px, 3), SURROUND, np.uint8)
    resized = cv2.resize(picture, (width_px, height_px), interpolation=how)
    shown[margin_px : margin_px + height_px, margin_px : margin_px + width_px] = resized
    light = BLACK + (1 - BLACK) * SRGB_TO_LINEAR[shown]
    wide, high = STRIPE
    down = _apertures(len(shown), screen.ppi, (0.5 - high / 2, 0.5 + high / 2))
    page = np.empty((down.shape[0], round(shown.shape[1] * PRINT_DPI / screen.ppi), 3), np.uint8)
    for channel in range(3):
        middle = (channel + 0.5) / 3
        across = _apertures(shown.shape[1], screen.ppi, (middle - wide / 2, middle + wide / 2))
        plane = down @ (across @ light[:, :, channel].T).T
        page[:, :, channel] = np.clip(255 * plane + rng.random(plane.shape, np.float32), 0, 255)
    left, top = margin_px / screen.ppi, margin_px / screen.ppi
    right, bottom = left + width_px / screen.ppi, top + height_px / screen.ppi
    corners = np.array([[(left, top), (right, top), (right, bottom), (left, bottom)]], np.float64)
    return Print(page, corners, f"{screen.ppi:g} ppi")


@contextmanager
def metered() -> Iterator[None]:
    """Have the camera expose for a screen's white, darker than its stripes and brighter than the room."""
    brighter = 0.85 / (STRIPE[0] * STRIPE[1])
    low, high = channel_sensor.EXPOSURE
    table = channel_camera._table

    def dim_table(pose: Pose, rng: np.random.Generator) -> NDArray[np.uint16]:
        return np.asarray(table(pose, rng) * (ROOM / brighter), np.uint16)

    exposed = patched(channel_sensor, EXPOSURE=(low * brighter, high * brighter))
    with exposed, patched(channel_camera, _table=dim_table):
        yield


def before_screen(condition: Condition) -> Condition:
    """Return a condition for a screen: flat, lit by nothing but itself, a window seat's brightness."""
    dimmer = STRIPE[0] * STRIPE[1]
    return replace(
        condition,
        curl_deg_per_in=(0.0, 0.0),
        light_gradient=(0.0, 0.0),
        shadow_chance=0.0,
        glare=(condition.glare[0] * dimmer, condition.glare[1] * dimmer),  # It is measured by paper white.
        lux=(
            400.0,
            1000.0,
        ),  # Paper in this light is as bright as screens of 110 to 270 candela a square metre.
    )


def _apertures(pixels: int, ppi: float, opening: tuple[float, float]) -> scipy.sparse.csr_array:
    """Return the share of each raster cell that each pixel's opening covers, shape (cells, pixels)."""
    cells = round(pixels * PRINT_DPI / ppi)
    edges = np.arange(cells + 1) * ppi / PRINT_DPI  # In pixels.
    first = np.floor(edges[:-1]).astype(int)
    rows, columns, shares = [], [], []
    for pixel in (first, first + 1):  # A cell is smaller than a pixel: it lies in two at most.
        low, high = np.maximum(edges[:-1], pixel + opening[0]), np.minimum(edges[1:], pixel + opening[1])
        share = np.maximum(high - low, 0.0) * PRINT_DPI / ppi
        inside = (pixel < pixels) & (share > 0)
        rows.append(np.flatnonzero(inside))
        columns.append(pixel[inside])
        shares.append(share[inside])
    where = np.concatenate(rows), np.concatenate(columns)
    return scipy.sparse.csr_array((np.concatenate(shares), where), shape=(cells, pixels), dtype=np.float32)
