"""Search plane -> poses: find the template's spectral lines under any turn, scale and tilt.

Each window's spectrum proposes linear maps from tile to photo (`constellation`). Once a phone's focal
length is assumed, a linear map tells the page's tilt but for a sign, and with it the map in every other
window: so each proposal is held against the spectra around it, where a chance match finds nothing. What
stands out is refined, and its offset told by the lines' phases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from watermarks.constellation import MOST_PEAKS, propose, ring
from watermarks.geometry import Camera, Surface, moved_by
from watermarks.pose_fit import refined, rough_scores
from watermarks.profiles import Profile
from watermarks.spectra import CAP, PEAK_WIDTH, Windows, pooled, relative_power, taper, windows
from watermarks.template import lines
from watermarks.tilted import Tilted, inverse, tilts

SIDES_PX = (256, 128)
"""Sides of the windows to search with, in pixels of the search plane: first the large ones, which show a weak
template that neither tilt nor bend smears, and are few; then those for steep pages and small pictures."""

# With more samples in all windows than this, 200 small ones or 50 large ones, they overlap less.
_MOST_SAMPLES = 200 * 128**2

# So many poses are yielded at most: those of all pictures on a page, and some by chance.
_YIELDED = 16

# So many proposals are fitted to the spectra about them.
_REFINED = 24

# What chance alone proposes scores 5 in the median and 8 in one of ten; right poses of messages that
# decode, 22 in the median.
_LEAST_SCORE = 7.0

# Poses whose maps differ by less than this share, within so many windows, are one.
_SAME_SHARE = 0.12
_SAME_WINDOWS = 2.0

STEEP_SIDE_PX = 128
STEEP_PX = (600, 1300)
"""Side of the windows, and least and greatest long side of the planes, that are worth a search with tilts
undone. A steep page smears lines within windows of coarser planes too, but the next finer shows as much; a
window of a finer one sees too little of the page for that."""

TILTS_XY = tuple(0.6 * np.array([np.cos(angle), np.sin(angle)]) for angle in 2 * np.pi * np.arange(6) / 6)
"""Tilts that are worth undoing: where a page recedes, by the tangent of its tilt."""

# Offsets of the tile that are tried each way, a quarter of a chip apart: half a chip turns the finest lines
# so far that wrong places, which agree to 0.98, win.
_OFFSETS = 512


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """A pose of the tile, true near the point where it was found.

    Attributes
    ----------
    tile_to_search : ndarray of float, shape (3, 3)
        Homography, chips -> pixels of the search plane. The offset is the likeliest of several, and the
        page may be upside down: the lines' phases alone don't tell for sure.
    centre_xy : ndarray of float, shape (2,)
        The middle of the window where it was found, in pixels of the search plane.
    score : float
        Line power about that window, in units of the noise.
    """

    tile_to_search: NDArray[np.float64]
    centre_xy: NDArray[np.float64]
    score: float


def search(
    plane: NDArray[np.float32],
    side: int,
    profile: Profile,
    *,
    undone_xy: NDArray[np.float64] | None = None,
    known: Callable[[NDArray[np.float64]], bool] = lambda _: False,
) -> Iterator[Pose]:
    """Yield the poses that a search plane shows, the likeliest first.

    Parameters
    ----------
    plane : ndarray of float32, shape (H, W)
        Whitened luma of a whole level.
    side : int
        Of the windows, one of `SIDES_PX`.
    profile : Profile
        The version of the format.
    undone_xy : ndarray of float, shape (2,), optional
        Look at the plane as if a page that recedes so lay flat, one of `TILTS_XY`: a steep perspective smears
        the lines within a window.
    known : callable, optional
        Whether a point of the plane, shape (2,), lies in what is known by now, and its pose may be left out.
    """
    camera = Camera.of(plane.shape)
    view, to_plane = plane, np.eye(3)
    if undone_xy is not None:
        view, camera, to_plane = _tilt_undone(plane, camera, undone_xy)
    where = ring(side, profile)
    found = windows(view, side, _MOST_SAMPLES // side**2, where, MOST_PEAKS)
    if found is None:
        return
    seen = [found, pooled(found, where, MOST_PEAKS)] if side == max(SIDES_PX) else [found]
    maps, owners = zip(*(propose(each, profile) for each in seen), strict=True)
    tilted = tilts(found, np.concatenate(maps), np.concatenate(owners), camera)
    scores = rough_scores(found, tilted, camera.focal_px, profile)
    tilted = tilted.only(np.array(_distinct(found, tilted, scores, _REFINED), np.intp))
    tilted, scores = refined(found, tilted, camera.focal_px, profile)
    for index in _distinct(found, tilted, scores, _YIELDED):
        centre = Surface.flat(to_plane).to_level(found.centres_xy[tilted.of_window[index]])
        if scores[index] > _LEAST_SCORE and not known(centre):
            tile_to_view = _placed(view, found, tilted, index, camera.focal_px, profile)
            yield Pose(to_plane @ tile_to_view, centre, float(scores[index]))


def _tilt_undone(
    plane: NDArray[np.float32], camera: Camera, recession_xy: NDArray[np.float64]
) -> tuple[NDArray[np.float32], Camera, NDArray[np.float64]]:
    """Return a plane as a camera turned square to a tilted page would see it, that camera, and the way back.

    A page that recedes by p at the optical axis is seen through tangents ``I + p (0, 1)^T``: its metric
    there is ``I + p p^T``.
    """
    height, width = plane.shape
    values, vectors = np.linalg.eigh(np.eye(2) + np.outer(recession_xy, recession_xy))
    zoom = np.prod(values) ** 0.25
    foreshorten = zoom * (vectors * values**-0.5) @ vectors.T
    tilt = np.eye(3)
    tilt[:2, :2] = foreshorten
    tilt[2, :2] = recession_xy @ foreshorten / camera.focal_px
    to_plane = moved_by(*camera.centre_xy) @ tilt @ moved_by(*-camera.centre_xy)
    # Its optical axis meets the page where a perpendicular from the lens does.
    sideways = foreshorten @ recession_xy / zoom
    turned = Camera(
        camera.focal_px * float(np.sqrt(1 - sideways @ sideways)) / zoom,
        camera.centre_xy - camera.focal_px / zoom * sideways,
        camera.half_diagonal_px,
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    view = cv2.warpPerspective(plane, to_plane, (width, height), flags=flags)
    return np.asarray(view, np.float32), turned, to_plane


def _distinct(found: Windows, tilted: Tilted, scores: NDArray[np.float64], most: int) -> list[int]:
    """Return the best proposals that are not one and the same pose, the best first."""
    kept: list[int] = []
    left = np.ones(len(scores), np.bool_)
    centres = found.centres_xy[tilted.of_window]
    while left.any() and len(kept) < most:
        best = int(np.where(left, scores, -np.inf).argmax())
        kept.append(best)
        away = np.hypot(*(centres - centres[best]).T) / found.stride
        change = np.abs(inverse(tilted.jacobians[best]) @ tilted.jacobians)
        same = np.abs(change - np.eye(2)).max(axis=(1, 2)) < _SAME_SHARE
        left &= ~(same & (away <= _SAME_WINDOWS))
        left[best] = False
    return kept


def _placed(
    plane: NDArray[np.float32],
    found: Windows,
    tilted: Tilted,
    index: int,
    focal_px: float,
    profile: Profile,
) -> NDArray[np.float64]:
    """Return a proposal's map, chips -> plane, with the offset in the tile that its own window has."""
    centre = found.centres_xy[tilted.of_window[index]]
    jacobian = tilted.jacobians[index]
    px_per_tile = float(np.sqrt(np.linalg.det(jacobian)))
    recession = tilted.recessions_xy[index] / focal_px
    for _ in range(2):
        # A receding window smears its lines, and its peaks are off: the fit to the windows comes near enough
        # to straighten this one, whose peaks are true.
        straight = _straightened(plane, found.side, centre, jacobian / px_per_tile, recession)
        jacobian = jacobian @ _correction(straight, px_per_tile, profile)
    straight = _straightened(plane, found.side, centre, jacobian / px_per_tile, recession)
    turn, offset = _turn_and_offset(straight, px_per_tile, profile)
    tile_to_centre = np.eye(3)
    tile_to_centre[:2, :2] = turn * jacobian / profile.tile_chips
    tile_to_centre[2, :2] = recession @ tile_to_centre[:2, :2]
    # The middle of the window is at this offset in the tile.
    return moved_by(*centre) @ tile_to_centre @ moved_by(*(-offset * profile.tile_chips))


