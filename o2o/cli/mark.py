"""``o2o mark``: a designer's file in, the same file with a mark out."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from o2o.cli import codec
from o2o.cli.environment import current_settings, transaction
from o2o.cli.mark_report import WHAT_HELPS, WHAT_HELPS_ANYHOW, Report, measured, show

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from o2o.imaging_host import Host
    from watermarks import Payload
    from watermarks.strength import Choice

AUTO: Final = "auto"
LEAST_STRENGTH: Final = 0.1
GREATEST_STRENGTH: Final = 10.0

# A poster is read back in its middle: no phone has all of it in one photo at a readable distance.
VIEW_IN = 12.0

SUFFIXES: Final = {
    "jpeg": (".jpg", ".jpeg"),
    "png": (".png",),
    "tiff": (".tif", ".tiff"),
    "webp": (".webp",),
}
"""What a file of each format may be called."""


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("mark")(mark)


def mark(
    host: Annotated[
        Path, typer.Argument(metavar="HOST", help="The picture to mark: JPEG, PNG, TIFF or WebP.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where to write it, in the same format.")],
    id_: Annotated[
        str | None,
        typer.Option("--id", help="The ID to mark it with, 0x and 12 digits; random if not given."),
    ] = None,
    creative: Annotated[
        str | None, typer.Option(help="A registered creative whose ID to use: its ID or its UUID.")
    ] = None,
    dpi: Annotated[
        float | None, typer.Option(min=1, help="Pixels per inch on paper; the file's own if not given.")
    ] = None,
    strength: Annotated[
        str,
        typer.Option(
            metavar="N|auto",
            help="auto: the weakest whose prints are predicted to read, from what no eye sees on. Or a "
            "number, 1 being the profile's own: more reads better and shows more.",
        ),
    ] = AUTO,
    force: Annotated[bool, typer.Option("--force", help="Overwrite OUT if it is there.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    key_file: codec.KeyFile = None,
) -> None:
    """Mark a picture for print with an ID that nobody sees and a phone reads.

    The file's profile, dpi, EXIF, bit depth, CMYK and alpha are kept. Before it is written, the
    marked picture is read back: what would not read isn't written.

    Exit codes: 0 marked, 1 it would not read, 2 usage, or too small or too coarse to be marked, 3 unreadable
    file.
    """
    if id_ is not None and creative is not None:
        raise typer.BadParameter("say either --id or --creative, not both")
    given = _given_strength(strength)
    if out.exists() and not force:
        raise typer.BadParameter(f"{out} exists already: name another file, or say --force")
    codec.require_folder(out)
    key = codec.watermark_key(key_file)
    mark_id = _choose_id(id_, creative)
    picture = codec.read_host(host)
    marked, report = _mark(picture, mark_id, key, dpi=dpi, given=given, out=out)
    _write(out, marked, force=force)
    show(report, as_json=json_)


def _given_strength(text: str) -> float | None:
    """The strength asked for; None if it is to be chosen."""
    if text == AUTO:
        return None
    try:
        strength = float(text)
    except ValueError:
        strength = float("nan")
    if not LEAST_STRENGTH <= strength <= GREATEST_STRENGTH:
        raise typer.BadParameter(
            f"--strength is {AUTO} or a number from {LEAST_STRENGTH:g} to {GREATEST_STRENGTH:g}, not {text!r}"
        )
    return strength


def _choose_id(id_: str | None, creative: str | None) -> int:
    """The ID asked for, the creative's, or a random one."""
    from o2o.services.creatives import get_by_ref, parse_id
    from watermarks.payload import ID_BITS

    if creative is not None:
        with transaction(current_settings()) as session:
            return get_by_ref(session, creative).watermark_id
    return secrets.randbits(ID_BITS) if id_ is None else parse_id(id_)


def _mark(
    host: Host, mark_id: int, key: bytes, *, dpi: float | None, given: float | None, out: Path
) -> tuple[bytes, Report]:
    """The marked file's bytes, proven to read, and what there is to say about them."""
    from o2o.imaging_host import marked_samples
    from o2o.imaging_save import encode_like
    from watermarks import Payload
    from watermarks.embedder import mark_delta

    _require_suffix(out, host.format)
    dpi = codec.print_dpi(dpi, host.dpi)
    payload = Payload(mark_id)
    choice = None
    if given is None:
        choice = _choice(host, payload, key, dpi)
        given = choice.strength
    delta = mark_delta(host.view, payload, key, strength=given, dpi=dpi)
    marked = encode_like(host, marked_samples(host, delta))
    _require_readable(marked, payload, key, dpi=dpi, strength=given)
    report = measured(host, marked, payload, file=str(out), dpi=dpi, strength=given, choice=choice)
    return marked, report


def _choice(host: Host, payload: Payload, key: bytes, dpi: float) -> Choice:
    """The weakest strength whose prints are predicted to read; a poster's by its middle."""
    from watermarks.strength import choose_strength

    return choose_strength(_middle(host.view, round(VIEW_IN * dpi)), payload, key, dpi=dpi)


def _require_suffix(out: Path, format_: str) -> None:
    """Keep a file from going by the name of another format, as the mark is written in the host's own."""
    fitting = SUFFIXES[format_]
    if out.suffix.lower() not in fitting:
        raise typer.BadParameter(
            f"{out} would hold a {format_} picture like its host: name it with {' or '.join(fitting)}"
        )


def _require_readable(marked: bytes, payload: Payload, key: bytes, *, dpi: float, strength: float) -> None:
    """Read the very bytes that will be written; a promise that can't be kept isn't made."""
    from o2o.imaging import load_capture
    from o2o.services.creatives import format_id
    from watermarks import Miss, read

    image = load_capture(marked, max_bytes=codec.MAX_BYTES, max_pixels=codec.MAX_PIXELS).image
    found = read(_middle(image, round(VIEW_IN * dpi)), key)
    if isinstance(found, Miss):
        advice = WHAT_HELPS if strength < GREATEST_STRENGTH else WHAT_HELPS_ANYHOW
        raise codec.MarkRefused(
            f"the marked picture does not read, so it wasn't written: at strength {strength:g} it holds too "
            f"little of the mark; {advice}"
        )
    if payload not in {detection.payload for detection in found}:
        there = ", ".join(format_id(detection.payload.id) for detection in found)
        raise codec.MarkRefused(
            f"the picture already carries {there}, which drowns the new mark: mark the original instead"
        )


def _middle(image: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """The middle of an image, at most so large each way."""
    top, left = (max(0, n - side_px) // 2 for n in image.shape[:2])
    return image[top : top + side_px, left : left + side_px]


def _write(out: Path, marked: bytes, *, force: bool) -> None:
    """Put the file in its place."""
    from o2o.files import write_atomically

    try:
        write_atomically(out, marked, overwrite=force)
    except OSError as error:
        raise typer.BadParameter(f"{out} can't be written: {error.strerror or error}") from error
