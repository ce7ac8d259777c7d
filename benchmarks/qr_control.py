"""The control: a QR code of the same ID on the same page, read from the same photo."""

from __future__ import annotations

import time
from dataclasses import dataclass

import cv2
import numpy as np
import segno
import zxingcpp
from numpy.typing import NDArray

from watermarks import Payload

SIDE_IN = 0.8
"""The symbol's side on paper, as printers state it: its quiet zone comes on top."""

QUIET_MODULES = 4
"""The least quiet zone that ISO/IEC 18004 asks for."""

WHOLE = 0.99
"""A photo that has this share of a picture or code, quiet zone included, in its frame shows it whole."""


_QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)


@dataclass(frozen=True, slots=True)
class QrResult:
    """What two readers made of the QR code in one photo.

    Attributes
    ----------
    visible_share : float
        Share of the code, quiet zone included, inside the frame.
    zxing, opencv : bool
        Whether zxing-cpp and OpenCV read its text, right.
    zxing_ms, opencv_ms : float
        How long they took over the photo.
    """

    visible_share: float
    zxing: bool
    zxing_ms: float
    opencv: bool
    opencv_ms: float

    @property
    def whole(self) -> bool:
        """Whether the photo shows the code whole."""
        return self.visible_share >= WHOLE


def link(payload: Payload) -> str:
    """Return a short link with the 48-bit ID: in capitals, which QR codes pack tightest."""
    return f"HTTPS://P2P.EXAMPLE/S/{payload.id:012X}"


def symbol(payload: Payload, dpi: float) -> NDArray[np.uint8]:
    """Return the QR code (error level M) with its quiet zone, shape (S, S, 3), for print at ``dpi``."""
    code = segno.make(link(payload), error="m", micro=False, boost_error=False)
    modules = np.array(list(code.matrix_iter(border=QUIET_MODULES)), bool)
    side_px = round(SIDE_IN * dpi * len(modules) / (len(modules) - 2 * QUIET_MODULES))
    black = cv2.resize(modules.astype(np.uint8), (side_px, side_px), interpolation=cv2.INTER_NEAREST)
    return np.repeat(np.where(black, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def read_qr(photo: NDArray[np.uint8], payload: Payload, visible_share: float) -> QrResult:
    """Let both readers look for a payload's link in a photo, shape (H, W, 3), sRGB."""
    started = time.perf_counter()
    zxing = read_by_zxing(photo)
    between = time.perf_counter()
    opencv = read_by_opencv(photo)
    ended = time.perf_counter()
    return QrResult(
        visible_share=visible_share,
        zxing=link(payload) in zxing,
        zxing_ms=1000 * (between - started),
        opencv=link(payload) in opencv,
        opencv_ms=1000 * (ended - between),
    )


def read_by_zxing(photo: NDArray[np.uint8]) -> list[str]:
    """Return the texts of all QR codes that zxing-cpp finds, at its own thorough settings."""
    # In grey: it takes colours for BGR, and the noise of blue for a good part of the light.
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    return [each.text for each in zxingcpp.read_barcodes(grey, formats=_QR)]


def read_by_opencv(photo: NDArray[np.uint8]) -> list[str]:
    """Return the text of the QR code that OpenCV finds, if any."""
    try:
        text, _, _ = cv2.QRCodeDetector().detectAndDecode(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY))
    except cv2.error:  # Of OpenCV's own asserts, on finder patterns that aren't: it has read nothing.
        return []
    return [text] if text else []
