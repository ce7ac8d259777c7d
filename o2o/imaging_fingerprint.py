"""Fingerprints of pictures: 64 bits, nearly the same when a picture is scaled or saved anew."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

BITS: Final = 64
_ROWS: Final = 8


def fingerprint(image: NDArray[np.uint8]) -> str:
    """Return a picture's difference hash: 16 hexadecimal digits.

    Each bit says whether a place of the picture's luma, averaged over an eighth of its height and a ninth of
    its width, is darker than the place to its right.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
        RGB.

    References
    ----------
    N. Krawetz, "Kind of like that", 2013 (dHash).
    """
    import cv2

    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    places = cv2.resize(luma, (_ROWS + 1, _ROWS), interpolation=cv2.INTER_AREA)
    is_darker = places[:, :-1] < places[:, 1:]
    return np.packbits(is_darker).tobytes().hex()
