"""The demo's pictures: a photograph of print size, and six readers' photos of its print (simulated)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from watermarks.channel import Capture

LONG_SIDE_PX: Final = 1500
DPI: Final = 300
MAX_BYTES: Final = 200_000_000
MAX_PIXELS: Final = 200_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One reader's photo.

    Attributes
    ----------
    name : str
        Its file's name.
    condition : str
        The condition of `watermarks.channel` it was taken under.
    capture : Capture
        The photo, with the truth about it.
    """

    name: str
    condition: str
    capture: Capture


def shipped_photograph() -> bytes:
    """Return the portrait of an astronaut (NASA, public domain) that ships in scikit-image's wheel."""
    return (files("skimage") / "data" / "astronaut.png").read_bytes()


def write_print_sized(data: bytes, path: Path) -> None:
    """Write a photograph as a PNG whose long side is 5 inches at 300 dpi.

    Raises
    ------
    ImageError
        If it can't be decoded.
    """
    from PIL import Image

    from o2o.files import write_atomically

    picture = Image.fromarray(_decoded(data))
    scale = LONG_SIDE_PX / max(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    encoded = io.BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(encoded, "PNG", dpi=(DPI, DPI))
    write_atomically(path, encoded.getvalue(), overwrite=False)


def pixels(path: Path) -> NDArray[np.uint8]:
    """Return a picture file's sRGB pixels."""
    return _decoded(path.read_bytes())


def _decoded(data: bytes) -> NDArray[np.uint8]:
    from o2o.imaging import load_capture

    return load_capture(data, max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS).image


def take_photos(
    marked: NDArray[np.uint8], conditions: Sequence[str], folder: Path, *, seed: int
) -> list[Shot]:
    """Print the marked picture once and photograph the page once under each condition.

    The same seed gives the same photos; each is written to ``folder`` as the JPEG that the
    simulated phone made.
    """
    from o2o.files import write_atomically
    from watermarks.channel import CONDITIONS, photograph, print_page

    page = print_page(marked, dpi=DPI, rng=np.random.default_rng((seed, 0)))
    shots = []
    for number, condition in enumerate(conditions, start=1):
        rng = np.random.default_rng((seed, number))
        capture = photograph(page, rng=rng, condition=CONDITIONS[condition])
        shot = Shot(f"{number}-{condition}.jpg", condition, capture)
        write_atomically(folder / shot.name, capture.jpeg_bytes, overwrite=False)
        shots.append(shot)
    return shots
