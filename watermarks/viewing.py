"""How a mark that was read was seen: from what angle, and how sharply."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from watermarks.chips import spreading
from watermarks.geometry import Camera, Surface
from watermarks.profiles import Profile
from watermarks.template import lines

# Chips between the points whose lines of sight are compared: wide enough for their difference to be exact.
_STEP_CHIPS = 4.0

# So many chips to either side tell whether the page comes nearer: half of the smallest picture.
_ASIDE_CHIPS = 48.0


def tilt_deg(surface: Surface, at_xy: NDArray[np.float64], shape: tuple[int, ...]) -> float:
    """Return the angle between a camera's axis and the normal of the page at a point, in degrees.

    A patch of paper is seen under so many radians along the tilt and so many across, and their ratio is the
    cosine of the angle between its normal and the line of sight. The normal leans to one of two sides; where
    it leans, the paper looks larger farther along.

    Parameters
    ----------
    surface : Surface
        Chips -> pixels.
    at_xy : ndarray of float, shape (2,)
        The point, in chips.
    shape : tuple of int
        Rows and columns of the photo in the surface's pixels; a phone's main camera took it uncropped.

    Returns
    -------
    float
        In [0, 90]. Good to some degrees; below 10, foreshortening hardly tells.
    """
    sight, apart = _lines_of_sight(surface, at_xy, shape)
    along, angles, chips = np.linalg.svd(apart, full_matrices=False)
    cosine = float(np.clip(angles[1] / max(float(angles[0]), 1e-12), 0, 1))
    nearer, farther = (
        np.prod(np.linalg.svd(_lines_of_sight(surface, at_xy + step, shape)[1], compute_uv=False))
        for step in (_ASIDE_CHIPS * chips[1], -_ASIDE_CHIPS * chips[1])
    )
    lean = np.sqrt(1 - cosine**2) * (1 if nearer > farther else -1)
    normal = cosine * sight + lean * along[:, 1]
    return float(np.degrees(np.arccos(np.clip(abs(normal[2]), 0, 1))))


def _lines_of_sight(
    surface: Surface, at_xy: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the line of sight to a point, shape (3,), and its change a chip right and down, (3, 2)."""
    steps = 0.5 * _STEP_CHIPS * np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]])
    camera = Camera.of(shape)
    seen = (surface.to_level(at_xy + steps) - camera.centre_xy) / camera.focal_px
    rays = np.column_stack([seen, np.ones(len(seen))])
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    return rays[0], (rays[1::2] - rays[2::2]).T / _STEP_CHIPS


def sharpness(
    spectrum: NDArray[np.complex128], coded_bits: NDArray[np.uint8], key: bytes, profile: Profile
) -> float:
    """Return how much of the message's contrast its fine half has kept, over what its coarse half has.

    The message is known once it is decoded, so its contrast at any frequency is a correlation.

    Parameters
    ----------
    spectrum : ndarray of complex, shape (N, N)
        The transform of the folded tile, in place.
    coded_bits : ndarray of uint8
        What was decoded.
    key : bytes
        The watermark key.
    profile : Profile

    Returns
    -------
    float
        0 and up, 1 for a mark as sharp as its file, about 0.5 where a Gaussian blur's sigma is 0.8 chips.
        Up to 1.3 in a picture that is coarse itself, as whitening lifts what it lacks. Good to a sixth or so
        at the weakest signal that decodes.
    """
    side = profile.tile_chips
    cycles = np.fft.fftfreq(side, 1 / side)
    radius = np.hypot(cycles[:, None], cycles[None, :])
    chips = spreading(key, profile, len(coded_bits)).spread(coded_bits)
    expected = scipy.fft.fft2(chips.astype(np.float64)) * profile.message_gain(radius)
    at = lines(profile).cycles_xy
    expected[at[:, 1] % side, at[:, 0] % side] = expected[-at[:, 1] % side, -at[:, 0] % side] = 0
    low, high = profile.message_band
    between = np.sqrt(low * high)
    coarse, fine = (
        _contrast(spectrum[band], expected[band])
        for band in ((radius >= low) & (radius < between), (radius >= between) & (radius < high))
    )
    return max(fine, 0.0) / max(coarse, 1e-9)


def _contrast(seen: NDArray[np.complex128], expected: NDArray[np.complex128]) -> float:
    """Return the factor of what was expected that is closest to what is seen."""
    return float(np.vdot(expected, seen).real / (np.vdot(expected, expected).real + 1e-30))
