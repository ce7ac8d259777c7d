"""The synchronisation template: a sum of sinusoids that tells where, how large and how turned.

The template is a set of spectral lines at whole cycles per tile, so that it repeats
with the tile (self-reference by spectral peaks: Pereira & Pun 2000, doi:10.1109/83.846253). It does not
depend on the key: a reader with the wrong key still finds the pose, and can say so.

Line i of n lies at the angle ``pi frac(0.1 + i g)`` with g the golden ratio's fraction, and at a
radius spread evenly over the ring by the plastic number's fraction, rounded to whole cycles; its
phase is ``2 pi frac(i^2 g)``. The low-discrepancy sequences (Roberts 2018) keep lines apart, leave no
mirror or turn that maps the set onto itself, and need no table.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from watermarks.profiles import Profile

_GOLDEN = 0.6180339887498949
_PLASTIC = 0.7548776662466927

# Of half a circle. It keeps lines off the axes and off multiples of small fractions of an inch both ways,
# where digital screens repeat and add lines of their own.
_FIRST_TURN = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """The spectral lines of a template.

    Attributes
    ----------
    cycles_xy : ndarray of int, shape (K, 2)
        Frequencies in cycles per tile; the mirror images at minus these are implied.
    phases : ndarray of float, shape (K,)
        Phases of the cosines in radians.
    """

    cycles_xy: NDArray[np.int64]
    phases: NDArray[np.float64]


@cache
def lines(profile: Profile) -> Lines:
    """Return the spectral lines of a profile's template."""
    low, high = profile.template_radii
    chosen: dict[tuple[int, int], float] = {}
    i = 0
    while len(chosen) < profile.template_lines:
        angle = np.pi * ((_FIRST_TURN + i * _GOLDEN) % 1.0)
        radius = low + (high - low) * ((0.5 + i * _PLASTIC) % 1.0)
        line = (round(radius * np.cos(angle)), round(radius * np.sin(angle)))
        chosen.setdefault(line, 2 * np.pi * ((i * i * _GOLDEN) % 1.0))
        i += 1
    return Lines(np.array(list(chosen), np.int64), np.array(list(chosen.values())))


@cache
def template_tile(profile: Profile, samples: int) -> NDArray[np.float32]:
    """Return one tile of the template at unit variance, shape (samples, samples).

    Sample (r, c) lies at tile coordinates ``(c + 0.5) / samples, (r + 0.5) / samples``.
    """
    found = lines(profile)
    at = (np.arange(samples) + 0.5) / samples
    argument = (
        2
        * np.pi
        * (
            found.cycles_xy[:, 0, None, None] * at[None, None, :]
            + found.cycles_xy[:, 1, None, None] * at[None, :, None]
        )
    )
    tile = np.cos(argument + found.phases[:, None, None]).sum(axis=0)
    return np.asarray(tile * np.sqrt(2 / len(found.phases)), np.float32)
