"""What came of a demo, and how it is told."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from o2o.cli.demo_readers import Visit
    from o2o.imaging_sheet import Tile

MIN_READ: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What came of a run.

    Attributes
    ----------
    saved : int
        How many pins are on their boards.
    told : set of str
        The pins of which a webhook with a valid signature told.
    refused : int
        How many webhooks had none.
    """

    visits: Sequence[Visit]
    saved: int
    told: set[str]
    refused: int

    @property
    def pins(self) -> set[str]:
        """The pins that were asked for."""
        return {visit.pin["id"] for visit in self.visits if visit.pin}

    @property
    def board_path(self) -> str | None:
        """The page of the first board with a pin."""
        return next((visit.board_path for visit in self.visits if visit.pin), None)

    @property
    def is_good(self) -> bool:
        """Whether enough was read, and every pin is on its board and was told of."""
        all_saved = self.saved == len(self.pins)
        return len(self.pins) >= MIN_READ and all_saved and self.told == self.pins and not self.refused


def show(console: Console, result: Result, url: str, sheet: Path) -> None:
    """Print the table of photos, and where to look.

    Parameters
    ----------
    url : str
        Where the service is, or will be once it is started again.
    """
    from rich.table import Table

    table = Table("photo", "condition", "outcome")
    table.add_column("ms", justify="right")
    for visit in result.visits:
        total_ms = visit.scan["elapsed_ms"]["total"]
        table.add_row(visit.shot.name, visit.shot.condition, _outcome(visit), f"{total_ms:.0f}")
    console.print(table)
    count = len(result.pins)
    verified = len(result.told & result.pins)
    facts = {
        "Read": f"{count} of {len(result.visits)} photos; {MIN_READ} are expected",
        "Pinned": f"{result.saved} of {count}, each to its reader's own board",
        "Webhooks": f"{verified} of {count} received, their signatures verified; {result.refused} refused",
        "Sheet": _near(sheet),
        "Board": f"{url}{result.board_path}" if result.board_path else "none: no photo was read",
    }
    for name, fact in facts.items():
        console.print(f"[bold]{name:<9}[/] {fact}")
    if count < MIN_READ:
        console.print(
            "\nToo few photos were read: this picture may be too busy, too dark or too small for the mark. "
            "Try another: make demo IMAGE=path"
        )


def _outcome(visit: Visit) -> str:
    """What the service made of a photo."""
    if visit.pin is None:
        return f"[red]miss[/] {visit.scan['reason']}"
    return f"[green]read[/] {visit.pin['creative_id']}"


def draw_sheet(
    path: Path, original: NDArray[np.uint8], marked: NDArray[np.uint8], visits: Sequence[Visit]
) -> None:
    """Draw the original, the marked picture, their difference, and the photos with what was found."""
    from o2o.imaging_sheet import Tile, contact_sheet, difference

    height, width = original.shape[:2]
    prints = [
        Tile(original, "Original", f"{width} x {height} px"),
        Tile(marked, "Marked", "what is printed"),
        Tile(difference(original, marked), "Difference x 10", "grey: unchanged"),
    ]
    photos = [_photo_tile(visit) for visit in visits]
    contact_sheet(
        [prints, *(photos[i : i + 3] for i in range(0, len(photos), 3))],
        path,
        heading="Print to Pin",
        subheading="Print and photos are simulated (watermarks.channel); outlines are what the service found",
    )


def _photo_tile(visit: Visit) -> Tile:
    """A reader's photo on the sheet."""
    import numpy as np

    from o2o.imaging_sheet import Tile

    capture = visit.shot.capture
    height, width = capture.image.shape[:2]
    found = "read" if visit.pin else f"miss: {visit.scan['reason']}"
    corners = [np.array(detection["corners"], np.float64) for detection in visit.scan["detections"]]
    return Tile(
        capture.image,
        f"{visit.shot.condition}: {found}",
        f"{width} x {height} px, {capture.tilt_deg:.0f} degrees of tilt, {capture.lux:.0f} lux",
        outlines_xy=corners,
        good=visit.pin is not None,
    )


def say_how_to_serve(console: Console, data_dir: Path) -> None:
    """Tell how to start the service again, the demo's own being stopped."""
    installed = Path(sys.executable).with_name("o2o")
    command = _near(installed) if installed.exists() else "o2o"
    console.print("\nThe service is stopped. To open the board, and the phone page at /, start it again:")
    console.print(
        f"  O2O_DATA_DIR={shlex.quote(_near(data_dir))} {command} serve", style="bold", markup=False
    )


def _near(path: Path) -> str:
    """A path as seen from the current folder, if it lies within."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
