"""Print-and-photograph simulation, for proofs and benchmarks: seeded, with ground truth.

``print_page`` separates, screens and inks pictures on a page; ``photograph`` takes a photo of it with a
phone; ``simulate`` does both. Results obtained through it are simulated results.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from watermarks.channel_camera import Capture, photograph
from watermarks.channel_conditions import CONDITIONS, Condition
from watermarks.channel_press import Print, print_page

__all__ = ["CONDITIONS", "Capture", "Condition", "Print", "photograph", "print_page", "simulate"]


def simulate(
    picture: NDArray[np.uint8], *, dpi: float, condition: Condition, rng: np.random.Generator
) -> Capture:
    """Print one picture and photograph it once.

    Parameters
    ----------
    picture : ndarray of uint8, shape (H, W, 3)
        sRGB.
    dpi : float
        Its resolution on paper, pixels an inch.
    condition : Condition
        One of ``CONDITIONS``, or your own.
    rng : numpy.random.Generator
        The same state gives the same photo.

    Returns
    -------
    Capture
    """
    printed = print_page(picture, dpi=dpi, rng=rng)
    return photograph(printed, rng=rng, condition=condition)
