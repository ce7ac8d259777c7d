"""The peers dwtDct and dwtDctSvd of ``invisible-watermark``, behind the codec's two calls.

They write each message bit into every n-th 4 x 4 block of a wavelet band by quantisation, and have neither
synchronisation nor error correction: their ``read`` is given the picture's true corners, and all 92 message
bits must come out right for the keyed check to agree.
"""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from watermarks.payload import MESSAGE_BITS, Payload, from_message_bits, to_message_bits
from watermarks.results import Detection, Miss, MissReason

Method: TypeAlias = Literal["dwtDct", "dwtDctSvd"]

METHODS: tuple[Method, ...] = ("dwtDct", "dwtDctSvd")
"""The codecs of ``invisible-watermark`` that run without torch."""

BLOCK_PX = 8
"""Host pixels a block: 4 x 4 coefficients of the half-size wavelet band."""


def embed(host: NDArray[np.uint8], payload: Payload, key: bytes, *, method: Method) -> NDArray[np.uint8]:
    """Mark a host at the peer's default strength.

    Parameters
    ----------
    host : ndarray of uint8, shape (H, W, 3)
        sRGB, at least 256 x 256 pixels.
    payload : Payload
    key : bytes
        The watermark key; only the check depends on it, the peers embed without one.
    method : {"dwtDct", "dwtDctSvd"}

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
    """
    encoder = _imwatermark().WatermarkEncoder()
    encoder.set_watermark("bits", to_message_bits(payload, key).tolist())
    marked_bgr = encoder.encode(np.ascontiguousarray(host[:, :, ::-1]), method)
    return np.ascontiguousarray(marked_bgr[:, :, ::-1])


def read(
    capture: NDArray[np.uint8],
    key: bytes,
    *,
    method: Method,
    corners_xy: NDArray[np.float64],
    size_px: tuple[int, int],
) -> list[Detection] | Miss:
    """Read a capture whose pose is known.

    Parameters
    ----------
    capture : ndarray of uint8, shape (h, w, 3)
        sRGB.
    key : bytes
        The watermark key.
    method : {"dwtDct", "dwtDctSvd"}
    corners_xy : ndarray of float, shape (4, 2)
        The picture's true outer corners (tl, tr, br, bl) in the capture, pixel centres at integers.
    size_px : tuple of (int, int)
        The host's true width and height.

    Returns
    -------
    list of Detection, or Miss
        One detection if the keyed check agrees; ``signal_db``, ``tilt_deg``, ``sharpness`` and ``share`` are
        NaN, for the peers measure none.
    """
    bits = read_bits(capture, method=method, corners_xy=corners_xy, size_px=size_px)
    payload = from_message_bits(bits, key)
    if payload is None:
        return Miss(MissReason.PAYLOAD_FAILED)
    area = abs(cv2.contourArea(corners_xy.astype(np.float32)))
    px_per_block = BLOCK_PX * float(np.sqrt(area / (size_px[0] * size_px[1])))
    unmeasured = float("nan")
    return [
        Detection(
            payload,
            corners_xy,
            confidence=1.0,
            signal_db=unmeasured,
            px_per_chip=px_per_block,
            tilt_deg=unmeasured,
            sharpness=unmeasured,
            share=unmeasured,
        )
    ]


def read_bits(
    capture: NDArray[np.uint8],
    *,
    method: Method,
    corners_xy: NDArray[np.float64],
    size_px: tuple[int, int],
) -> NDArray[np.uint8]:
    """Return the peer's hard decisions on the message bits, shape (92,); parameters as for :func:`read`."""
    rectified_bgr = np.ascontiguousarray(rectify(capture, corners_xy, size_px)[:, :, ::-1])
    decoder = _imwatermark().WatermarkDecoder("bits", MESSAGE_BITS)
    return np.asarray(decoder.decode(rectified_bgr, method), np.uint8)


def rectify(
    capture: NDArray[np.uint8], corners_xy: NDArray[np.float64], size_px: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return the quadrilateral ``corners_xy`` of a capture warped to ``size_px``, shape (H, W, 3)."""
    width, height = size_px
    edges = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32) - np.float32(0.5)
    capture_to_host = cv2.getPerspectiveTransform(corners_xy.astype(np.float32), edges)
    warped = cv2.warpPerspective(
        capture, capture_to_host, size_px, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return warped.astype(np.uint8, copy=False)


def _imwatermark() -> Any:
    """Import ``imwatermark``, with an empty module for the torch that only its rivaGan needs."""
    if "imwatermark" not in sys.modules and importlib.util.find_spec("torch") is None:
        sys.modules["torch"] = ModuleType("torch")
        try:
            import imwatermark
        finally:
            del sys.modules["torch"]
    else:
        import imwatermark
    return imwatermark
