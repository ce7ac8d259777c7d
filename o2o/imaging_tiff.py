"""TIFF samples in and out, everything else of the file untouched.

A marked TIFF is the host's own bytes with the first page's strips or tiles written anew: over the old
ones where there is room, the rest at the end of the file, the directory pointing there. Of the old ones
nothing is left. All tags, the EXIF and the profile, private ones too, and further pages stay byte for byte.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from o2o.errors import UnsupportedImage
from o2o.imaging import check_pixels

if TYPE_CHECKING:
    import tifffile

    from o2o.imaging_host import Colour, Samples

_COLOUR_OF_PHOTOMETRIC: Final[dict[int, tuple[Colour, int]]] = {
    1: ("grey", 1),
    2: ("rgb", 3),
    5: ("cmyk", 4),
}
_PHOTOSHOP_LAYERS: Final = 37724
_STORED, _LZW, _ADOBE_DEFLATE, _PACKBITS, _DEFLATE = 1, 5, 8, 32773, 32946
_NO_PREDICTOR, _HORIZONTAL = 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class Tiff:
    """A TIFF's first page.

    Attributes
    ----------
    colour : {'grey', 'rgb', 'cmyk'}
    samples : ndarray of uint8 or uint16, shape (H, W, C)
    profile : bytes or None
        Its ICC profile.
    dpi : tuple of float
        Pixels per inch across and down; empty where the file doesn't say.
    """

    colour: Colour
    samples: Samples
    profile: bytes | None
    dpi: tuple[float, ...]


def decode_tiff(data: bytes, *, max_pixels: int) -> Tiff:
    """Decode a TIFF's first page.

    Raises
    ------
    ImageTooLarge
        If it has more pixels; found before decoding.
    UnsupportedImage
        If it can't be marked and written back exactly; the message says what to save it as.
    """
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = _first_page(file)
        check_pixels((page.imagewidth, page.imagelength), max_pixels)
        colour, channels = _colour_of(page)
        samples: Samples = page.asarray()
        profile, dpi = page.iccprofile, _dpi(page)
    samples = samples if samples.ndim == 3 else samples[..., None]
    if samples.shape[2] < channels:
        raise UnsupportedImage(f"the TIFF has {samples.shape[2]} channels where {colour} needs {channels}")
    return Tiff(colour, samples, profile, dpi)


def encode_tiff(data: bytes, samples: Samples) -> bytes:
    """Return a TIFF with its first page's samples replaced.

    Parameters
    ----------
    data : bytes
        A file that `decode_tiff` takes.
    samples : ndarray of the shape and dtype that it gave
    """
    import tifffile

    file = io.BytesIO(data)
    with tifffile.TiffFile(file) as tiff:
        page = _first_page(tiff)
        placed = [
            _encode_segment(page, _block(page, samples, index, shape)) for _, index, shape in page.segments()
        ]
    offsets, lengths = _place(file, page.dataoffsets, page.databytecounts, placed)
    file.seek(0)
    with tifffile.TiffFile(file, mode="r+") as tiff:
        tags = _first_page(tiff).tags
        kind = "Tile" if "TileOffsets" in tags else "Strip"
        if offsets != list(page.dataoffsets):
            tags[f"{kind}Offsets"].overwrite(offsets)
        if lengths != list(page.databytecounts):
            tags[f"{kind}ByteCounts"].overwrite(lengths)
        return file.getvalue()


def _first_page(file: tifffile.TiffFile) -> tifffile.TiffPage:
    """The page that is marked."""
    import tifffile

    page = file.pages[0]
    if not isinstance(page, tifffile.TiffPage):
        raise UnsupportedImage("the TIFF's first page is no page of its own: save it anew")
    return page


def _colour_of(page: tifffile.TiffPage) -> tuple[Colour, int]:
    """What a page's channels are, if it can be marked and written back exactly."""
    compressions = {_STORED, _LZW, _ADOBE_DEFLATE, _PACKBITS, _DEFLATE}
    if page.photometric not in _COLOUR_OF_PHOTOMETRIC:
        raise UnsupportedImage("only grey, RGB and CMYK TIFFs can be marked: convert it")
    if page.dtype not in (np.uint8, np.uint16):
        raise UnsupportedImage(f"{page.dtype} samples can't be marked: save the TIFF with 8 or 16 bits")
    if page.compression not in compressions or page.predictor not in {_NO_PREDICTOR, _HORIZONTAL}:
        raise UnsupportedImage("this TIFF's compression can't be written back: save it with LZW, ZIP or none")
    if page.planarconfig != 1 and page.samplesperpixel > 1:
        raise UnsupportedImage("the TIFF keeps its channels apart: save it interleaved (pixel by pixel)")
    if _PHOTOSHOP_LAYERS in page.tags:
        raise UnsupportedImage("the TIFF holds layers, which would hide the mark: flatten it first")
    return _COLOUR_OF_PHOTOMETRIC[page.photometric]


