"""Published parameter sets of the mark.

A profile is a promise to paper: once a version is published it is never edited, the next one is
added. Version 0 is a draft, free to change until version 1 freezes the format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Layer:
    """One of the mark's two signals, in luma or in blue-yellow.

    Attributes
    ----------
    chip_pitch : int
        The side of one of the layer's chips, in luma chips (1 or 2).
    template_lines : int
        How many sinusoids the layer's template has.
    template_radii : tuple of float
        Least and greatest spatial frequency of the template, in cycles per tile.
    template_share : float
        The template's share of the layer's energy, in (0, 1); the message has the rest.
    message_band : tuple of float
        Least and greatest spatial frequency of the message, in cycles per tile: below, the host is
        strongest; above, a photo from afar keeps nothing.
    amplitude : float
        RMS amplitude over a flat mid-grey at strength 1, in 8-bit levels.
    masking : float
        What local activity adds to the amplitude, in levels per level of activity.
    """

    chip_pitch: int
    template_lines: int
    template_radii: tuple[float, float]
    template_share: float
    message_band: tuple[float, float]
    amplitude: float
    masking: float

    def message_gain(self, radius: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the message's gain at radii in cycles per tile: the power of a Butterworth band-pass."""
        low, high = self.message_band
        return 1 / (1 + (low / np.maximum(radius, 0.5)) ** 6) / (1 + (radius / high) ** 6)


@dataclass(frozen=True, slots=True)
class Profile:
    """A version of the format.

    Attributes
    ----------
    version : int
        The 4-bit number that every payload carries.
    chips_per_inch : float
        Luma chips per inch of paper.
    tile_chips : int
        The side of the square tile, in luma chips; tiles repeat over the picture.
    luma, chroma : Layer
        The two signals.
    """

    version: int
    chips_per_inch: float
    tile_chips: int
    luma: Layer
    chroma: Layer

    @property
    def layers(self) -> tuple[Layer, Layer]:
        """Luma and chroma, in the order in which all code keeps them."""
        return self.luma, self.chroma


# 50 chips per inch put the template's lines at 3.5 to 12.5 cycles per inch and the message at 3 to 16, where
# a photo of 70 pixels per inch of paper still has them after blur and JPEG. The blue-yellow chips are
# twice as wide, as camera and JPEG keep half the resolution in colour.
DRAFT_0 = Profile(
    version=0,
    chips_per_inch=50.0,
    tile_chips=128,
    luma=Layer(
        chip_pitch=1,
        template_lines=14,
        template_radii=(12.0, 32.0),
        template_share=0.6,
        message_band=(13.0, 42.0),
        amplitude=0.86,
        masking=0.083,
    ),
    chroma=Layer(
        chip_pitch=2,
        template_lines=10,
        template_radii=(9.0, 26.0),
        template_share=0.6,
        message_band=(7.5, 28.0),
        amplitude=2.05,
        masking=0.155,
    ),
)

PROFILES: Mapping[int, Profile] = MappingProxyType({DRAFT_0.version: DRAFT_0})
"""Every profile that a reader still reads, by version."""
