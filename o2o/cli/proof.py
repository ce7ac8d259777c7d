"""``o2o proof``: print a marked picture and photograph it, simulated, before the press does it for real."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from o2o.cli import codec, proof_heatmap
from o2o.cli.exit_codes import FAILED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from watermarks import Detection, Miss
    from watermarks.channel import Capture
    from watermarks.local_signal import PagePhoto

_Z_95: Final = 1.959964
_COLUMNS: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One simulated photo and what was read in it."""

    photo: PagePhoto
    found: list[Detection] | Miss
    expected_id: int

    @property
    def capture(self) -> Capture:
        """The photo itself."""
        return self.photo.capture

    @property
    def ids(self) -> set[int]:
        """The IDs that were read."""
        return {one.payload.id for one in self.found} if isinstance(self.found, list) else set()

    @property
    def is_read(self) -> bool:
        """Whether it said what it should and nothing else."""
        return self.ids == {self.expected_id}

    @property
    def is_misread(self) -> bool:
        """Whether it said anything that it shouldn't."""
        return bool(self.ids - {self.expected_id})


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("proof")(proof)


def proof(
    marked: Annotated[Path, typer.Argument(metavar="MARKED", help="A file that `o2o mark` has written.")],
    condition: Annotated[
        str, typer.Option(help="The light and the hand: easy, typical or hard.")
    ] = "typical",
    n: Annotated[int, typer.Option("-n", min=1, max=1000, help="How many photos to simulate.")] = 20,
    sheet: Annotated[
        Path | None,
        typer.Option(help="The contact sheet's PNG; beside MARKED, ending in -proof.png, if not given."),
    ] = None,
    heatmap: Annotated[
        Path | None,
        typer.Option(help="The heat map's PNG; beside MARKED, ending in -heat.png, if not given."),
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="The least share of photos that must read.")
    ] = 0.9,
    id_: Annotated[
        str | None, typer.Option("--id", help="The ID it should say; what the file says if not given.")
    ] = None,
    dpi: Annotated[
        float | None, typer.Option(min=1, help="Pixels per inch on paper; the file's own if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other photos.")] = 0,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    key_file: codec.KeyFile = None,
) -> None:
    """Predict how often phones will read a marked picture from paper.

    Prints the picture and photographs it N times, all simulated, reads the photos, and draws them on
    a contact sheet with what was found; a heat map shows where in the picture the mark is weak.
    Simulated results: no press and no phone is exactly like that.

    Exit codes: 0 the share that read reaches the threshold, 1 it doesn't or a wrong ID was read,
    2 usage, 3 unreadable file.
    """
    from o2o.services.creatives import format_id, parse_id
    from watermarks import Payload
    from watermarks.channel import CONDITIONS
    from watermarks.local_signal import local_signal_db

    if condition not in CONDITIONS:
        raise typer.BadParameter(f"--condition is one of {', '.join(CONDITIONS)}, not {condition!r}")
    path = sheet or marked.with_name(f"{marked.stem}-proof.png")
    heat_path = heatmap or marked.with_name(f"{marked.stem}-heat.png")
    for each in (path, heat_path):
        codec.require_folder(each)
    picture, stated_dpi = _load(marked)
    key = codec.watermark_key(key_file)
    expected = _expected_id(picture, key, None if id_ is None else parse_id(id_))
    printed_dpi = codec.print_dpi(dpi, stated_dpi)
    shots = list(_with_progress(_shoot(picture, printed_dpi, condition, expected, key, n=n, seed=seed), n))
    result = _summary(shots, condition, threshold)
    with _written(path):
        _draw_sheet(shots, path, heading=f"Proof of {marked.name}", subheading=_sentence(result))
    signal_db = local_signal_db([shot.photo for shot in shots], Payload(expected), key)
    weak = proof_heatmap.weak_parts(signal_db, picture)
    told = weak.sentence(all_read=result["passed"] and result["read"] == n)
    with _written(heat_path):
        heading = f"Where the mark is weak in {marked.name}"
        lines = [f"Mean of {n} simulated {condition} photos", told]
        proof_heatmap.draw(picture, signal_db, heat_path, heading=heading, lines=lines)
    result |= {"sheet": str(path), "heatmap": str(heat_path), "weak_share": round(weak.share, 3)}
    _print({"file": str(marked), "id": format_id(expected), **result, "weak": told}, json_)
    if not result["passed"]:
        raise typer.Exit(FAILED)


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    share, z2 = successes / trials, _Z_95**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z_95 / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _load(path: Path) -> tuple[NDArray[np.uint8], float | None]:
    """A marked file's picture and the dpi that it states."""
    host = codec.read_host(path)
    return host.view, host.dpi


