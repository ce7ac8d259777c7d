"""Marked samples -> a file in the host's format, with everything but the pixels as it was.

Metadata isn't translated but carried over as bytes: a JPEG's segments, a PNG's chunks and a TIFF's
directory are the host's own, so what no library knows of (IPTC, XMP, a printer's notes) survives.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from o2o.imaging import open_picture
from o2o.imaging_host import Host, Samples

JPEG_QUALITY: Final = 95
WEBP_QUALITY: Final = 95

# Segments that describe the encoding rather than the picture: the Adobe colour transform, and where
# further pictures of a multi-picture file lie.
_ADOBE: Final = 0xEE
_MPF: Final = b"MPF\0"
_ENCODING_CHUNKS: Final = {b"IHDR", b"IDAT", b"IEND"}


def encode_like(host: Host, samples: Samples) -> bytes:
    """Encode marked samples as the host's file is.

    Parameters
    ----------
    host : Host
    samples : ndarray of the shape and dtype of ``host.samples``

    Returns
    -------
    bytes
        A file of the host's format, bit depth, colours, profile, dpi and other metadata. JPEG and
        lossy WebP are encoded at quality 95 or, JPEG, the host's own where that is finer, and JPEG
        without chroma subsampling, which would blur the mark's colour.
    """
    if samples.shape != host.samples.shape or samples.dtype != host.samples.dtype:
        raise ValueError("marked samples have the host's shape and type")
    if host.format == "tiff":
        from o2o.imaging_tiff import encode_tiff

        return encode_tiff(host.data, samples)
    return {"jpeg": _encode_jpeg, "png": _encode_png, "webp": _encode_webp}[host.format](host, samples)


def _encode_jpeg(host: Host, samples: Samples) -> bytes:
    """A JPEG with the host's application segments and comments."""
    mode = {"grey": "L", "rgb": "RGB", "cmyk": "CMYK"}[host.colour]
    encoded = _pillow_encode(samples, mode, "JPEG", qtables=_quantisation(host), subsampling="4:4:4")
    kept = b"".join(
        segment
        for marker, segment in _segments(host.data)
        if _is_metadata(marker) and marker != _ADOBE and segment[4:8] != _MPF
    )
    own = b"".join(
        segment for marker, segment in _segments(encoded) if marker == _ADOBE or not _is_metadata(marker)
    )
    scan = sum(len(segment) for _, segment in _segments(encoded)) + 2
    return encoded[:2] + kept + own + encoded[scan:]


def _quantisation(host: Host) -> list[list[int]]:
    """Quantisation tables as fine as quality 95's and as the host's, step by step."""
    reference = _pillow_encode(np.zeros((8, 8, 3), np.uint8), "RGB", "JPEG", quality=JPEG_QUALITY)
    fine, hosts = _tables(reference), _tables(host.data)
    # A host may have one table for luma and chroma alike.
    return [np.minimum(fine[i], hosts[min(i, len(hosts) - 1)]).tolist() for i in range(2)]


def _tables(jpeg: bytes) -> list[NDArray[np.int64]]:
    """A JPEG's quantisation tables, in the order of their numbers."""
    with open_picture(jpeg, "jpeg") as picture:
        by_number: dict[int, list[int]] = picture.quantization  # type: ignore[attr-defined]
        return [np.asarray(by_number[number]) for number in sorted(by_number)]


def _segments(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    """A JPEG's marker segments before its first scan."""
    at = 2
    while jpeg[at] == 0xFF and jpeg[at + 1] != 0xDA:
        if jpeg[at + 1] == 0xFF:  # a fill byte
            at += 1
            continue
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        yield jpeg[at + 1], jpeg[at:end]
        at = end


def _is_metadata(marker: int) -> bool:
    """Whether a JPEG marker is an application segment or a comment."""
    return 0xE0 <= marker <= 0xEF or marker == 0xFE


def _encode_png(host: Host, samples: Samples) -> bytes:
    """A PNG with the host's chunks around its own header and pixels."""
    import imagecodecs

    pixels = samples[..., 0] if samples.shape[2] == 1 else samples
    own = dict[bytes, bytes]()
    for kind, chunk in _chunks(bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))):
        own[kind] = own.get(kind, b"") + chunk
    before, after = b"", b""
    seen_pixels = False
    for kind, chunk in _chunks(host.data):
        seen_pixels |= kind == b"IDAT"
        if kind not in _ENCODING_CHUNKS:
            before, after = (before, after + chunk) if seen_pixels else (before + chunk, after)
    return host.data[:8] + own[b"IHDR"] + before + own[b"IDAT"] + after + own[b"IEND"]


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """A PNG's chunks, whole, by their kind."""
    at = 8
    while at + 8 <= len(png):
        (length,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at : at + 12 + length]
        at += 12 + length


def _encode_webp(host: Host, samples: Samples) -> bytes:
    """A WebP with the host's profile, EXIF and XMP; lossless where the host is."""
    mode = "RGBA" if samples.shape[2] == 4 else "RGB"
    with open_picture(host.data, "webp") as picture:
        kept = {name: picture.info[name] for name in ("icc_profile", "exif", "xmp") if picture.info.get(name)}
    return _pillow_encode(
        samples,
        mode,
        "WEBP",
        lossless=_is_lossless(host.data),
        quality=WEBP_QUALITY,
        exact=True,
        use_sharp_yuv=True,
        **kept,
    )


def _is_lossless(webp: bytes) -> bool:
    """Whether a WebP's picture is in the lossless coding."""
    at = 12
    while at + 8 <= len(webp):
        if webp[at : at + 4] in {b"VP8L", b"VP8 "}:
            return webp[at : at + 4] == b"VP8L"
        length = int.from_bytes(webp[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    return False


def _pillow_encode(samples: Samples, mode: str, format_: str, **options: Any) -> bytes:
    """Encode samples with Pillow."""
    from PIL import Image

    picture = Image.frombytes(mode, samples.shape[1::-1], samples.tobytes())
    file = io.BytesIO()
    picture.save(file, format_, **options)
    return file.getvalue()
