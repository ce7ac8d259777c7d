"""The benchmarks' pictures, and the chance that belongs to each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from o2o.imaging import load_capture
from watermarks import Payload

KEY = b"a benchmark's key: no secret"
IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}

_MAX_BYTES = 200_000_000
_MAX_PIXELS = 200_000_000


def image_files(folder: Path, only: str = "", most: int | None = None) -> list[Path]:
    """Return a folder's image files, sorted by name.

    Parameters
    ----------
    folder : Path
    only : str, optional
        Only those with this in their name.
    most : int, optional
        At most so many of them, evenly spread: neighbours in the alphabet are often of a kind.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder of pictures")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    files = [path for path in files if only in path.name]
    if most is None or most >= len(files):
        return files
    return [files[(2 * i + 1) * len(files) // (2 * most)] for i in range(most)]


def load(path: Path) -> NDArray[np.uint8]:
    """Return an image file's pixels, shape (H, W, 3), upright sRGB."""
    return load_capture(path.read_bytes(), max_bytes=_MAX_BYTES, max_pixels=_MAX_PIXELS).image


def host_of(path: Path, width_px: int, *, square: bool = False, grey: bool = False) -> NDArray[np.uint8]:
    """Return a picture as it goes to the printer.

    Parameters
    ----------
    path : Path
    width_px : int
        Its width: averaged down, or up by Lanczos's filter.
    square : bool, optional
        Keep only the square in its middle.
    grey : bool, optional
        Its luma alone.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
    """
    picture = load(path)
    if square:
        side = min(picture.shape[:2])
        top, left = ((length - side) // 2 for length in picture.shape[:2])
        picture = picture[top : top + side, left : left + side]
    if grey:
        picture = np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2).astype(np.uint8)
    height, width = picture.shape[:2]
    size = (width_px, round(height * width_px / width))
    how = cv2.INTER_AREA if width_px < width else cv2.INTER_LANCZOS4
    return cv2.resize(picture, size, interpolation=how).astype(np.uint8, copy=False)


def chance(seed: int, picture: str, repetition: int) -> np.random.Generator:
    """Return the generator of one repetition; -1 is for the picture's ID."""
    name = int.from_bytes(hashlib.sha256(picture.encode()).digest()[:8], "big")
    return np.random.default_rng([seed, name, repetition + 1])


def payload_of(seed: int, picture: str) -> Payload:
    """Return what a picture's mark says."""
    return Payload(int(chance(seed, picture, -1).integers(1 << 48)))


def corpus_hash(files: Sequence[Path]) -> str:
    """Return one SHA-256 over the sorted file names and their contents' hashes."""
    whole = hashlib.sha256()
    for path in sorted(files, key=lambda each: each.name):
        whole.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()
