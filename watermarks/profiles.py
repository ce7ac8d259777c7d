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
class Profile:
    """A version of the format.

    Attributes
    ----------
    version : int
        The 4-bit number that every payload carries.
    chips_per_inch : float
        Chips per inch of paper.
    tile_chips : int
        The side of the square tile, in chips; tiles repeat over the picture.
    template_lines : int
        How many sinusoids the template has.
    template_radii : tuple of float
        Least and greatest spatial frequency of the template, in cycles per tile.
    template_share : float
        The template's share of the mark's energy, in (0, 1); the message has the rest.
    message_band : tuple of float
        Least and greatest spatial frequency of the message, in cycles per tile: below, the host is
        strongest; above, a photo from afar keeps nothing.
    delta_e : float
        RMS colour difference at strength 1 that an eye at 40 cm sees (S-CIELAB, in Delta E*ab), in a place
        of `REFERENCE_ACTIVITY`.
    masking : float
        The exponent with which the amplitude grows with local activity: 0 would mark a sky as strongly as
        foliage.
    """

    version: int
    chips_per_inch: float
    tile_chips: int
    template_lines: int
    template_radii: tuple[float, float]
    template_share: float
    message_band: tuple[float, float]
    delta_e: float
    masking: float

    def message_gain(self, radius: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the message's gain at radii in cycles per tile: the power of a Butterworth band-pass."""
        low, high = self.message_band
        return 1 / (1 + (low / np.maximum(radius, 0.5)) ** 6) / (1 + (radius / high) ** 8)


# 75 chips per inch make tiles of 1.71 in, so that the smallest pictures hold a whole one. The template's
# lines lie at 14 to 21 cycles per inch: coarser ones drown in busy pictures, finer ones smear under
# perspective and are lost to a photo of 65 pixels per inch. Six, and not more, because a reader finds them by
# their power before it knows their phases, and then every further line adds its noise. With 45 % of energy
# they are found about where the message decodes. The message lies at 11 to 28 cycles per inch: there a
# typical photo keeps more of a unit of energy than below, as a picture has less of its own, a hard one as
# much, and the eye sees less of it.
DRAFT_0 = Profile(
    version=0,
    chips_per_inch=75.0,
    tile_chips=128,
    template_lines=6,
    template_radii=(24.0, 36.0),
    template_share=0.45,
    message_band=(18.0, 48.0),
    delta_e=0.42,
    masking=0.1,
)

PROFILES: Mapping[int, Profile] = MappingProxyType({DRAFT_0.version: DRAFT_0})
"""Every profile that a reader still reads, by version."""
