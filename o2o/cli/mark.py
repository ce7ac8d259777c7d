"""``o2o mark``: a designer's file in, the same file with a mark out."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from o2o.cli import codec
from o2o.cli.environment import current_settings, transaction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from o2o.imaging_host import Host
    from watermarks import Payload

# A poster is read back in its middle: no phone has all of it in one photo at a readable distance.
VIEW_IN = 12.0

SUFFIXES: Final = {
    "jpeg": (".jpg", ".jpeg"),
    "png": (".png",),
    "tiff": (".tif", ".tiff"),
    "webp": (".webp",),
}
"""What a file of each format may be called."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was made; lengths in millimetres, ``file`` as it was named."""

    file: str
    id: str
    profile: int
    format: str
    width_px: int
    height_px: int
    dpi: float
    strength: float
    psnr_db: float
    visibility: dict[str, float]
    smallest_print_mm: tuple[float, float] | None


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("mark")(mark)


def mark(
    host: Annotated[Path, typer.Argument(help="The picture to mark: JPEG, PNG, TIFF or WebP.")],
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
        float, typer.Option(min=0.1, max=5, help="1 is the profile's own; more reads better and shows more.")
    ] = 1.0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite OUT if it is there.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    key_file: codec.KeyFile = None,
) -> None:
    """Mark a picture for print with an ID that nobody sees and a phone reads.

    The file's profile, dpi, EXIF, bit depth, CMYK and alpha are kept. Before it is written, the
    marked picture is read back: what would not read isn't written.

    Exit codes: 0 marked, 1 it would not read or can't be marked, 2 usage, 3 unreadable file.
    """
    if id_ is not None and creative is not None:
        raise typer.BadParameter("say either --id or --creative, not both")
    if out.exists() and not force:
        raise typer.BadParameter(f"{out} exists already: name another file, or say --force")
    codec.require_folder(out)
    key = codec.watermark_key(key_file)
    mark_id = _choose_id(id_, creative)
    picture = codec.read_host(host)
    marked, report = _mark(picture, mark_id, key, dpi=dpi, strength=strength, out=out)
    _write(out, marked, force=force)
    _print(report, as_json=json_)


def _choose_id(id_: str | None, creative: str | None) -> int:
    """The ID asked for, the creative's, or a random one."""
    from o2o.services.creatives import get_by_ref, parse_id
    from watermarks.payload import ID_BITS

    if creative is not None:
        with transaction(current_settings()) as session:
            return get_by_ref(session, creative).watermark_id
    return secrets.randbits(ID_BITS) if id_ is None else parse_id(id_)


def _mark(
    host: Host, mark_id: int, key: bytes, *, dpi: float | None, strength: float, out: Path
) -> tuple[bytes, Report]:
    """The marked file's bytes, proven to read, and what there is to say about them."""
    from o2o.imaging_host import marked_samples
    from o2o.imaging_save import encode_like
    from watermarks import Payload
    from watermarks.embedder import mark_delta

    _require_suffix(out, host.format)
    dpi = codec.print_dpi(dpi, host.dpi)
    payload = Payload(mark_id)
    delta = mark_delta(host.view, payload, key, strength=strength, dpi=dpi)
    marked = encode_like(host, marked_samples(host, delta))
    _require_readable(marked, payload, key, dpi=dpi, is_grey=host.colour == "grey")
    return marked, _report(host, marked, payload, key, dpi=dpi, strength=strength, out=out)


def _require_suffix(out: Path, format_: str) -> None:
    """Keep a file from going by the name of another format, as the mark is written in the host's own."""
    fitting = SUFFIXES[format_]
    if out.suffix.lower() not in fitting:
        raise typer.BadParameter(
            f"{out} would hold a {format_} picture like its host: name it with {' or '.join(fitting)}"
        )


def _require_readable(marked: bytes, payload: Payload, key: bytes, *, dpi: float, is_grey: bool) -> None:
    """Read the very bytes that will be written; a promise that can't be kept isn't made."""
    from o2o.imaging import load_capture
    from o2o.services.creatives import format_id
    from watermarks import Miss, read

    image = load_capture(marked, max_bytes=codec.MAX_BYTES, max_pixels=codec.MAX_PIXELS).image
    found = read(_middle(image, round(VIEW_IN * dpi)), key)
    if isinstance(found, Miss):
        reason = found.reason.value.replace("_", " ")
        advice = (
            "save it as RGB, as grey holds only half of the mark, or"
            if is_grey
            else "use a larger picture or"
        )
        raise codec.MarkRefused(
            f"the marked picture does not read ({reason}), so it wasn't written: "
            f"{advice} give it more --strength"
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


def _report(
    host: Host, marked: bytes, payload: Payload, key: bytes, *, dpi: float, strength: float, out: Path
) -> Report:
    """Measure what was made, in the file's own pixels."""
    from o2o.services.creatives import format_id
    from watermarks.forecast import smallest_print_mm
    from watermarks.perception import psnr_db, visibility

    view = codec.load_host(marked).view
    seen = visibility(host.view, view, dpi)
    smallest_mm = smallest_print_mm(view, payload, key, dpi=dpi)
    height_px, width_px = view.shape[:2]
    return Report(
        file=str(out),
        id=format_id(payload.id),
        profile=payload.profile,
        format=host.format,
        width_px=width_px,
        height_px=height_px,
        dpi=dpi,
        strength=strength,
        psnr_db=round(psnr_db(host.view, view), 2),
        visibility={"mean": round(seen.mean, 3), "p99": round(seen.p99, 3)},
        smallest_print_mm=smallest_mm and (round(smallest_mm[0], 1), round(smallest_mm[1], 1)),
    )


def _write(out: Path, marked: bytes, *, force: bool) -> None:
    """Put the file in its place."""
    from o2o.imaging_save import write_atomically

    try:
        write_atomically(out, marked, overwrite=force)
    except OSError as error:
        raise typer.BadParameter(f"{out} can't be written: {error.strerror or error}") from error


def _print(report: Report, *, as_json: bool) -> None:
    """Say what was made."""
    if as_json:
        import json

        typer.echo(json.dumps(asdict(report)))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_row("ID", f"[bold]{report.id}[/]")
    table.add_row("File", f"{report.file} ({report.width_px} x {report.height_px} px, {report.dpi:g} dpi)")
    table.add_row("PSNR", f"{report.psnr_db:.1f} dB")
    seen = report.visibility
    table.add_row(
        "Visibility", f"Delta E {seen['mean']:.2f} on average, {seen['p99']:.2f} at the 99th percentile"
    )
    table.add_row("Prints from", _size(report.smallest_print_mm))
    Console(highlight=False, soft_wrap=True).print(table)


def _size(size_mm: tuple[float, float] | None) -> str:
    """A print size in millimetres and inches."""
    if size_mm is None:
        return "no size is predicted to read from paper: raise --strength or use a larger picture"
    width_mm, height_mm = size_mm
    return (
        f"{width_mm:.0f} x {height_mm:.0f} mm ({width_mm / 25.4:.1f} x {height_mm / 25.4:.1f} in), "
        "the smallest that is predicted to read"
    )
