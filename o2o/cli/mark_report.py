"""What ``o2o mark`` has made and foretells, and how it is told."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import typer

from o2o.cli import codec

if TYPE_CHECKING:
    from o2o.imaging_host import Host
    from watermarks import Payload
    from watermarks.strength import Choice

DECODES_DB: Final = 22.3
"""Accumulated signal from which on a photo decodes; `watermarks.strength` aims well above it."""

WHAT_HELPS_ANYHOW: Final = "print it larger, or use a less busy or lighter picture"
WHAT_HELPS: Final = f"{WHAT_HELPS_ANYHOW}, or force more with --strength N (more visible)"


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a mark of the chosen strength is predicted to do at the size given, by simulation.

    Attributes
    ----------
    signal_db : float
        The accumulated signal that the mean typical photo shows.
    margin_db : float
        How far that lies above what decodes; negative where it lies below.
    suffices : bool
        Whether that is enough for photos, which differ, to be read as a rule.
    advice : str or None
        What would help where it isn't.
    """

    signal_db: float
    margin_db: float
    suffices: bool
    advice: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """What was made; ``file`` as it was named, no prediction where the strength was given."""

    file: str
    id: str
    profile: int
    format: str
    width_px: int
    height_px: int
    dpi: float
    strength: float
    strength_chosen: bool
    prediction: Prediction | None
    psnr_db: float
    visibility: dict[str, float]


def measured(
    host: Host,
    marked: bytes,
    payload: Payload,
    *,
    file: str,
    dpi: float,
    strength: float,
    choice: Choice | None,
) -> Report:
    """Measure what was made, in the file's own pixels."""
    from o2o.services.creatives import format_id
    from watermarks.perception import psnr_db, visibility

    view = codec.load_host(marked).view
    seen = visibility(host.view, view, dpi)
    height_px, width_px = view.shape[:2]
    return Report(
        file=file,
        id=format_id(payload.id),
        profile=payload.profile,
        format=host.format,
        width_px=width_px,
        height_px=height_px,
        dpi=dpi,
        strength=strength,
        strength_chosen=choice is not None,
        prediction=_prediction(choice) if choice is not None else None,
        psnr_db=round(psnr_db(host.view, view), 2),
        visibility={"mean": round(seen.mean, 3), "p99": round(seen.p99, 3)},
    )


def _prediction(choice: Choice) -> Prediction:
    """What a choice of strength foretells."""
    return Prediction(
        signal_db=round(choice.signal_db, 1),
        margin_db=round(choice.signal_db - DECODES_DB, 1),
        suffices=choice.suffices,
        advice=None if choice.suffices else WHAT_HELPS,
    )


def show(report: Report, *, as_json: bool) -> None:
    """Print a report, for a person or as JSON."""
    if as_json:
        import json

        typer.echo(json.dumps(asdict(report)))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_row("ID", f"[bold]{report.id}[/]")
    table.add_row("File", f"{report.file} ({report.width_px} x {report.height_px} px, {report.dpi:g} dpi)")
    how = "chosen by simulation" if report.strength_chosen else "as given"
    table.add_row("Strength", f"{report.strength:g} ({how})")
    table.add_row("PSNR", f"{report.psnr_db:.1f} dB")
    seen = report.visibility
    table.add_row(
        "Visibility", f"Delta E {seen['mean']:.2f} on average, {seen['p99']:.2f} at the 99th percentile"
    )
    if report.prediction:
        table.add_row("Prediction", _in_words(report.prediction))
    Console(highlight=False, soft_wrap=True).print(table)


def _in_words(prediction: Prediction) -> str:
    """A prediction for a person."""
    side = "above" if prediction.margin_db >= 0 else "below"
    said = (
        f"{prediction.signal_db:.1f} dB of signal in a typical photo of a print of this size, "
        f"{abs(prediction.margin_db):.1f} dB {side} what decodes (simulated)"
    )
    if prediction.suffices:
        return said
    return f"{said}: too little to count on; {prediction.advice}"
