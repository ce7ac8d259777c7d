"""``o2o read``: photos in, what their marks say out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from o2o.cli import codec
from o2o.cli.exit_codes import FAILED, UNREADABLE_FILE

if TYPE_CHECKING:
    from o2o.services.scans import Reading


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("read")(read)


def read(
    photos: Annotated[
        list[Path], typer.Argument(metavar="PHOTO", help="Photos: JPEG, PNG, WebP, HEIC, AVIF or TIFF.")
    ],
    json_: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, a line a photo.")
    ] = False,
    key_file: codec.KeyFile = None,
) -> None:
    """Read the marks in photos.

    Corners are in the pixels of the upright photo: the picture's own top left, top right, bottom
    right and bottom left. A file that can't be decoded is reported and the others go on.

    Exit codes: 0 all read, 1 some missed, 2 usage, 3 some file unreadable.
    """
    key = codec.watermark_key(key_file)
    results = _read_all(photos, key)
    shown = []
    for result in results:
        if json_:
            typer.echo(json.dumps(result))
            if "error" in result:
                codec.note(f"{result['file']}: {result['error']}")
        shown.append(result)
    if not json_:
        _print(shown)
    raise typer.Exit(_exit_code(shown))


def _read_all(photos: Sequence[Path], key: bytes) -> Iterator[dict[str, Any]]:
    """One result a photo, as it comes."""
    from o2o.errors import ImageError
    from o2o.services.scans import read_photo
    from watermarks import read as read_marks

    for path in photos:
        try:
            data = path.read_bytes()
            reading = read_photo(
                data, key, max_bytes=codec.MAX_BYTES, max_pixels=codec.MAX_PIXELS, read=read_marks
            )
        except ImageError as error:
            yield _unreadable(path, error.code, str(error))
        except OSError as error:
            yield _unreadable(path, "no-file", error.strerror or str(error))
        else:
            yield _result(path, reading)


def _result(path: Path, reading: Reading) -> dict[str, Any]:
    """What a photo said, as the command's interface has it."""
    from o2o.services.creatives import format_id
    from watermarks import Miss

    missed = isinstance(reading.found, Miss)
    detections = [] if isinstance(reading.found, Miss) else reading.found
    return {
        "file": str(path),
        "outcome": "miss" if missed else "read",
        "reason": reading.found.reason.value if isinstance(reading.found, Miss) else None,
        "detections": [
            {
                "id": format_id(detection.payload.id),
                "profile": detection.payload.profile,
                "corners": [[round(float(x), 2), round(float(y), 2)] for x, y in detection.corners_xy],
                "confidence": round(detection.confidence, 4),
                "signal_db": round(detection.signal_db, 2),
                "px_per_chip": round(detection.px_per_chip, 3),
                "tilt_deg": round(detection.tilt_deg, 1),
                "sharpness": round(detection.sharpness, 2),
                "share": round(detection.share, 2),
            }
            for detection in detections
        ],
        "elapsed_ms": asdict(reading.elapsed_ms),
    }


def _unreadable(path: Path, code: str, detail: str) -> dict[str, Any]:
    """A file that holds no photo: a miss whose reason is the error's code, with the error beside it."""
    return {
        "file": str(path),
        "outcome": "miss",
        "reason": code,
        "detections": [],
        "elapsed_ms": {"load": 0.0, "detect": 0.0, "decode": 0.0, "total": 0.0},
        "error": detail,
    }


def _exit_code(results: Sequence[dict[str, Any]]) -> int:
    """The worst of what happened."""
    if any("error" in result for result in results):
        return UNREADABLE_FILE
    return FAILED if any(result["outcome"] == "miss" for result in results) else 0


def _advice(reason: str) -> str:
    """What to do about a miss; only who reads from the command line has a key to choose."""
    from o2o.services.scans import HINTS
    from watermarks import MissReason

    hint = HINTS[MissReason(reason)]
    if reason == MissReason.PAYLOAD_FAILED:
        hint += " Or it was marked with another key: see --key-file."
    return hint


def _said(detection: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Yield an ID, and below it how well it was seen, each with how far it is indented."""
    yield 2, f"{detection['id']}  {detection['signal_db']:.1f} dB, confidence {detection['confidence']:.2f}"
    yield (
        4,
        f"{detection['px_per_chip']:.1f} px per chip, tilt {detection['tilt_deg']:.0f} degrees, "
        f"sharpness {detection['sharpness']:.2f}, {100 * detection['share']:.0f} % of the picture used",
    )


def _print(results: Sequence[dict[str, Any]]) -> None:
    """Show the results to a person, a paragraph a photo, with what to do about each miss.

    Not a table: beside a file's path its columns would be too narrow for sentences.
    """
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(highlight=False)
    for result in results:
        was_read = result["outcome"] == "read"
        outcome = "read" if was_read else result["reason"].replace("_", " ")
        after = "" if "error" in result else f" in {result['elapsed_ms']['total']:.0f} ms"
        heading = Text.assemble(f"{result['file']}: ", (outcome, "green" if was_read else "red"), after)
        console.print(heading, soft_wrap=True)  # a path stays whole, to be copied
        if was_read:
            lines = [line for detection in result["detections"] for line in _said(detection)]
        else:
            lines = [(2, result.get("error") or _advice(result["reason"]))]
        for indent, line in lines:
            console.print(Padding(Text(line), (0, 0, 0, indent), expand=False))
