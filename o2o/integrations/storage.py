"""The creatives' pictures, as files named by their content."""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from o2o.files import write_atomically
from o2o.imaging import load_capture
from o2o.imaging_fingerprint import fingerprint

MAX_SIDE_PX: Final = 1600
THUMBNAIL_SIDE_PX: Final = 320
NAME: Final = re.compile(r"[0-9a-f]{64}\.jpg")


@dataclass(frozen=True, slots=True)
class Stored:
    """What is kept of a creative's picture.

    Attributes
    ----------
    picture, thumbnail : str
        The files' names.
    fingerprint : str
        `imaging_fingerprint.fingerprint` of the original.
    """

    picture: str
    thumbnail: str
    fingerprint: str


def store(data: bytes, folder: Path, *, max_bytes: int, max_pixels: int) -> Stored:
    """Decode a picture and keep what is to be kept of it.

    Raises
    ------
    ImageError
        If it can't be taken.
    """
    image = load_capture(data, max_bytes=max_bytes, max_pixels=max_pixels).image
    return Stored(
        store_picture(image, folder),
        store_picture(image, folder, max_side_px=THUMBNAIL_SIDE_PX),
        fingerprint(image),
    )


def store_picture(image: NDArray[np.uint8], folder: Path, *, max_side_px: int = MAX_SIDE_PX) -> str:
    """Keep a picture as a JPEG fit for a web page; return its name, ``<sha256>.jpg``.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
        RGB. Encoding it anew leaves the original's metadata behind.
    folder : Path
        Made if it isn't there.
    max_side_px : int, optional
        It is made smaller if a side is longer.
    """
    from PIL import Image

    picture = Image.fromarray(image)
    picture.thumbnail((max_side_px, max_side_px))
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=88, optimize=True)
    data = encoded.getvalue()
    name = f"{hashlib.sha256(data).hexdigest()}.jpg"
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / name, data, overwrite=True)
    return name


def is_stored(name: str, folder: Path) -> bool:
    """Whether a picture of that name is kept."""
    return NAME.fullmatch(name) is not None and (folder / name).is_file()
