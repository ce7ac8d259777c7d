"""The named conditions of the print-and-photograph simulation: ranges, each with its unit and reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

Range: TypeAlias = tuple[float, float]
"""The lowest and the highest value; a photo draws uniformly between them."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a print and a photo of it may be like; every ``Range`` is drawn from uniformly.

    Attributes
    ----------
    name : str
        The condition's own name.
    frames_px : tuple of (int, int)
        Photo sizes as (long side, short side), drawn with equal chance; portrait half the time.
    tilt_deg : Range
        Angle between the optical axis and the page's normal. Its direction is always free, as is
        the roll: people turn magazines and phones alike.
    fill : Range
        Share of the frame (the tighter of width and height) that the aimed-at picture's bounding
        box takes. A phone can't focus nearer than ``NEAREST_FOCUS_IN``, which wins over it.
    cropped_chance : float
        How often the frame cuts the picture, in [0, 1].
    cropped_share : Range
        Share of the picture's area out of the frame when it is cut.
    curl_deg_per_in : Range
        The page's bend: how far its normal turns over an inch of paper. 2 is a page that lies
        open, 10 one held in the hand.
    lens_k1 : Range
        Residual radial distortion, relative shift at the frame's half diagonal. Phones correct
        their lenses in the ISP down to about one per cent.
    lux : Range
        Illuminance on the page, drawn log-uniformly. A lamp-lit evening room 12-120, an office
        300-500, a window seat 800 and more.
    light_gradient : Range
        How much darker the far side of the frame is lit, as a share of the near side's light.
    shadow_chance : float
        How often the phone or a hand throws a soft shadow's edge over the page.
    glare_chance : float
        How often coated paper mirrors a lamp into the lens.
    glare : Range
        Peak of that reflection, in units of lit paper white (1 doubles it: clipped).
    defocus_px : Range
        Gaussian sigma of lens and focus error at the sharpest depth, in sensor pixels.
    defocus_gain : Range
        How much sigma grows from the nearest to the farthest paper or back, in sensor pixels: the
        focal plane meets a tilted page in a line only.
    motion_px : Range
        Length of the hand's movement during the exposure, in sensor pixels.
    jpeg_quality : Range
        Of the file that leaves the phone, 4:2:0: camera apps write 90 and above, messengers and
        upload libraries 60-85.
    """

    name: str
    frames_px: tuple[tuple[int, int], ...]
    tilt_deg: Range
    fill: Range
    cropped_chance: float
    cropped_share: Range
    curl_deg_per_in: Range
    lens_k1: Range
    lux: Range
    light_gradient: Range
    shadow_chance: float
    glare_chance: float
    glare: Range
    defocus_px: Range
    defocus_gain: Range
    motion_px: Range
    jpeg_quality: Range


EASY = Condition(
    name="easy",
    frames_px=((1920, 1440), (2560, 1920), (4000, 3000)),
    tilt_deg=(0.0, 12.0),
    fill=(0.75, 0.97),
    cropped_chance=0.0,
    cropped_share=(0.0, 0.0),
    curl_deg_per_in=(0.0, 0.6),
    lens_k1=(-0.004, 0.004),
    lux=(500.0, 2000.0),
    light_gradient=(0.0, 0.15),
    shadow_chance=0.0,
    glare_chance=0.0,
    glare=(0.0, 0.0),
    defocus_px=(0.3, 0.6),
    defocus_gain=(0.0, 0.2),
    motion_px=(0.0, 0.5),
    jpeg_quality=(88.0, 95.0),
)

TYPICAL = Condition(
    name="typical",
    frames_px=((1920, 1080), (1920, 1080), (2560, 1920), (4032, 3024)),
    tilt_deg=(10.0, 35.0),
    fill=(0.45, 0.95),
    cropped_chance=0.25,
    cropped_share=(0.0, 0.10),
    curl_deg_per_in=(0.0, 3.0),
    lens_k1=(-0.01, 0.01),
    lux=(100.0, 800.0),
    light_gradient=(0.05, 0.4),
    shadow_chance=0.15,
    glare_chance=0.3,
    glare=(0.05, 0.4),
    defocus_px=(0.3, 0.9),
    defocus_gain=(0.0, 0.4),
    motion_px=(0.0, 1.5),
    jpeg_quality=(75.0, 92.0),
)

HARD = Condition(
    name="hard",
    frames_px=((1280, 720), (1920, 1080)),
    tilt_deg=(35.0, 55.0),
    fill=(0.6, 1.0),
    cropped_chance=0.6,
    cropped_share=(0.05, 0.5),
    curl_deg_per_in=(3.0, 8.0),
    lens_k1=(-0.015, 0.015),
    lux=(12.0, 120.0),
    light_gradient=(0.2, 0.6),
    shadow_chance=0.3,
    glare_chance=0.6,
    glare=(0.15, 1.2),
    defocus_px=(0.4, 1.0),
    defocus_gain=(0.0, 0.8),
    motion_px=(0.0, 2.5),
    jpeg_quality=(60.0, 88.0),
)

CONDITIONS: Mapping[str, Condition] = MappingProxyType({c.name: c for c in (EASY, TYPICAL, HARD)})
"""The conditions by name: ``easy``, ``typical`` and ``hard``."""
