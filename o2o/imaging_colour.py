"""Colour modes and ICC profiles -> 8-bit sRGB.

Pillow is imported at first use: the command line starts without it.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from o2o.errors import UnsupportedImage

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


def to_srgb(picture: Picture) -> Picture:
    """A decoded picture in 8-bit sRGB through its ICC profile, over white where transparent.

    Without a profile RGB is taken for sRGB and CMYK is converted the simple way. A profile that can't
    be used is passed over, as viewers do.

    Raises
    ------
    UnsupportedImage
        If its samples are floating-point numbers.
    """
    from PIL import Image

    if picture.mode.startswith("I"):
        picture = _eight_bit_grey(picture)
    elif picture.mode == "F":
        raise UnsupportedImage("floating-point pictures aren't taken: save it with 8 or 16 bits")
    profile = picture.info.get("icc_profile")
    if picture.mode in {"P", "PA", "La", "RGBa"} or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    alpha = picture.getchannel("A") if picture.mode in {"RGBA", "LA"} else None
    if alpha is not None:
        picture = picture.convert(picture.mode.removesuffix("A"))
    colour = (through_profile(picture, profile) if profile else None) or picture.convert("RGB")
    if alpha is None:
        return colour
    paper = Image.new("RGB", colour.size, "white")
    paper.paste(colour, mask=alpha)
    return paper


def through_profile(picture: Picture, profile: bytes) -> Picture | None:
    """A picture in sRGB; None where its profile can't be used or is sRGB by another name."""
    from PIL import Image, ImageCms

    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            picture.mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    if picture.mode == "RGB":
        levels = np.linspace(0, 255, 6).astype(np.uint8)
        samples = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
        converted = np.asarray(ImageCms.applyTransform(Image.fromarray(samples), transform))
        if np.abs(converted.astype(int) - samples).max() <= 1:
            return None
    return ImageCms.applyTransform(picture, transform)


def _eight_bit_grey(picture: Picture) -> Picture:
    """16-bit grey in 8 bits; Pillow's own conversion would clip instead of scaling."""
    from PIL import Image

    samples = np.clip(np.asarray(picture).astype(np.int64), 0, 65535)
    grey = Image.fromarray((samples >> 8).astype(np.uint8))
    grey.info = picture.info
    return grey
