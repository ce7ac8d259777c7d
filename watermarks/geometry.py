"""Surfaces: where each chip of the tiled plane lies in a photo of a page that may be bent.

Chip coordinates are in luma chips with a tile's corner at the origin; chip (i, j) has its centre at
``(i + 0.5, j + 0.5)``. Pixel coordinates have pixel centres at integers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

# Exponents of the bend's terms: a flat page's homography has taken the constant and linear ones.
_BEND_TERMS = ((2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3))

# Residuals beyond about this many chips are wrong matches, not shape.
_OUTLIER_CHIPS = 0.6

# A perspective term must earn its keep: over the fitted blocks it may change the scale by about 1.
_PERSPECTIVE_RIDGE = 0.3
_BEND_RIDGE = 0.3

# So often are the matches weighed anew: later rounds move a surface by less than a tenth of a chip.
_REWEIGHTINGS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A smooth map from chips to pixels: a bend of the page, then a homography.

    Attributes
    ----------
    tile_to_level : ndarray of float, shape (3, 3)
        Homography from (unbent) chip coordinates to pixels.
    bend : ndarray of float, shape (2, T)
        Coefficients of the polynomial displacement in chips, in x and in y.
    centre_xy, radius : ndarray of float, shape (2,), and float
        Chips that the polynomial's unit coordinates are centred on and scaled by.
    """

    tile_to_level: NDArray[np.float64]
    bend: NDArray[np.float64]
    centre_xy: NDArray[np.float64]
    radius: float

    @staticmethod
    def flat(tile_to_level: NDArray[np.float64]) -> Surface:
        """Return the surface of a flat page's homography, shape (3, 3)."""
        return Surface(tile_to_level, np.zeros((2, len(_BEND_TERMS))), np.zeros(2), 1.0)

    def to_level(self, chips_xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map chip coordinates to pixels, shape (..., 2) both."""
        chips = np.asarray(chips_xy, np.float64)
        if self.bend.any():
            chips = chips + _terms((chips - self.centre_xy) / self.radius) @ self.bend.T
        return _project(self.tile_to_level, np.asarray(chips, np.float64))

    def to_chips(self, level_xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map pixels to chip coordinates, ignoring the bend, shape (..., 2) both."""
        level_to_tile = np.asarray(np.linalg.inv(self.tile_to_level), np.float64)
        return _project(level_to_tile, np.asarray(level_xy, np.float64))

    def px_per_chip(self, chips_xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the local scale, the root of the area that one chip covers, shape (...)."""
        chips = np.asarray(chips_xy, np.float64)
        origin, right, down = (self.to_level(chips + step) for step in ((0, 0), (1, 0), (0, 1)))
        a, b = right - origin, down - origin
        return np.sqrt(np.abs(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]))

    def scaled(self, factor: float) -> Surface:
        """Return the surface in an image `factor` times as large (pixel areas aligned)."""
        half = 0.5 * factor - 0.5
        grow = np.array([[factor, 0, half], [0, factor, half], [0, 0, 1.0]])
        return replace(self, tile_to_level=grow @ self.tile_to_level)

    def turned_back(self, tile_chips: int, near_xy: NDArray[np.float64]) -> Surface:
        """Return the same surface with the chip origin moved by whole tiles to a tile holding `near_xy`."""
        origin = np.floor(near_xy / tile_chips) * tile_chips
        shift = np.array([[1, 0, origin[0]], [0, 1, origin[1]], [0, 0, 1.0]])
        return replace(self, tile_to_level=self.tile_to_level @ shift, centre_xy=self.centre_xy - origin)

    def moved(self, turn: int, offset_xy: NDArray[np.float64]) -> Surface:
        """Return the same surface with every chip u called ``turn * u + offset``, turn being 1 or -1."""
        back = np.array([[turn, 0, -turn * offset_xy[0]], [0, turn, -turn * offset_xy[1]], [0, 0, 1.0]])
        signs = np.array([turn ** (i + j + 1) for i, j in _BEND_TERMS])
        # The bend is an odd or even function of its unit coordinates, and a displacement that turns too.
        return replace(
            self,
            tile_to_level=self.tile_to_level @ back,
            bend=self.bend * signs,
            centre_xy=turn * self.centre_xy + offset_xy,
        )


def fit_surface(
    chips_xy: NDArray[np.float64],
    level_xy: NDArray[np.float64],
    weights: NDArray[np.float64],
    *,
    bent: bool,
) -> Surface:
    """Fit a surface to matched points, robustly.

    Parameters
    ----------
    chips_xy, level_xy : ndarray of float, shape (K, 2), K >= 3
        Chip coordinates and the pixels where they were seen.
    weights : ndarray of float, shape (K,)
        How far to trust each match, relative to the others.
    bent : bool
        Whether to fit the bend as well, not only the homography.

    Notes
    -----
    Iteratively reweighted least squares with Cauchy weights (Holland & Welsch 1977).
    """
    centre = np.average(chips_xy, axis=0, weights=weights)
    radius = float(max(np.abs(chips_xy - centre).max(), 1.0))
    unit = (chips_xy - centre) / radius
    robust = weights.copy()
    for _ in range(_REWEIGHTINGS):
        surface = _flat(unit, level_xy, robust, centre, radius)
        if bent:
            surface = _bend(surface, chips_xy, level_xy, robust)
        chip_px = np.maximum(surface.px_per_chip(chips_xy), 1e-3)
        off = np.minimum(np.linalg.norm(surface.to_level(chips_xy) - level_xy, axis=1) / chip_px, 1e3)
        robust = weights / (1 + (off / _OUTLIER_CHIPS) ** 2)
    return surface


def _flat(
    unit: NDArray[np.float64],
    level_xy: NDArray[np.float64],
    weights: NDArray[np.float64],
    centre: NDArray[np.float64],
    radius: float,
) -> Surface:
    """Fit a homography by weighted linear least squares, its perspective held small."""
    middle = np.average(level_xy, axis=0, weights=weights)
    spread = float(np.sqrt(np.average(np.sum((level_xy - middle) ** 2, axis=1), weights=weights))) + 1e-9
    seen = (level_xy - middle) / spread
    ones, zeros = np.ones(len(unit)), np.zeros((len(unit), 3))
    plain = np.column_stack([unit, ones])
    rows_x = np.hstack([plain, zeros, -unit * seen[:, :1]])
    rows_y = np.hstack([zeros, plain, -unit * seen[:, 1:]])
    root = np.sqrt(np.concatenate([weights, weights]))
    ridge = np.zeros((2, 8))
    ridge[[0, 1], [6, 7]] = _PERSPECTIVE_RIDGE
    design = np.vstack([np.vstack([rows_x, rows_y]) * root[:, None], ridge])
    target = np.concatenate([np.concatenate([seen[:, 0], seen[:, 1]]) * root, [0, 0]])
    h = _least_squares(design, target)
    to_seen = np.append(h, 1.0).reshape(3, 3)
    to_unit = np.array([[1, 0, -centre[0]], [0, 1, -centre[1]], [0, 0, radius]]) / radius
    from_seen = np.array([[spread, 0, middle[0]], [0, spread, middle[1]], [0, 0, 1.0]])
    return Surface(from_seen @ to_seen @ to_unit, np.zeros((2, len(_BEND_TERMS))), centre, radius)


def _bend(
    surface: Surface,
    chips_xy: NDArray[np.float64],
    level_xy: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> Surface:
    """Fit the bend to what a homography leaves over."""
    left = surface.to_chips(level_xy) - chips_xy
    unit = (chips_xy - surface.centre_xy) / surface.radius
    terms = _terms(unit)
    # Constant and linear terms are fitted along, lest the others lean on them, and left to the homography.
    columns = np.hstack([terms, unit, np.ones((len(unit), 1))])
    root = np.sqrt(weights)[:, None]
    ridge = _BEND_RIDGE * np.eye(columns.shape[1])
    design, target = np.vstack([columns * root, ridge]), np.vstack([left * root, np.zeros((len(ridge), 2))])
    coefficients = _least_squares(design, target)
    bend, linear, shift = coefficients[:-3].T, coefficients[-3:-1].T / surface.radius, coefficients[-1]
    affine = np.eye(3)
    affine[:2, :2] += linear
    affine[:2, 2] = shift - linear @ surface.centre_xy
    return replace(surface, tile_to_level=surface.tile_to_level @ affine, bend=bend)


def _least_squares(design: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve a tall system by its normal equations: many times as fast as by its singular values."""
    normal = design.T @ design
    normal[np.diag_indices_from(normal)] += 1e-9 * max(float(np.trace(normal)), 1e-9)
    return np.asarray(np.linalg.solve(normal, design.T @ target), np.float64)


def _terms(unit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the bend's polynomial terms at unit coordinates, shape (..., T)."""
    # Outside the fitted area the polynomial is held at its rim: extrapolated cubes run wild.
    x, y = np.moveaxis(np.clip(unit, -1.25, 1.25), -1, 0)
    return np.stack([x**i * y**j for i, j in _BEND_TERMS], axis=-1)


def _project(homography: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply a homography to points, shape (..., 2)."""
    mapped = points @ homography[:, :2].T + homography[:, 2]
    depth = mapped[..., 2:]
    # Points at or behind the camera's horizon go far away rather than through infinity.
    return np.asarray(mapped[..., :2] / np.where(np.abs(depth) < 1e-9, 1e-9, depth))


def rectify(
    plane: NDArray[np.float32],
    surface: Surface,
    origin: tuple[int, int],
    shape: tuple[int, int],
    pitch: float = 1.0,
    *,
    outside: float = 0.0,
) -> NDArray[np.float32]:
    """Sample a plane at regular steps of a surface.

    Parameters
    ----------
    plane : ndarray of float32
        Plane of a level.
    surface : Surface
        Chips -> pixels of that plane.
    origin : tuple of int
        Column and row, in luma chips, of the first sample's corner.
    shape : tuple of int
        Rows and columns of the result.
    pitch : float, optional
        Luma chips per sample.
    outside : float, optional
        What the result holds outside the plane.
    """
    # The map is smooth: computed every few chips and interpolated between.
    step = 8
    rows, cols = (-(-n // step) + 2 for n in shape)
    at_x = origin[0] + pitch * (0.5 + step * (np.arange(cols) - 0.5))
    at_y = origin[1] + pitch * (0.5 + step * (np.arange(rows) - 0.5))
    coarse = surface.to_level(np.stack(np.meshgrid(at_x, at_y), axis=-1)).astype(np.float32)
    coarse = np.clip(coarse, -30000, 30000)
    fine = cv2.warpAffine(
        coarse,
        np.array([[1 / step, 0, 0.5], [0, 1 / step, 0.5]]),
        (shape[1], shape[0]),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(
        cv2.remap(
            plane,
            fine[..., 0],
            fine[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=outside,
        ),
        np.float32,
    )
