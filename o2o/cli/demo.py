"""``o2o demo``: the main job from end to end, on a real photograph, with everything real but paper.

One picture is marked and printed; six readers photograph the page (both simulated by
`watermarks.channel`), upload their photos to a service that runs as a process of its own, and pin what
they find, each to a board of their own. The publisher hears of every pin by a signed webhook.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from o2o.settings import DEFAULT_PORT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from o2o.cli.demo_photos import Shot
    from o2o.cli.demo_receiver import Receiver
    from o2o.cli.demo_report import Result

CONDITIONS: Final = ("easy", "easy", "typical", "typical", "typical", "hard")
WEBHOOK_TIMEOUT_S: Final = 60.0
REQUEST_TIMEOUT_S: Final = 120.0
SHEET: Final = "contact-sheet.png"
PUBLISHER: Final = "Sunday Magazine"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("demo")(demo)


def demo(
    image: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="The photograph to print; by default one that ships with scikit-image.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(file_okay=False, help="Each run makes a new folder here.")] = Path(
        "demo-out"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Decides how the page is printed and photographed.")] = 1,
    keep_serving: Annotated[
        bool, typer.Option("--keep-serving", help="Leave the service up until Ctrl-C.")
    ] = False,
) -> None:
    """Run the main job: mark, print, photograph, upload, pin, and tell the publisher."""
    from rich.console import Console

    from o2o.cli.demo_receiver import receiving
    from o2o.cli.demo_report import draw_sheet, say_how_to_serve, show
    from o2o.cli.demo_service import demo_environment, free_port, serving

    console = Console(highlight=False, soft_wrap=True)
    folder = _fresh_folder(out)
    port = free_port()
    env = demo_environment(os.environ, folder / "data", port)
    with receiving() as receiver:
        page = _publish(console, folder, env, receiver, image)
        shots = _photograph(console, folder, page, seed)
        with serving(env, port, folder / "service.log") as service:
            result = _visit(console, shots, page.creative_id, env["O2O_PUBLIC_URL"], receiver)
            draw_sheet(folder / SHEET, page.original, page.marked, result.visits)
            if keep_serving:
                show(console, result, env["O2O_PUBLIC_URL"], folder / SHEET)
                _serve_on(console, service)
    if not keep_serving:
        show(console, result, f"http://127.0.0.1:{DEFAULT_PORT}", folder / SHEET)
        say_how_to_serve(console, folder / "data")
    if not result.is_good:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """What the publisher prints."""

    creative_id: str
    original: NDArray[np.uint8]
    marked: NDArray[np.uint8]


def _fresh_folder(parent: Path) -> Path:
    """Make the next numbered folder, so that runs never meet."""
    parent.mkdir(parents=True, exist_ok=True)
    number = 1 + max((int(path.name) for path in parent.iterdir() if path.name.isdecimal()), default=0)
    while True:
        folder = parent / f"{number:03d}"
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1  # Another run was quicker.
        else:
            return folder.resolve()


def _publish(
    console: Console, folder: Path, env: Mapping[str, str], receiver: Receiver, image: Path | None
) -> Page:
    """Register a picture and an address for webhooks, and mark the picture, all by the command line."""
    from o2o.cli import demo_photos
    from o2o.cli.demo_service import run_command

    original, marked = folder / "original.png", folder / "marked.png"
    demo_photos.write_print_sized(image.read_bytes() if image else demo_photos.shipped_photograph(), original)
    _say(console, 1, f"{PUBLISHER} registers a picture and an address for webhooks")
    run_command("db", "upgrade", env=env)
    publisher = run_command("publisher", "add", PUBLISHER, env=env)
    about = ("--publisher", publisher, "--image", str(original), *_texts(image))
    creative_id = run_command("creative", "add", *about, env=env)
    receiver.secret = run_command("webhook", "add", "--publisher", publisher, receiver.url, env=env)
    _say(console, 2, f"The picture is marked with the ID {creative_id}")
    said = run_command("mark", str(original), "-o", str(marked), "--creative", creative_id, env=env)
    console.print(said, style="dim", markup=False)
    return Page(creative_id, demo_photos.pixels(original), demo_photos.pixels(marked))


def _texts(image: Path | None) -> Sequence[str]:
    """What the reader's card will say, as options of ``o2o creative add``."""
    if image is not None:
        return ("--title", re.sub(r"[\W_]+", " ", image.stem).strip()[:100] or "Untitled")
    return (
        *("--title", "The view from up there"),
        *("--description", "What an astronaut packs for a week in orbit, and what she leaves at home."),
        *("--alt-text", "An astronaut in an orange suit, a flag and a model shuttle behind her"),
        *("--link", "https://magazine.example/up-there"),
    )


def _photograph(console: Console, folder: Path, page: Page, seed: int) -> list[Shot]:
    """Print the page and take the readers' photos of it."""
    from o2o.cli.demo_photos import take_photos

    _say(console, 3, "It is printed, and six readers photograph the page (simulated)")
    return take_photos(page.marked, CONDITIONS, folder, seed=seed)


def _visit(console: Console, shots: Sequence[Shot], creative_id: str, url: str, receiver: Receiver) -> Result:
    """Let every reader upload and pin, then wait until the publisher has heard of every pin."""
    import httpx

    from o2o.cli.demo_readers import is_saved, visit
    from o2o.cli.demo_report import Result

    _say(console, 4, f"They upload their photos to the service at {url} and pin what they find")
    with httpx.Client(base_url=url, timeout=REQUEST_TIMEOUT_S, trust_env=False) as client:
        visits = [visit(client, shot, creative_id) for shot in shots]
        pinned = [one for one in visits if one.pin]
        events = receiver.wait_for(len(pinned), timeout_s=WEBHOOK_TIMEOUT_S)
        saved = sum(is_saved(client, one) for one in pinned)
    told = {event["data"]["id"] for event in events if event["type"] == "pin.saved"}
    return Result(visits, saved, told, receiver.refused)


def _serve_on(console: Console, service: subprocess.Popen[bytes]) -> None:
    """Leave the service up until it ends or the user has seen enough."""
    console.print("\nThe service stays up. Ctrl-C stops it.")
    with suppress(KeyboardInterrupt):
        service.wait()


def _say(console: Console, step: int, sentence: str) -> None:
    """Tell what happens next."""
    console.print(f"[bold]{step}[/]  {sentence}")
