"""load_capture: what comes in, upright and in sRGB, and what is turned away, before decoding."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from o2o.errors import ImageError, ImageTooLarge, ImageTooSmall, UnreadableImage, UnsupportedImage
from o2o.imaging import Photo, load_capture, pillow, upright

MAX_BYTES = 25_000_000
MAX_PIXELS = 60_000_000
LOSSY = {"AVIF", "HEIF", "JPEG"}

pillow()  # registers HEIF, which the tests write as well


def load(data: bytes) -> Photo:
    return load_capture(data, max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS)


def quarters(width: int = 120, height: int = 80) -> Image.Image:
    """Four flat fields, red, green, blue and white by rows, so that every turn shows."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = 200, 40, 40
    pixels[: height // 2, width // 2 :] = 40, 200, 40
    pixels[height // 2 :, : width // 2] = 40, 40, 200
    pixels[height // 2 :, width // 2 :] = 230, 230, 230
    return Image.fromarray(pixels)


def encoded(picture: Image.Image, format_: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, format_, **options)
    return file.getvalue()


def noise(width: int = 200, height: int = 150) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8))


def png_header(width: int, height: int) -> bytes:
    """A PNG bomb: an honest header and a single chunk of compressed zeros."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1_000_000)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_each_format_gives_its_pixels_and_its_name(format_: str) -> None:
    picture = quarters()
    options = {"lossless": True} if format_ == "WEBP" else {"quality": 95} if format_ in LOSSY else {}
    photo = load(encoded(picture, format_, **options))
    assert photo.format == {"HEIF": "heic"}.get(format_, format_.lower())
    assert photo.image.shape == (80, 120, 3)
    assert photo.image.dtype == np.uint8
    difference = np.abs(photo.image.astype(int) - np.asarray(picture))
    assert np.median(difference) <= (2 if format_ in LOSSY else 0)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(format_: str, orientation: int) -> None:
    stored = quarters()
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen = np.asarray(_seen(stored, orientation))
    image = load(encoded(stored, format_, exif=exif.tobytes())).image
    assert image.shape == seen.shape
    assert np.median(np.abs(image.astype(int) - seen)) <= 4


def _seen(stored: Image.Image, orientation: int) -> Image.Image:
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    return stored.transpose(turns[orientation]) if orientation in turns else stored


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_agrees_with_pillow(orientation: int) -> None:
    stored = noise(5, 3)
    assert np.array_equal(upright(np.asarray(stored), orientation), np.asarray(_seen(stored, orientation)))


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.95])
def test_a_truncated_file_is_an_error_not_a_grey_half(format_: str, kept: float) -> None:
    data = encoded(noise(), format_)
    with pytest.raises(ImageError):
        load(data[: int(len(data) * kept)])


def test_a_truncated_jpeg_with_a_whole_thumbnail_is_an_error() -> None:
    thumbnail = encoded(quarters(), "JPEG")
    comment = b"\xff\xfe" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    data = encoded(noise(), "JPEG")
    with_thumbnail = data[:2] + comment + data[2:]
    assert load(with_thumbnail).image.shape == (150, 200, 3)
    with pytest.raises(UnreadableImage, match="truncated"):
        load(with_thumbnail[: len(with_thumbnail) * 3 // 4])


def test_bytes_after_the_end_of_a_jpeg_are_passed_over() -> None:
    """Phones append films and second pictures."""
    photo = load(encoded(quarters(), "JPEG") + b"film" * 1000)
    assert photo.image.shape == (80, 120, 3)
    assert photo.image.flags.c_contiguous


def test_a_progressive_and_a_grey_jpeg_are_read() -> None:
    assert load(encoded(quarters(), "JPEG", progressive=True)).image.shape == (80, 120, 3)
    grey = load(encoded(quarters().convert("L"), "JPEG")).image
    assert np.ptp(grey, axis=2).max() == 0


def test_a_png_bomb_is_turned_away_without_unfolding() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ImageTooLarge, match="30000 x 30000"):
            load(png_header(30_000, 30_000))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 20_000_000


def test_too_many_bytes_are_turned_away_unread() -> None:
    with pytest.raises(ImageTooLarge, match="25,000,000"):
        load(bytes(MAX_BYTES + 1))


def test_one_pixel_is_too_small() -> None:
    with pytest.raises(ImageTooSmall, match="64 pixels"):
        load(encoded(Image.new("RGB", (1, 1)), "PNG"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"hello, I am a text file named photo.jpg",
        b"%PDF-1.7 not a photo",
        b"GIF89a" + bytes(64),
    ],
)
def test_what_is_no_photo_is_unsupported(data: bytes) -> None:
    with pytest.raises(UnsupportedImage):
        load(data)


def test_a_wide_gamut_profile_is_converted_to_srgb() -> None:
    """Swapped primaries stand in for a phone's Display P3: the profile is surely not sRGB."""
    picture = quarters()
    plain = load(encoded(picture, "PNG")).image
    wide = load(encoded(picture, "PNG", icc_profile=_swapped_primaries())).image
    assert np.abs(wide.astype(int) - plain).max() > 20
    jpeg = load(encoded(picture, "JPEG", quality=98, icc_profile=_swapped_primaries())).image
    assert np.median(np.abs(jpeg.astype(int) - wide)) <= 3


def test_srgb_by_any_name_changes_nothing() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = noise()
    assert np.array_equal(load(encoded(picture, "PNG", icc_profile=srgb)).image, np.asarray(picture))


def test_a_broken_profile_is_passed_over() -> None:
    data = encoded(quarters(), "PNG", icc_profile=b"not a profile at all" * 10)
    assert np.array_equal(load(data).image, np.asarray(quarters()))


def _swapped_primaries() -> bytes:
    """An sRGB profile whose red and blue primaries have changed places."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"tmpX", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"tmpX", b"bXYZ", 1)


def test_transparency_lies_on_white_paper() -> None:
    picture = quarters().convert("RGBA")
    picture.putalpha(0)
    assert load(encoded(picture, "PNG")).image.min() == 255
    palette = quarters().quantize(4)
    assert load(encoded(palette, "PNG")).image.shape == (80, 120, 3)
    assert load(encoded(palette, "PNG", transparency=bytes(256))).image.min() == 255


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    ramp = np.tile(np.linspace(0, 65535, 100).astype(np.uint16), (80, 1))
    image = load(encoded(Image.fromarray(ramp), "PNG")).image
    assert np.array_equal(image[:, :, 0], ramp >> 8)


def test_cmyk_jpeg_is_read_the_right_way_up() -> None:
    image = load(encoded(quarters().convert("CMYK"), "JPEG", quality=98)).image
    assert np.median(np.abs(image.astype(int) - np.asarray(quarters()))) <= 4


def test_floating_point_tiff_is_unsupported() -> None:
    with pytest.raises(UnsupportedImage, match="8 or 16 bits"):
        load(encoded(Image.fromarray(np.zeros((80, 80), np.float32)), "TIFF"))


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
@given(at=st.floats(0, 1), junk=st.binary(min_size=1, max_size=40))
def test_corrupt_bytes_give_a_photo_or_one_of_our_errors(format_: str, at: float, junk: bytes) -> None:
    data = bytearray(_small_files()[format_])
    place = int(at * (len(data) - 1))
    data[place : place + len(junk)] = junk
    try:
        photo = load_capture(bytes(data), max_bytes=MAX_BYTES, max_pixels=1_000_000)
    except ImageError:
        return
    assert photo.image.ndim == 3


_FILES: dict[str, bytes] = {}


def _small_files() -> dict[str, bytes]:
    """One small file a format, encoded once."""
    if not _FILES:
        _FILES.update({f: encoded(noise(80, 72), f) for f in ("JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF")})
    return _FILES