def _straightened(
    plane: NDArray[np.float32],
    side: int,
    centre_xy: NDArray[np.float64],
    to_plane: NDArray[np.float64],
    recession: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return the window about a point with the page's tilt and turn undone."""
    homography = np.eye(3)
    homography[:2, :2] = to_plane
    homography[2, :2] = recession @ to_plane
    half = (side - 1) / 2
    placed = moved_by(*centre_xy) @ homography @ moved_by(-half, -half)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(plane, placed, (side, side), flags=flags), np.float32)


def _correction(straight: NDArray[np.float32], px_per_tile: float, profile: Profile) -> NDArray[np.float64]:
    """Return the small linear change of tile coordinates that the lines' peaks ask for."""
    side = len(straight)
    power = cv2.GaussianBlur(np.minimum(relative_power(straight), CAP), (0, 0), PEAK_WIDTH)
    expected = lines(profile).cycles_xy * (side / px_per_tile)
    seen, weights = [], []
    for x, y in expected:
        flip = -1 if x < 0 else 1
        col, row = round(flip * x), round(flip * y) + side // 2
        if not (2 <= row < side - 2 and 2 <= col < side // 2 - 2):
            seen.append((x, y))
            weights.append(0.0)
            continue
        near = power[row - 2 : row + 3, col - 2 : col + 3].astype(np.float64)
        near = np.maximum(near - near.mean(), 0) ** 2
        steps = np.arange(-2, 3)
        total = near.sum() + 1e-9
        dx, dy = (near.sum(axis=0) @ steps) / total, (near.sum(axis=1) @ steps) / total
        seen.append((flip * (col + dx), flip * (row - side // 2 + dy)))
        weights.append(float(power[row - 1 : row + 2, col - 1 : col + 2].max()))
    root = np.sqrt(weights)[:, None]
    change = np.linalg.lstsq(expected * root, np.array(seen) * root, rcond=None)[0].T
    # Frequencies change by `change`, so that tile coordinates change by the inverse of its transpose.
    return np.asarray(np.linalg.inv(change).T)


def _turn_and_offset(
    straight: NDArray[np.float32], px_per_tile: float, profile: Profile
) -> tuple[int, NDArray[np.float64]]:
    """Return 1, or -1 if upside down, and where in the tile the window's middle lies, in tiles.

    A line's phase is its own plus ``2 pi cycles . t`` for tile coordinates t of the middle, so the
    agreement of all lines over t is a Fourier transform; upside down, it is that of the conjugates.
    """
    found = lines(profile)
    side = len(straight)
    at = (np.arange(side) - (side - 1) / 2) / px_per_tile
    x = np.exp(-2j * np.pi * np.outer(found.cycles_xy[:, 0], at))
    y = np.exp(-2j * np.pi * np.outer(found.cycles_xy[:, 1], at))
    values = np.einsum("ky,yx,kx->k", y, straight * taper(side), x, optimize=True)
    own = np.exp(-1j * found.phases)
    upright, upside_down = (agreement(found.cycles_xy, v * own) for v in (values, values.conj()))
    turned = upside_down.max() > upright.max()
    best = upside_down if turned else upright
    row, col = np.unravel_index(int(best.argmax()), best.shape)
    return (-1 if turned else 1), np.array([col, row]) / _OFFSETS


def agreement(cycles_xy: NDArray[np.int64], phasors: NDArray[np.complex128]) -> NDArray[np.float32]:
    """Return how well phasors agree with each offset of the tile in quarters of a chip, shape (512, 512)."""
    forward = cycles_xy[:, 0] >= 0
    at = np.where(forward[:, None], cycles_xy, -cycles_xy)
    half = np.zeros((_OFFSETS, _OFFSETS // 2 + 1), np.complex64)
    # The sum's real part is a real transform of its Hermitian half.
    np.add.at(half, (at[:, 1], at[:, 0]), np.where(forward, phasors.conj(), phasors))
    return np.asarray(scipy.fft.irfft2(half, s=(_OFFSETS, _OFFSETS)), np.float32)
