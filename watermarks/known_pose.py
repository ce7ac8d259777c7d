"""Simulated capture + its own truth -> registration: what a reader would measure that knew the pose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from watermarks.channel_camera import Capture
from watermarks.geometry import Camera, fit_surface
from watermarks.profiles import Profile
from watermarks.registration import Registration, registered
from watermarks.whitening import Level, level, luma_of

# Points each way at which the simulation is asked where the paper is: enough for the bend of a page.
_POINTS = 24

# What the simulation says is good to a tenth of a chip: one over its variance.
_SURE = 100.0

# Points in view that a surface is fitted to at the least.
_LEAST_IN_VIEW = 12

# Search-plane pixels a chip that a level should have at the least: what the search itself asks for, and some.
_PX_PER_CHIP = 0.67


def register_known(
    capture: Capture, corner_in: NDArray[np.float64], size_in: NDArray[np.float64], profile: Profile
) -> tuple[Level, Registration] | None:
    """Return the level that shows a picture's mark well, and the picture's registration in it.

    Parameters
    ----------
    capture : Capture
        A simulated photo.
    corner_in, size_in : ndarray of float, shape (2,)
        The picture's top left corner on the page, and its width and height, in inches.
    profile : Profile

    Returns
    -------
    tuple of Level and Registration, or None
        None if hardly any of the picture is in view. Chips count from the picture's top left corner.
    """
    chips_per_inch = profile.chips_per_inch
    search_scale = max(1, 2 ** int(np.log2(capture.page_px_per_inch / chips_per_inch / _PX_PER_CHIP)))
    found = level(luma_of(capture.image), search_scale)
    across, down = (np.linspace(0, side, _POINTS) for side in size_in)
    at_in = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
    seen = (capture.to_photo(at_in + corner_in) + 0.5) / search_scale - 0.5
    height, width = found.search_plane.shape
    inside = ((seen > 0) & (seen < (width, height))).all(axis=1)
    if inside.sum() < _LEAST_IN_VIEW:
        return None
    weights = np.full(inside.sum(), _SURE)
    camera = Camera.of(found.search_plane.shape)
    surface = fit_surface(at_in[inside] * chips_per_inch, seen[inside], weights, camera)
    box = np.array([[0, 0], size_in * chips_per_inch])
    return found, registered(found, surface, box, profile)
