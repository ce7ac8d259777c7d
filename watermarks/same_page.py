"""Read picture -> others beside it: all marks of a page lie on one grid of chips, each moved in its own way.

The surface of a picture that was read goes on over its page. Blocks of it that show the template's lines, in
whatever phase, belong to another picture; their phases tell how it lies in the tile.
"""

from __future__ import annotations

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from watermarks.blocks import LEAST_BLOCKS, block_centres, block_grid, patches
from watermarks.geometry import Surface
from watermarks.pose_search import agreement
from watermarks.profiles import Profile
from watermarks.registration import Registration, demodulated, register_near
from watermarks.template import lines
from watermarks.whitening import Level

# The mean power of a block's lines over noise, itself the mean over a block and its neighbours, above which
# it shows a mark.
_SHOWN_POWER = 1.6

# A page is looked at so many chips around: a letter sheet with a picture in its corner.
_REACH_CHIPS = 800


def beside(
    level: Level, surface: Surface, near_xy: NDArray[np.float64], profile: Profile
) -> Registration | None:
    """Return the clearest other mark that a level shows on the page of a known one, or None.

    Parameters
    ----------
    level : Level
        Without what is known already.
    surface : Surface
        Chips -> pixels of the level, of the mark that is known.
    near_xy : ndarray of float, shape (2,)
        The known mark's middle, in chips.
    profile : Profile
    """
    to_search = surface.scaled(1 / level.search_shrink)
    height, width = level.search_plane.shape
    ends = to_search.to_chips(np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64))
    reach = np.array([near_xy - _REACH_CHIPS, near_xy + _REACH_CHIPS])
    box = np.clip([ends.min(axis=0), ends.max(axis=0)], *reach)
    origin, counts = block_grid(box)
    values, noise = demodulated(level, to_search, origin, counts, profile)
    power = scipy.ndimage.uniform_filter((np.abs(values) ** 2 / noise).mean(axis=0), 3, mode="constant")
    shown = patches(power > _SHOWN_POWER, LEAST_BLOCKS)
    if not shown.any():
        return None
    row, col = np.unravel_index(int(np.where(shown, power, 0).argmax()), power.shape)
    agreed = agreement(lines(profile).cycles_xy, values[:, row, col])
    down, right = np.unravel_index(int(agreed.argmax()), agreed.shape)
    offset = profile.tile_chips / len(agreed) * np.array([right, down])
    at = block_centres(origin, counts)[row, col]
    return register_near(level, to_search.moved(1, offset), at + offset, profile)
