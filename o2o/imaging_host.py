"""A designer's file -> the samples that a mark changes, and back.

A host is marked in the samples that its file stores: 8 or 16 bits, grey, RGB or CMYK, unturned and in
its own profile. The codec sees it as 8-bit RGB (`Host.view`) and answers with what to add; here that
becomes a change of the stored samples. Alpha and further channels stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from o2o.errors import ImageError, UnreadableImage, UnsupportedImage
from o2o.imaging import check_bytes, check_pixels, open_picture, sniff_format
from o2o.imaging_colour import to_srgb

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Samples = NDArray[np.uint8] | NDArray[np.uint16]
Colour = Literal["grey", "rgb", "cmyk"]

HOST_FORMATS: Final = ("jpeg", "png", "tiff", "webp")
_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
_COLOUR_OF_MODE: Final[dict[str, Colour]] = {
    "L": "grey",
    "LA": "grey",
    "RGB": "rgb",
    "RGBA": "rgb",
    "CMYK": "cmyk",
}
_SAVE_AS: Final = "save it as 8- or 16-bit grey, RGB or CMYK"


@dataclass(frozen=True, slots=True, eq=False)
class Host:
    """A file to mark.

    Attributes
    ----------
    data : bytes
        The file as it came.
    format : {'jpeg', 'png', 'tiff', 'webp'}
    colour : {'grey', 'rgb', 'cmyk'}
        What the first 1, 3 or 4 channels are; further ones are alpha and the like.
    samples : ndarray of uint8 or uint16, shape (H, W, C)
        As stored: not turned upright, not converted. CMYK counts ink: 0 is paper.
    view : ndarray of uint8, shape (H, W, 3)
        The samples as 8-bit RGB: their own values where they are RGB (in the file's own profile),
        sRGB through the profile where they are CMYK.
    dpi : float or None
        Pixels per inch, where the file says.
    """

    data: bytes
    format: str
    colour: Colour
    samples: Samples
    view: NDArray[np.uint8]
    dpi: float | None


def load_host(data: bytes, *, max_bytes: int, max_pixels: int) -> Host:
    """Decode a file to mark.

    Parameters
    ----------
    data : bytes
        A whole JPEG, PNG, TIFF or WebP file.
    max_bytes, max_pixels : int
        The largest file and picture taken; both are checked before anything is decoded.

    Raises
    ------
    ImageTooLarge
        More bytes or pixels than allowed.
    UnsupportedImage
        Not a picture, or one that can't be marked and saved without loss: a palette, an animation,
        layers, HEIC. The message says what to save it as.
    UnreadableImage
        Truncated or corrupt.
    """
    check_bytes(len(data), max_bytes)
    try:
        format_ = sniff_format(data)
    except UnsupportedImage as error:
        raise UnsupportedImage(
            "this is no picture in a format that can be marked: save it as JPEG, PNG, TIFF or WebP"
        ) from error
    if format_ not in HOST_FORMATS:
        raise UnsupportedImage(f"{format_} files can be read but not marked: save it as TIFF, PNG or JPEG")
    try:
        if format_ == "tiff":
            return _load_tiff(data, max_pixels)
        return _load_picture(data, format_, max_pixels)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # the decoders raise whatever malformed bytes provoke
        raise UnreadableImage(f"the {format_} file is truncated or corrupt ({error})") from error


def marked_samples(host: Host, delta: NDArray[np.float32]) -> Samples:
    """Add a mark to a host's samples.

    Parameters
    ----------
    host : Host
    delta : ndarray of float32, shape (H, W, 3)
        What to add to `Host.view`, in 8-bit levels.

    Returns
    -------
    ndarray of the samples' own shape and dtype
        Grey takes the luma of the delta. CMYK takes it as ink, see `ink_delta`.
    """
    full = np.iinfo(host.samples.dtype).max
    levels = full / 255
    channels = {"grey": 1, "rgb": 3, "cmyk": 4}[host.colour]
    colour = host.samples[..., :channels].astype(np.float32)
    if host.colour == "grey":
        change = (delta @ _LUMA)[..., None] * levels
    elif host.colour == "rgb":
        change = delta * levels
    else:
        change = ink_delta(colour / levels, delta) * levels
    marked = host.samples.copy()
    marked[..., :channels] = np.clip(np.rint(colour + change), 0, full)
    return marked


def ink_delta(inks: NDArray[np.float32], delta: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn a change of RGB into a change of ink.

    Inks are taken for ideal filters: R = 255 (1 - C/255) (1 - K/255), G by M and B by Y alike. A
    change of red is thus one of cyan, and larger under black, up to twice. What cyan, magenta and
    yellow have no room for (a grey of black ink alone can't get lighter by taking cyan away) goes to
    black. No press behaves so exactly, and a profile's inverse would be no better: it would throw
    the designer's separation away. The codec needs the change's sign and rough size, and the caller
    reads the marked file back through its profile before promising anything.

    Parameters
    ----------
    inks : ndarray of float32, shape (H, W, 4)
        C, M, Y, K, 0 (paper) to 255 (solid).
    delta : ndarray of float32, shape (H, W, 3)
        Change of R, G, B in 8-bit levels.

    Returns
    -------
    ndarray of float32, shape (H, W, 4)
        The change of each ink; sums stay within 0 to 255.
    """
    cmy, black = inks[..., :3], inks[..., 3:]
    under_black = np.maximum(1 - black / 255, 0.5)
    changed = np.clip(cmy - delta / under_black, 0, 255)
    missed = delta + (changed - cmy) * under_black
    through_cmy = np.maximum(1 - cmy.mean(axis=-1, keepdims=True) / 255, 0.5)
    changed_black = np.clip(black - missed.mean(axis=-1, keepdims=True) / through_cmy, 0, 255)
    return np.concatenate([changed - cmy, changed_black - black], axis=-1)


def _load_tiff(data: bytes, max_pixels: int) -> Host:
    """A TIFF through tifffile, which keeps 16 bits and CMYK."""
    from o2o.imaging_tiff import decode_tiff

    tiff = decode_tiff(data, max_pixels=max_pixels)
    view = _view(tiff.colour, tiff.samples, tiff.profile)
    return Host(data, "tiff", tiff.colour, tiff.samples, view, _plausible_dpi(tiff.dpi))


def _load_picture(data: bytes, format_: str, max_pixels: int) -> Host:
    """A JPEG, PNG or WebP."""
    with open_picture(data, format_) as picture:
        check_pixels(picture.size, max_pixels)
        if getattr(picture, "is_animated", False) and picture.format != "MPO":
            raise UnsupportedImage("an animation can't be marked: save one frame of it")
        decode = _decode_png if format_ == "png" else _decode_by_mode
        colour, samples = decode(data, picture)
        view = _view(colour, samples, picture.info.get("icc_profile"))
        return Host(data, format_, colour, samples, view, _plausible_dpi(picture.info.get("dpi", ())))


def _decode_by_mode(_data: bytes, picture: Picture) -> tuple[Colour, Samples]:
    """Samples of a picture of 8 bits, which Pillow holds as they are stored."""
    colour = _COLOUR_OF_MODE.get(picture.mode)
    if colour is None:
        raise UnsupportedImage(f"pictures of mode {picture.mode} can't be marked: {_SAVE_AS}")
    picture.load()
    samples = np.asarray(picture)
    return colour, samples if samples.ndim == 3 else samples[..., None]


def _decode_png(data: bytes, picture: Picture) -> tuple[Colour, Samples]:
    """A PNG's samples with all their bits, which Pillow would cut to 8."""
    import imagecodecs

    depth, colour_type = data[24], data[25]
    if colour_type == 3:
        raise UnsupportedImage("a palette has no shades to hold a mark: save the PNG as RGB")
    if depth < 8:
        raise UnsupportedImage(f"{depth} bits a pixel hold no mark: {_SAVE_AS}")
    if "transparency" in picture.info:
        raise UnsupportedImage("one colour stands for transparency: save the PNG with an alpha channel")
    picture.load()  # Pillow checks every chunk's CRC and that all the data is there
    samples = np.asarray(imagecodecs.png_decode(data))
    return ("grey" if colour_type in {0, 4} else "rgb"), samples if samples.ndim == 3 else samples[..., None]


def _view(colour: Colour, samples: Samples, profile: bytes | None) -> NDArray[np.uint8]:
    """Samples as the codec sees them: 8-bit RGB."""
    eight_bit = samples if samples.dtype == np.uint8 else np.rint(samples / 257).astype(np.uint8)
    if colour == "grey":
        return np.repeat(eight_bit[..., :1], 3, axis=2).astype(np.uint8, copy=False)
    if colour == "rgb":
        return np.ascontiguousarray(eight_bit[..., :3], np.uint8)
    from PIL import Image

    separations = Image.frombytes("CMYK", samples.shape[1::-1], eight_bit[..., :4].tobytes())
    separations.info["icc_profile"] = profile
    return np.asarray(to_srgb(separations), np.uint8)


def _plausible_dpi(stated: Sequence[float]) -> float | None:
    """Pixels per inch that a file states, of the finer axis; None where it says nothing of use."""
    finer = max((float(value) for value in stated if value), default=0.0)
    if not 1 < finer < 100_000:
        return None
    # A PNG counts whole pixels per metre, so that 150 dpi comes back as 150.0124.
    return float(round(finer)) if abs(finer - round(finer)) < 0.013 else finer
