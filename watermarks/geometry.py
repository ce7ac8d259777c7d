"""Surfaces: where each chip of the tiled plane lies in a photo of a page that may be bent.

Chip coordinates are in chips with a tile's corner at the origin; chip (i, j) has its centre at
``(i + 0.5, j + 0.5)``. Pixel coordinates have pixel centres at integers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

# Residuals beyond about this many chips are wrong matches, not shape.
_OUTLIER_CHIPS = 0.6

# So often are the matches weighed anew: later rounds move a surface by less than a tenth of a chip.
_REWEIGHTINGS = 5

# What is known of pages and phones before the first match, as standard deviations. How far the page's two
# directions may seem from square and from equally long: a focal length that is off by a tenth does that. The
# page's bend, in radians a chip: 6 degrees an inch. The radial distortion that a phone leaves, at half the
# image's diagonal. The change of depth over the matches, as a share.
_SQUARE = 0.1
_BEND = 1.5e-3
_DISTORTION = 0.01
_PERSPECTIVE = 0.5

# A first guess's perspective must earn its keep: a ridge, over the weights of the matches.
_FIRST_PERSPECTIVE = 0.3

# A phone's main camera is a 24 to 28 mm equivalent: focal length over the frame's long side.
FOCAL_RATIO = 0.75

# Beyond this slope, in radians, a page is taken to go on straight, and beyond this shift a lens's distortion
# not to grow: what is fitted is near, and would run wild far away.
_STEEPEST = 1.0
_MOST_DISTORTED = 0.1

_HOMOGRAPHY, _CURVATURE, _LENS = slice(0, 8), slice(8, 11), 11  # of a fit's unknowns
_UNKNOWNS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """What an image tells of the camera that took it.

    Attributes
    ----------
    focal_px : float
    centre_xy : ndarray of float, shape (2,)
        The principal point, in pixels.
    half_diagonal_px : float
    """

    focal_px: float
    centre_xy: NDArray[np.float64]
    half_diagonal_px: float

    @staticmethod
    def of(shape: tuple[int, ...]) -> Camera:
        """Return a phone's main camera that took an image of a shape (H, W), uncropped."""
        height, width = shape[:2]
        middle = np.array([(width - 1) / 2, (height - 1) / 2])
        return Camera(FOCAL_RATIO * max(height, width), middle, float(np.hypot(height, width)) / 2)


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A smooth map from chips to pixels: a bent page before a camera.

    Attributes
    ----------
    tile_to_level : ndarray of float, shape (3, 3)
        Homography, chips of the plane that touches the page at `centre_xy` -> pixels.
    normal : ndarray of float, shape (3,)
        What a chip's height above that plane adds to the homography's result.
    curvature : ndarray of float, shape (2, 2)
        The page's curvature, symmetric, in radians a chip; a page that bends one way has rank 1.
    centre_xy : ndarray of float, shape (2,)
        In chips.
    distortion : float
        The lens's radial distortion, as a share, per square pixel from `lens_xy`.
    lens_xy : ndarray of float, shape (2,)
        The principal point, in pixels.
    """

    tile_to_level: NDArray[np.float64]
    normal: NDArray[np.float64]
    curvature: NDArray[np.float64]
    centre_xy: NDArray[np.float64]
    distortion: float
    lens_xy: NDArray[np.float64]

    @staticmethod
    def flat(tile_to_level: NDArray[np.float64]) -> Surface:
        """Return the surface of a flat page's homography, shape (3, 3)."""
        return Surface(tile_to_level, np.zeros(3), np.zeros((2, 2)), np.zeros(2), 0.0, np.zeros(2))

    def to_level(self, chips_xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map chip coordinates to pixels, shape (..., 2) both."""
        chips = np.asarray(chips_xy, np.float64)
        seen = self.tile_to_level @ moved_by(*self.centre_xy)
        away = chips.reshape(-1, 2) - self.centre_xy
        ideal = _seen(away, seen, self.normal, self.curvature)
        return _distorted(ideal - self.lens_xy, self.distortion).reshape(chips.shape) + self.lens_xy

    def to_chips(self, level_xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map pixels to chip coordinates, ignoring bend and distortion, shape (..., 2) both."""
        level_to_tile = np.asarray(np.linalg.inv(self.tile_to_level), np.float64)
        mapped = np.asarray(level_xy, np.float64) @ level_to_tile[:, :2].T + level_to_tile[:, 2]
        return _over_depth(mapped)

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
        return replace(
            self,
            tile_to_level=grow @ self.tile_to_level,
            normal=grow @ self.normal,
            distortion=self.distortion / factor**2,
            lens_xy=factor * self.lens_xy + half,
        )

    def turned_back(self, tile_chips: int, near_xy: NDArray[np.float64]) -> Surface:
        """Return the same surface with the chip origin moved by whole tiles to a tile holding `near_xy`."""
        return self.moved(1, -tile_chips * np.floor(near_xy / tile_chips))

    def moved(self, turn: int, offset_xy: NDArray[np.float64]) -> Surface:
        """Return the same surface with every chip u called ``turn * u + offset``, turn being 1 or -1."""
        back = turn * np.eye(3)
        back[:2, 2], back[2, 2] = -turn * offset_xy, 1
        # A half turn leaves the curvature, a quadratic form, as it is.
        return replace(
            self, tile_to_level=self.tile_to_level @ back, centre_xy=turn * self.centre_xy + offset_xy
        )


def fit_surface(
    chips_xy: NDArray[np.float64],
    level_xy: NDArray[np.float64],
    weights: NDArray[np.float64],
    camera: Camera,
) -> Surface:
    """Fit a bent page to matched points, robustly.

    Parameters
    ----------
    chips_xy, level_xy : ndarray of float, shape (K, 2), K >= 3
        Chip coordinates and the pixels where they were seen.
    weights : ndarray of float, shape (K,)
        One over each match's variance, in chips.
    camera : Camera
        What the page is seen by.

    Notes
    -----
    A page before a pinhole camera has few unknowns: a homography whose directions are those of a square, a
    curvature, and the lens's distortion (as in Liang, DeMenthon & Doermann 2008,
    doi:10.1109/TPAMI.2007.70724, who unroll pages as developable surfaces). Priors hold back what the matches
    don't tell, so that a few blocks make a nearly flat page, and what is fitted may be followed farther out
    than free polynomials.
    Gauss-Newton steps, iteratively reweighted with Cauchy weights (Holland & Welsch 1977).
    """
    centre = np.average(chips_xy, axis=0, weights=weights)
    radius = float(max(np.abs(chips_xy - centre).max(), 1.0))
    unit = (chips_xy - centre) / radius
    rays = (level_xy - camera.centre_xy) / camera.focal_px
    page = _Page(radius, camera)
    values = np.concatenate([_homography(unit, rays, weights), np.zeros(_UNKNOWNS - 8)])
    for _ in range(_REWEIGHTINGS):
        values = page.stepped(values, unit, rays, weights)
    return page.surface(values, centre)


@dataclass(frozen=True, slots=True, eq=False)
class _Page:
    """What turns a fit's unknowns into a page: in focal lengths of the camera and radii of the matches."""

    radius: float
    camera: Camera

    def parts(
        self, values: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return homographies, normals, curvatures and distortions of unknowns, shape (..., 12)."""
        ones = np.ones((*values.shape[:-1], 1))
        homography = np.concatenate([values[..., _HOMOGRAPHY], ones], axis=-1)
        homography = homography.reshape(*values.shape[:-1], 3, 3)
        one, other = homography[..., 0], homography[..., 1]
        lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1) + 1e-30
        normal = np.cross(one, other) / np.sqrt(lengths)[..., None]
        xx, xy, yy = np.moveaxis(_BEND * self.radius * values[..., _CURVATURE], -1, 0)
        curvature = np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -1)
        half_diagonal = self.camera.half_diagonal_px / self.camera.focal_px
        return homography, normal, curvature, _DISTORTION / half_diagonal**2 * values[..., _LENS]

    def seen(self, values: NDArray[np.float64], unit: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where points are seen, shape (..., K, 2), for unknowns of shape (..., 12)."""
        homography, normal, curvature, distortion = self.parts(values)
        return _distorted(_seen(unit, homography, normal, curvature), distortion[..., None, None])

    def stepped(
        self,
        values: NDArray[np.float64],
        unit: NDArray[np.float64],
        rays: NDArray[np.float64],
        weights: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Take a Gauss-Newton step."""
        chip = 1 / self.radius
        steps_xy = np.array([[0, 0], [chip, 0], [0, chip]])
        around = self.seen(values, (steps_xy[:, None] + unit).reshape(-1, 2))
        here, right, down = around.reshape(3, -1, 2)
        a, b = right - here, down - here
        ray_per_chip = np.sqrt(np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])) + 1e-9
        off = np.minimum(np.linalg.norm(here - rays, axis=1) / ray_per_chip, 1e3)
        per_ray = np.sqrt(weights / (1 + (off / _OUTLIER_CHIPS) ** 2)) / ray_per_chip

        def residuals(tried: NDArray[np.float64]) -> NDArray[np.float64]:
            matches = (self.seen(tried, unit) - rays) * per_ray[:, None]
            one, other = tried[..., [0, 3, 6]], tried[..., [1, 4, 7]]
            lengths = [np.linalg.norm(each, axis=-1) + 1e-15 for each in (one, other)]
            cosine = (one * other).sum(axis=-1) / (lengths[0] * lengths[1])
            square = np.stack([cosine, np.log(lengths[0] / lengths[1])], axis=-1) / _SQUARE
            known = [square, tried[..., 6:8] / _PERSPECTIVE, tried[..., 8:]]
            return np.concatenate([matches.reshape(*tried.shape[:-1], -1), *known], axis=-1)

        steps = np.full(_UNKNOWNS, 1e-5)
        steps[8:] = 1e-3
        at, *moved = residuals(np.vstack([values, values + np.diag(steps)]))
        jacobian = (np.array(moved) - at).T / steps
        return values - _least_squares(jacobian, at)

    def surface(self, values: NDArray[np.float64], centre_xy: NDArray[np.float64]) -> Surface:
        """Return the page that unknowns make, in chips and pixels."""
        homography, normal, curvature, distortion = self.parts(values)
        focal, (x, y) = self.camera.focal_px, self.camera.centre_xy
        view = np.array([[focal, 0, x], [0, focal, y], [0, 0, 1.0]])
        to_unit = np.diag([1 / self.radius, 1 / self.radius, 1]) @ moved_by(*-centre_xy)
        return Surface(
            view @ homography @ to_unit,
            view @ normal / self.radius,
            curvature / self.radius,
            centre_xy,
            float(distortion) / focal**2,
            self.camera.centre_xy,
        )


def _homography(
    unit: NDArray[np.float64], rays: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit a homography by weighted linear least squares, its perspective held small; its first 8 entries."""
    middle = np.average(rays, axis=0, weights=weights)
    spread = float(np.sqrt(np.average(np.sum((rays - middle) ** 2, axis=1), weights=weights))) + 1e-9
    seen = (rays - middle) / spread
    plain, zeros = np.column_stack([unit, np.ones(len(unit))]), np.zeros((len(unit), 3))
    rows_x = np.hstack([plain, zeros, -unit * seen[:, :1]])
    rows_y = np.hstack([zeros, plain, -unit * seen[:, 1:]])
    root = np.sqrt(np.concatenate([weights, weights]))
    ridge = _FIRST_PERSPECTIVE * np.eye(8)[6:]
    design = np.vstack([np.vstack([rows_x, rows_y]) * root[:, None], ridge])
    target = np.concatenate([np.concatenate([seen[:, 0], seen[:, 1]]) * root, [0, 0]])
    to_seen = np.append(_least_squares(design, target), 1.0).reshape(3, 3)
    to_rays = np.array([[spread, 0, middle[0]], [0, spread, middle[1]], [0, 0, 1.0]]) @ to_seen
    return np.asarray(to_rays.ravel()[:8] / to_rays[2, 2])


def _seen(
    away_xy: NDArray[np.float64],
    homography: NDArray[np.float64],
    normal: NDArray[np.float64],
    curvature: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Project points of bent pages, shape (K, 2) from where they touch the plane: shape (..., K, 2).

    Along the bend an arc of length s and curvature k has come ``sin(k s) / k`` far and
    ``(1 - cos(k s)) / k`` high: both to the order of s^4.
    """
    slope = away_xy @ curvature
    slope = slope / np.maximum(1, np.linalg.norm(slope, axis=-1, keepdims=True) / _STEEPEST)
    rise = (away_xy * slope).sum(axis=-1, keepdims=True)
    steep = (slope**2).sum(axis=-1, keepdims=True)
    along = away_xy - slope * rise / 6
    height = rise / 2 - steep * rise / 24
    mapped = along @ np.swapaxes(homography[..., :2], -1, -2) + homography[..., None, :, 2]
    return _over_depth(mapped + height * normal[..., None, :])


def _over_depth(mapped: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the points of homogeneous ones, shape (..., 3)."""
    depth = mapped[..., 2:]
    # Points at or behind the camera's horizon go far away rather than through infinity.
    return np.asarray(mapped[..., :2] / np.where(np.abs(depth) < 1e-9, 1e-9, depth))


def _distorted(ideal: NDArray[np.float64], distortion: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return points about the principal point as a lens of a radial distortion shows them."""
    shift = distortion * (ideal**2).sum(axis=-1, keepdims=True)
    return np.asarray(ideal * (1 + np.clip(shift, -_MOST_DISTORTED, _MOST_DISTORTED)))


def _least_squares(design: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve a tall system by its normal equations: many times as fast as by its singular values."""
    normal = design.T @ design
    normal[np.diag_indices_from(normal)] += 1e-9 * max(float(np.trace(normal)), 1e-9)
    return np.asarray(np.linalg.solve(normal, design.T @ target), np.float64)


def moved_by(x: float, y: float) -> NDArray[np.float64]:
    """Return the homography that moves points by so much."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


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
        Column and row, in chips, of the first sample's corner.
    shape : tuple of int
        Rows and columns of the result.
    pitch : float, optional
        Chips per sample.
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
