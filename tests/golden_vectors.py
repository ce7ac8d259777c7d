"""The golden files of tests/golden as values; it knows nothing of the codec."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

GOLDEN = Path(__file__).parent / "golden"
TEXT = GOLDEN / "profile-0.txt"


def vectors() -> dict[str, list[str]]:
    """Return the text file's values by name; a name may have several, one a line."""
    found: dict[str, list[str]] = {}
    for line in TEXT.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, value = line.split(" ", 1)
            found.setdefault(name, []).append(value)
    return found


def picture(name: str) -> NDArray[np.uint8]:
    """Return the picture in the file that a vector names, sRGB, shape (H, W, 3)."""
    with Image.open(GOLDEN / vectors()[name][0]) as image:
        return np.asarray(image.convert("RGB"), np.uint8)


def bits_of(digits: str) -> NDArray[np.uint8]:
    """Return hexadecimal digits' bits, the most significant first."""
    return np.array([int(digit, 16) >> place & 1 for digit in digits for place in (3, 2, 1, 0)], np.uint8)
