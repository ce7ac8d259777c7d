"""Linear maps of the tile -> maps with the tilt of the page: a focal length tells it, but for a sign."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watermarks.geometry import Camera
from watermarks.spectra import Windows


@dataclass(frozen=True, slots=True, eq=False)
class Tilted:
    """Proposals with the page's tilt, one a row.

    Attributes
    ----------
    jacobians : ndarray of float, shape (M, 2, 2)
        Tiles -> pixels at the window's middle.
    recessions_xy : ndarray of float, shape (M, 2)
        The relative change of depth per focal length of pixels: where the page recedes, and how steeply.
    of_window : ndarray of int, shape (M,)
    """

    jacobians: NDArray[np.float64]
    recessions_xy: NDArray[np.float64]
    of_window: NDArray[np.intp]

    def only(self, which: NDArray[np.intp]) -> Tilted:
        """Return some of the proposals."""
        return Tilted(self.jacobians[which], self.recessions_xy[which], self.of_window[which])


def tilts(
    found: Windows, to_bins: NDArray[np.float32], of_window: NDArray[np.intp], camera: Camera
) -> Tilted:
    """Return the two tilts of the page that each linear map may come from.

    With a the window's middle from the optical axis in focal lengths, a page that recedes by p is seen
    through tangents ``I + p (a, 1)^T``, whose Gram matrix is the page's metric in the photo:
    ``I - a a^T / b^2 + q q^T`` with b^2 = 1 + a^T a and q = b p + a / b. The map gives that metric up to
    scale, and whitened by its known part it is ``I + r r^T``: r is told but for its sign.
    """
    jacobians = np.swapaxes(inverse(to_bins.astype(np.float64) / found.side), -1, -2)
    axis = (found.centres_xy[of_window] - camera.centre_xy) / camera.focal_px
    b = np.sqrt(1 + (axis**2).sum(axis=1))
    known = np.eye(2) - axis[:, :, None] * axis[:, None, :] / (b**2)[:, None, None]
    values, vectors = np.linalg.eigh(known)
    root = (vectors * np.sqrt(values)[:, None, :]) @ np.swapaxes(vectors, -1, -2)
    white = inverse(root)
    metric = inverse(jacobians @ np.swapaxes(jacobians, -1, -2))
    values, vectors = np.linalg.eigh(white @ metric @ white)
    steep = np.sqrt(np.maximum(values[:, 1] / values[:, 0] - 1, 0))
    q = (root @ (vectors[:, :, 1] * steep[:, None])[:, :, None])[:, :, 0]
    recessions = np.concatenate([(sign * q - axis / b[:, None]) / b[:, None] for sign in (1, -1)])
    return Tilted(np.tile(jacobians, (2, 1, 1)), recessions, np.tile(of_window, 2))


def inverse(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inverses of 2 x 2 matrices, shape (..., 2, 2)."""
    a, b, c, d = (matrices[..., i, j] for i in (0, 1) for j in (0, 1))
    inverse = np.stack([np.stack([d, -b], axis=-1), np.stack([-c, a], axis=-1)], axis=-2)
    return np.asarray(inverse / (a * d - b * c)[..., None, None])