def _expected_id(picture: NDArray[np.uint8], key: bytes, asked: int | None) -> int:
    """What photos should say: what the file itself says before any printing, or else what was asked."""
    from o2o.services.creatives import format_id
    from watermarks import Miss, read

    found = read(picture, key)
    if isinstance(found, Miss):
        if asked is None:
            raise codec.MarkRefused(
                "no mark was read in the file itself: mark it with `o2o mark` and the same key, or say --id"
            )
        return asked
    carried = [detection.payload.id for detection in found]
    if asked is not None and asked not in carried:
        raise codec.MarkRefused(f"the file says {format_id(carried[0])}, not {format_id(asked)}")
    return carried[0] if asked is None else asked


def _shoot(
    picture: NDArray[np.uint8], dpi: float, condition: str, expected_id: int, key: bytes, *, n: int, seed: int
) -> Iterator[Shot]:
    """Simulated photos, each read; the same seed gives the same photos."""
    import numpy as np

    from watermarks import read
    from watermarks.channel import CONDITIONS, photograph, print_page
    from watermarks.local_signal import PagePhoto

    for number in range(n):
        rng = np.random.default_rng((seed, number))
        printed = print_page(picture, dpi=dpi, rng=rng)
        capture = photograph(printed, rng=rng, condition=CONDITIONS[condition])
        corner_in, _, opposite_in, _ = printed.picture_corners_in[0]
        photo = PagePhoto(capture, corner_in, opposite_in - corner_in)
        yield Shot(photo, read(capture.image, key), expected_id)


def _with_progress(shots: Iterator[Shot], n: int) -> Iterator[Shot]:
    """Show on stderr how far the photos are."""
    from rich.console import Console
    from rich.progress import track

    return iter(track(shots, "Photographing", total=n, console=Console(stderr=True), transient=True))


def _summary(shots: Sequence[Shot], condition: str, threshold: float) -> dict[str, Any]:
    """The read rate and whether it is enough."""
    read_count = sum(shot.is_read for shot in shots)
    misreads = sum(shot.is_misread for shot in shots)
    rate = read_count / len(shots)
    return {
        "condition": condition,
        "photos": len(shots),
        "read": read_count,
        "misread": misreads,
        "rate": round(rate, 4),
        "interval": [round(bound, 4) for bound in wilson_interval(read_count, len(shots))],
        "threshold": threshold,
        "passed": rate >= threshold and not misreads,
    }


def _sentence(result: dict[str, Any]) -> str:
    """The result in words."""
    low, high = result["interval"]
    misread = f", {result['misread']} misread" if result["misread"] else ""
    return (
        f"{result['read']} of {result['photos']} simulated {result['condition']} photos read{misread}: "
        f"{100 * result['rate']:.0f} %, with 95 % confidence {100 * low:.0f} to {100 * high:.0f} %"
    )


def _draw_sheet(shots: Sequence[Shot], path: Path, *, heading: str, subheading: str) -> None:
    """Draw the photos with the corners that were found."""
    from o2o.imaging_sheet import Tile, contact_sheet

    tiles = []
    for number, shot in enumerate(shots, start=1):
        detections = shot.found if isinstance(shot.found, list) else []
        outcome = "misread" if shot.is_misread else "read" if shot.is_read else "missed"
        why = "" if isinstance(shot.found, list) else f", {shot.found.reason.value.replace('_', ' ')}"
        caption = f"{shot.capture.tilt_deg:.0f} degrees, {shot.capture.page_px_per_inch:.0f} px per inch"
        if detections:
            caption += f", {detections[0].signal_db:.1f} dB"
        outlines = [detection.corners_xy for detection in detections]
        tiles.append(Tile(shot.capture.image, f"{number}: {outcome}{why}", caption, outlines, shot.is_read))
    rows = [tiles[start : start + _COLUMNS] for start in range(0, len(tiles), _COLUMNS)]
    contact_sheet(rows, path, heading=heading, subheading=subheading)


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Name the file that can't be written."""
    try:
        yield
    except OSError as error:
        raise typer.BadParameter(f"{path} can't be written: {error.strerror or error}") from error


def _print(result: dict[str, Any], as_json: bool) -> None:
    """Say the result."""
    if as_json:
        import json

        typer.echo(json.dumps(result))
        return
    typer.echo(_sentence(result))
    if result["misread"]:
        codec.note("a wrong ID was read: report it, with this file, as a fault of the codec")
    verdict = "passes" if result["passed"] else "fails"
    typer.echo(
        f"The proof {verdict}: at least {100 * result['threshold']:.0f} % and no misread were asked for"
    )
    typer.echo(result["weak"])
    typer.echo(f"Contact sheet: {result['sheet']}")
    typer.echo(f"Heat map: {result['heatmap']}")
