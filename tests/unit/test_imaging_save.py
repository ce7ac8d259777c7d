"""Marking a file changes its pixels and nothing else, whatever it is."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from o2o.errors import ImageError, ImageTooLarge, UnreadableImage, UnsupportedImage
from o2o.files import write_atomically
from o2o.imaging_host import Host, ink_delta, load_host, marked_samples
from o2o.imaging_save import encode_like

HEIGHT, WIDTH = 90, 130
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def smooth(channels: int, dtype: type[np.unsignedinteger[Any]]) -> NDArray[Any]:
    """A picture with room in every sample for the marks below."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [60 + 100 * ((rows * (c + 1) + columns) % 160) / 160 for c in range(channels)]
    return (np.stack(planes, axis=-1) * (np.iinfo(dtype).max / 255)).astype(dtype)


def ripple() -> NDArray[np.float32]:
    """A mark of a few levels, different in every channel."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = [4 * np.sin(rows / 5), 3 * np.cos(columns / 4), -4 * np.sin((rows + columns) / 6)]
    return np.stack(waves, axis=-1).astype(np.float32)


def saved(picture: Image.Image, format_: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format_, **options)
    return file.getvalue()


def tiff(samples: NDArray[Any], **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, samples if samples.shape[-1] > 1 else samples[..., 0], **options)
    return file.getvalue()


def png(samples: NDArray[Any]) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.png_encode(samples if samples.shape[-1] > 1 else samples[..., 0]))


def load(data: bytes, max_pixels: int = 1_000_000) -> Host:
    return load_host(data, max_bytes=10_000_000, max_pixels=max_pixels)


def remade(data: bytes) -> tuple[Host, Host]:
    """A host and what its marked file reads back as."""
    host = load(data)
    return host, load(encode_like(host, marked_samples(host, ripple())))


def exif() -> bytes:
    tags = Image.Exif()
    tags[0x010F] = "Camera & Sons"
    tags[0x0112] = 6
    return tags.tobytes()


PICTURES: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: saved(Image.fromarray(smooth(3, np.uint8)), "JPEG", quality=90),
    "jpeg-grey": lambda: saved(Image.fromarray(smooth(1, np.uint8)[..., 0]), "JPEG"),
    "jpeg-cmyk": lambda: saved(Image.fromarray(smooth(4, np.uint8), "CMYK"), "JPEG", quality=95),
    "webp": lambda: saved(Image.fromarray(smooth(3, np.uint8)), "WEBP", quality=90),
    "webp-lossless": lambda: saved(Image.fromarray(smooth(4, np.uint8)), "WEBP", lossless=True, exact=True),
    "png-1x8": lambda: png(smooth(1, np.uint8)),
    "png-1x16": lambda: png(smooth(1, np.uint16)),
    "png-2x8": lambda: png(smooth(2, np.uint8)),
    "png-2x16": lambda: png(smooth(2, np.uint16)),
    "png-3x8": lambda: png(smooth(3, np.uint8)),
    "png-3x16": lambda: png(smooth(3, np.uint16)),
    "png-4x8": lambda: png(smooth(4, np.uint8)),
    "png-4x16": lambda: png(smooth(4, np.uint16)),
    "tiff-grey-8": lambda: tiff(smooth(1, np.uint8), photometric="minisblack"),
    "tiff-grey-16": lambda: tiff(smooth(1, np.uint16), photometric="minisblack"),
    "tiff-rgb-8": lambda: tiff(smooth(3, np.uint8), photometric="rgb"),
    "tiff-rgb-16": lambda: tiff(smooth(3, np.uint16), photometric="rgb"),
    "tiff-rgba-16": lambda: tiff(smooth(4, np.uint16), photometric="rgb", extrasamples=["unassalpha"]),
    "tiff-cmyk-8": lambda: tiff(smooth(4, np.uint8), photometric="separated"),
    "tiff-cmyk-16": lambda: tiff(smooth(4, np.uint16), photometric="separated"),
}
LOSSY = {"jpeg", "jpeg-grey", "jpeg-cmyk", "webp"}


@pytest.mark.parametrize("name", PICTURES)
def test_the_marked_file_holds_the_marked_samples_in_the_hosts_form(name: str) -> None:
    host, marked = remade(PICTURES[name]())
    assert (marked.format, marked.colour) == (host.format, host.colour)
    assert (marked.samples.dtype, marked.samples.shape) == (host.samples.dtype, host.samples.shape)
    wanted = marked_samples(host, ripple())
    error = np.abs(marked.samples.astype(int) - wanted)
    if name in LOSSY:
        assert error.mean() < 2
    else:
        assert error.max() == 0
    if name != "webp":  # its chroma is subsampled and the ripple mostly chroma
        change = marked.view.astype(float) - host.view
        assert np.corrcoef(change.ravel(), _seen(host).ravel())[0, 1] > 0.8


def _seen(host: Host) -> NDArray[np.float64]:
    """The ripple as the view shows it: grey pictures take its luma."""
    if host.colour != "grey":
        return ripple().astype(np.float64)
    return np.repeat((ripple() @ np.array([0.299, 0.587, 0.114]))[..., None], 3, axis=2)


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits"])
@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("layout", [{}, {"tile": (64, 48)}, {"rowsperstrip": 7}])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_every_common_tiff_layout_is_written_back_exactly(
    compression: str | None, predictor: bool, layout: dict[str, Any], byteorder: str
) -> None:
    if predictor and compression in {None, "packbits"}:
        predictor = False  # TIFF 6.0 defines it for LZW; ZIP took it over
    for dtype in (np.uint8, np.uint16):
        data = tiff(
            smooth(3, dtype),
            photometric="rgb",
            compression=compression,
            predictor=predictor,
            byteorder=byteorder,
            **layout,
        )
        host, marked = remade(data)
        assert np.array_equal(marked.samples, marked_samples(host, ripple()))


@pytest.mark.parametrize("compression", ["lzw", "deflate", None])
def test_nothing_of_the_unmarked_picture_is_left_in_a_tiff(compression: str | None) -> None:
    host, marked = remade(
        tiff(smooth(3, np.uint8), photometric="rgb", compression=compression, rowsperstrip=8)
    )

    with (
        tifffile.TiffFile(io.BytesIO(host.data)) as before,
        tifffile.TiffFile(io.BytesIO(marked.data)) as after,
    ):
        old, new = before.pages[0], after.pages[0]
        strips = [host.data[at : at + n] for at, n in zip(old.dataoffsets, old.databytecounts, strict=True)]
        grown_to = len(host.data) + sum(new.databytecounts)
    assert len(strips) > 3
    assert not [strip for strip in strips if strip in marked.data]
    assert len(marked.data) < grown_to, "the old strips' room is used again"


def test_a_tiffs_tags_and_further_pages_stay_as_they_are() -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        notes = [(65000, "s", 0, "a printer's private note", True)]
        options: dict[str, Any] = {"compression": "zlib", "metadata": None, "iccprofile": PROFILE}
        writer.write(smooth(3, np.uint8), photometric="rgb", extratags=notes, **options)
        writer.write(smooth(3, np.uint8)[::-1], photometric="rgb", **options)
    host, marked = remade(file.getvalue())
    with (
        tifffile.TiffFile(io.BytesIO(host.data)) as before,
        tifffile.TiffFile(io.BytesIO(marked.data)) as after,
    ):
        moved = {"StripOffsets", "StripByteCounts"}
        for page in (0, 1):
            old, new = (file.pages.get(page, aspage=True).aspage().tags for file in (before, after))
            assert {t.name: t.value for t in old if t.name not in moved} == {
                t.name: t.value for t in new if t.name not in moved
            }
        assert np.array_equal(before.pages[1].asarray(), after.pages[1].asarray())


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_profile_exif_and_orientation_are_kept(format_: str) -> None:
    picture = Image.fromarray(smooth(3, np.uint8))
    host, marked = remade(saved(picture, format_, icc_profile=PROFILE, exif=exif()))
    assert host.samples.shape == (HEIGHT, WIDTH, 3)  # stored, not turned
    with Image.open(io.BytesIO(marked.data)) as reopened:
        assert reopened.info["icc_profile"] == PROFILE
        assert reopened.getexif()[0x010F] == "Camera & Sons"
        assert reopened.getexif()[0x0112] == 6


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "TIFF"])
def test_dpi_is_read_and_kept(format_: str) -> None:
    host, marked = remade(saved(Image.fromarray(smooth(3, np.uint8)), format_, dpi=(266, 266)))
    assert host.dpi == pytest.approx(266, abs=0.1)
    assert marked.dpi == host.dpi


def test_a_file_that_states_no_dpi_has_none() -> None:
    assert load(png(smooth(3, np.uint8))).dpi is None


def test_unknown_segments_and_chunks_are_carried_over() -> None:
    jpeg = saved(Image.fromarray(smooth(3, np.uint8)), "JPEG")
    notes = b"\xff\xed\x00\x10IPTC and so on" + b"\xff\xfe\x00\x09comment"
    _, marked = remade(jpeg[:2] + notes + jpeg[2:])
    assert notes in marked.data
    flat = png(smooth(3, np.uint8))
    chunk = _chunk(b"prVt", b"a printer's note")
    _, marked = remade(flat[:33] + chunk + flat[33:-12] + chunk + flat[-12:])
    assert marked.data.count(chunk) == 2
    assert marked.data.rindex(chunk) > marked.data.index(b"IDAT")


def _chunk(kind: bytes, body: bytes) -> bytes:
    import zlib

    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def test_a_marked_jpeg_is_as_fine_as_its_host_and_keeps_full_chroma() -> None:
    picture = Image.fromarray(smooth(3, np.uint8))
    fine, coarse = (load(saved(picture, "JPEG", quality=q)) for q in (99, 40))
    for host, steps in ((fine, _steps(fine.data)), (coarse, _steps(saved(picture, "JPEG", quality=95)))):
        marked = encode_like(host, host.samples)
        assert all((new <= old).all() for new, old in zip(_steps(marked), steps, strict=True))
        with Image.open(io.BytesIO(marked)) as reopened:
            assert {sampling[1:3] for sampling in reopened.layer} == {(1, 1)}  # type: ignore[attr-defined]


def _steps(jpeg: bytes) -> list[NDArray[np.int64]]:
    with Image.open(io.BytesIO(jpeg)) as picture:
        return [np.asarray(table) for table in picture.quantization.values()]  # type: ignore[attr-defined]


def test_alpha_is_kept() -> None:
    samples = smooth(4, np.uint8)
    host, marked = remade(png(samples))
    assert np.array_equal(marked.samples[..., 3], samples[..., 3])
    assert not np.array_equal(marked.samples[..., :3], host.samples[..., :3])


def test_sixteen_bits_are_marked_in_their_own_steps() -> None:
    host = load(png(np.full((HEIGHT, WIDTH, 3), 30_000, np.uint16)))
    faint = np.full((HEIGHT, WIDTH, 3), 0.1, np.float32)
    assert (marked_samples(host, faint) == 30_000 + 26).all()


@pytest.mark.parametrize(
    ("inks", "delta", "expected"),
    [
        ((100, 100, 100, 0), (-5, 0, 5), (105, 100, 95, 0)),  # less red is more cyan
        ((100, 100, 100, 51), (-4, 0, 4), (105, 100, 95, 51)),  # 1 / (1 - 0.2) more under 20 % black
        ((0, 0, 0, 100), (5, 5, 5), (0, 0, 0, 95)),  # grey of black ink alone gets lighter by black
        ((0, 0, 0, 0), (5, 5, 5), (0, 0, 0, 0)),  # paper can't get lighter
    ],
)
def test_rgb_changes_become_ink(
    inks: tuple[int, ...], delta: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    ink = np.array([[inks]], np.float32)
    assert ink + ink_delta(ink, np.array([[delta]], np.float32)) == pytest.approx(np.array([[expected]]))


@pytest.mark.parametrize(
    ("data", "advice"),
    [
        (lambda: saved(Image.fromarray(smooth(3, np.uint8)).quantize(16), "PNG"), "RGB"),
        (lambda: saved(Image.new("1", (99, 99)), "PNG"), "8- or 16-bit"),
        (lambda: saved(Image.new("RGB", (99, 99)), "PNG", transparency=(1, 2, 3)), "alpha channel"),
        (lambda: saved(Image.new("RGB", (99, 99)), "AVIF"), "TIFF, PNG or JPEG"),
        (lambda: tiff(smooth(3, np.uint8), photometric="rgb", compression="zstd"), "LZW, ZIP or none"),
        (lambda: tiff(smooth(3, np.uint8).astype(np.float32), photometric="rgb"), "8 or 16 bits"),
        (lambda: tiff(smooth(3, np.uint8), photometric="rgb", planarconfig="separate"), "TIFF"),
        (
            lambda: tiff(
                smooth(3, np.uint8), photometric="rgb", extratags=[(37724, 7, 8, b"8BIMLayr", True)]
            ),
            "flatten",
        ),
        (
            lambda: saved(
                Image.new("RGB", (99, 99)),
                "WEBP",
                save_all=True,
                append_images=[Image.new("RGB", (99, 99), "red")],
            ),
            "animation",
        ),
    ],
)
def test_what_cannot_be_marked_is_refused_with_advice(data: Callable[[], bytes], advice: str) -> None:
    with pytest.raises(UnsupportedImage, match=advice):
        load(data())


@pytest.mark.parametrize("name", ["jpeg", "webp", "png-3x8", "png-3x16", "tiff-rgb-8", "tiff-cmyk-16"])
def test_a_truncated_host_is_unreadable(name: str) -> None:
    data = PICTURES[name]()
    with pytest.raises(UnreadableImage):
        load(data[: len(data) // 2])


@pytest.mark.parametrize("name", ["jpeg", "webp", "png-3x16", "tiff-cmyk-16"])
def test_a_host_too_large_is_refused_before_it_is_decoded(name: str) -> None:
    data = PICTURES[name]()
    assert load(data, HEIGHT * WIDTH).samples.shape[:2] == (HEIGHT, WIDTH)
    # Its pixels are corrupt; nobody looks at them.
    with pytest.raises(ImageTooLarge, match="smaller copy"):
        load(data[: len(data) // 2] + bytes(len(data) - len(data) // 2), HEIGHT * WIDTH - 1)
    with pytest.raises(ImageTooLarge, match="smaller copy"):
        load_host(data, max_bytes=len(data) - 1, max_pixels=HEIGHT * WIDTH)


def test_text_is_no_host() -> None:
    with pytest.raises(ImageError):
        load(b"just words")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "marked.png"
    write_atomically(path, b"first", overwrite=False)
    with pytest.raises(FileExistsError, match="--force"):
        write_atomically(path, b"second", overwrite=False)
    assert path.read_bytes() == b"first"
    write_atomically(path, b"second", overwrite=True)
    assert path.read_bytes() == b"second"
    assert [entry.name for entry in tmp_path.iterdir()] == ["marked.png"]
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "nowhere" / "marked.png", b"data", overwrite=False)


@pytest.mark.parametrize("has_links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_overwritten(
    has_links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "marked.png"

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    write_atomically(path, b"mine", overwrite=False)
    assert path.read_bytes() == b"mine"
    path.unlink()
    flush = os.fsync

    def flush_while_another_writes(descriptor: int) -> None:
        path.write_bytes(b"another's")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", flush_while_another_writes)
    with pytest.raises(FileExistsError, match="--force"):
        write_atomically(path, b"mine", overwrite=False)
    assert path.read_bytes() == b"another's"
    assert [entry.name for entry in tmp_path.iterdir()] == ["marked.png"]
