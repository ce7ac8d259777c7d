"""Unread capture -> the likeliest reason, for a phone app to coach its user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watermarks.constellation import PX_PER_CHIP
from watermarks.profiles import DRAFT_0
from watermarks.results import MissReason
from watermarks.symptoms import Symptoms, symptoms

# A photo with fewer pixels than this on its sides shows too few of the chips of any picture.
_LEAST_LONG_SIDE_PX = 300
_LEAST_SHORT_SIDE_PX = 60

# Paper white below this 8-bit level leaves the mark's few levels to the noise.
_DARK_LEVEL = 40

# Phones brighten what is dark, and its noise with it. Simulated photos by 300 lux and more have up to 0.95
# levels of it, those by 0.5 to 4 lux 3.9 and more; the mark has some 2 levels.
_DARK_NOISE = 2.0

# A reflection that clips this share of the photo covers most of a picture with its skirt.
_GLARE_SHARE = 0.02

# A sheet of 11 in whose long side shows fewer pixels than this in the finest search plane has fewer pixels
# per chip than the search goes down to; what is smaller on paper must be nearer still.
_SHEET_IN = 11.0
_FAR_PX = _SHEET_IN * DRAFT_0.chips_per_inch * PX_PER_CHIP[0]

# Gaussian sigma in pixels of a copy of 1,000: 1.3 chips of a picture that takes half of it, which leave 40 %
# of the template's lines. Photos in focus have 0.7 at most, those blurred by 1.2 chips and more 1.1 at least.
_BLURRED_PX = 0.8

# The evidence of a steep page above which there is one: of 60 upright pages 59 have less, of 60 steep ones
# none.
_STEEP = 0.01

# Below this it speaks against one: 57 of 60 hard photos have more, an unmarked easy photo about -0.3.
_UPRIGHT = -0.2

# A block that shows the template by more deviations than this is no chance: surfaces are fitted to whatever
# agrees, and in unmarked photos the best block of 90 such had 4.8, that of a few later ones over 5.2. Marks
# of another key have 6.4 to 6.9.
_SEEN_Z = 6.0

# A page that was seen, though not decoded, at more than this tilt.
_OBLIQUE_DEG = 50.0


@dataclass(frozen=True, slots=True)
class Followed:
    """A template that was followed, though no payload came of it; it may have been chance.

    Attributes
    ----------
    best_z : float
        How strongly its clearest block shows the template, in deviations.
    tilt_deg : float
        The page's tilt there, in [0, 90].
    """

    best_z: float
    tilt_deg: float


def measured(capture: NDArray[np.uint8]) -> Symptoms | None:
    """Return what a capture, RGB of shape (H, W, 3), suffers from; None if it has too few pixels to tell."""
    if max(capture.shape) < _LEAST_LONG_SIDE_PX or min(capture.shape[:2]) < _LEAST_SHORT_SIDE_PX:
        return None
    return symptoms(capture)


def may_be_steep(found: Symptoms | None) -> bool:
    """Whether a photo's page may be steep: if nothing speaks clearly against it."""
    return found is not None and not -np.inf < found.slant < _UPRIGHT


def likeliest_reason(found: Symptoms | None, followed: Sequence[Followed], *, finest_px: int) -> MissReason:
    """Return why a capture was not read.

    Parameters
    ----------
    found : Symptoms or None
        What it suffers from; None if it has too few pixels to tell.
    followed : sequence of Followed
        All templates that were followed.
    finest_px : int
        Long side of the finest search plane that was searched.
    """
    if found is None:
        return MissReason.TOO_SMALL
    clearest = max(followed, key=lambda each: each.best_z, default=None)
    if clearest is None or clearest.best_z < _SEEN_Z:
        return _of_symptoms(found, finest_px, is_steep=found.slant > _STEEP) or MissReason.NO_TEMPLATE
    is_steep = clearest.tilt_deg > _OBLIQUE_DEG
    return _of_symptoms(found, finest_px, is_steep=is_steep) or MissReason.PAYLOAD_FAILED


def _of_symptoms(found: Symptoms, finest_px: int, *, is_steep: bool) -> MissReason | None:
    """Return the reason that a photo itself shows: first what would pass for another, noise for detail."""
    if found.white_level < _DARK_LEVEL or found.noise > _DARK_NOISE:
        return MissReason.TOO_DARK
    if found.glare_share > _GLARE_SHARE:
        return MissReason.GLARE
    if 0 < found.subject_share * finest_px < _FAR_PX:
        return MissReason.TOO_SMALL
    if is_steep:
        return MissReason.TOO_OBLIQUE
    if found.blur_px > _BLURRED_PX:
        return MissReason.TOO_BLURRED
    return None