def _dpi(page: tifffile.TiffPage) -> tuple[float, ...]:
    """Pixels per inch across and down, where the page states an absolute resolution."""
    unit_in = {2: 1.0, 3: 1 / 2.54}.get(page.tags.valueof("ResolutionUnit", 2))
    stated = [page.tags.valueof(name) for name in ("XResolution", "YResolution")]
    if unit_in is None or any(not value or not value[1] for value in stated):
        return ()
    return tuple(value[0] / value[1] / unit_in for value in stated)


def _block(page: tifffile.TiffPage, samples: Samples, index: Any, shape: Any) -> Samples:
    """The samples of one strip or tile; a tile over the edge is filled up by repeating the edge."""
    _, _, top, left, _ = index
    _, height, width, _ = shape
    block = samples[top : top + height, left : left + width]
    if page.is_tiled:
        missing = [(0, page.tilelength - block.shape[0]), (0, page.tilewidth - block.shape[1]), (0, 0)]
        return cast("Samples", np.pad(block, missing, mode="edge"))
    return block


def _encode_segment(page: tifffile.TiffPage, block: Samples) -> bytes:
    """One strip or tile in the page's predictor, byte order and compression."""
    if page.predictor == _HORIZONTAL:
        differences = block.copy()
        differences[:, 1:] -= block[:, :-1]  # wraps around, as the predictor does
        block = differences
    stored = block.astype(block.dtype.newbyteorder(page.parent.byteorder)).tobytes()
    if page.compression == _STORED:
        return stored
    if page.compression in {_ADOBE_DEFLATE, _DEFLATE}:
        return zlib.compress(stored)
    import imagecodecs

    if page.compression == _LZW:
        return bytes(imagecodecs.lzw_encode(stored))
    row_bytes = len(stored) // block.shape[0]  # PackBits runs end with their row
    rows = (stored[at : at + row_bytes] for at in range(0, len(stored), row_bytes))
    return b"".join(bytes(imagecodecs.packbits_encode(row)) for row in rows)


def _place(
    file: io.BytesIO, offsets: tuple[int, ...], lengths: tuple[int, ...], segments: list[bytes]
) -> tuple[list[int], list[int]]:
    """Write segments over the old ones, and what has no room there at the end; return where they are.

    The old ones are wiped: who is given a marked file must not find the unmarked picture in it.
    """
    spans = _merged(offsets, lengths)
    for start, end in spans:
        file.seek(start)
        file.write(bytes(end - start))
    grown = any(len(segment) > length for segment, length in zip(segments, lengths, strict=True))
    placed = _packed(spans, file.seek(0, io.SEEK_END), segments) if grown else list(offsets)
    for offset, segment in zip(placed, segments, strict=True):
        file.seek(offset)
        file.write(segment)
    return placed, [len(segment) for segment in segments]


def _merged(offsets: tuple[int, ...], lengths: tuple[int, ...]) -> list[tuple[int, int]]:
    """The stretches of the file that segments take, from start to end; those that touch are one."""
    spans: list[tuple[int, int]] = []
    for start, length in sorted(zip(offsets, lengths, strict=True)):
        if spans and start <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], start + length)
        else:
            spans.append((start, start + length))
    return spans


def _packed(spans: list[tuple[int, int]], end: int, segments: list[bytes]) -> list[int]:
    """Where segments go: one after the other in the first span with room, else from the file's end on."""
    free = [list(span) for span in spans]
    placed = []
    for segment in segments:
        room = next((span for span in free if span[1] - span[0] >= len(segment)), None)
        if room is None:
            placed.append(end)
            end += len(segment)
        else:
            placed.append(room[0])
            room[0] += len(segment)
    return placed
