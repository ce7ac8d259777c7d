"""``o2o creative``: pictures and what is behind them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from o2o.cli.environment import current_settings, now, transaction
from o2o.cli.ids import PublisherId
from o2o.errors import SettingsError
from o2o.settings import Settings

if TYPE_CHECKING:
    from o2o.integrations.storage import Stored

commands = typer.Typer(no_args_is_help=True, help="Pictures and what is behind them.")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.add_typer(commands, name="creative")


@commands.callback()
def group() -> None:
    """Keep `add` a command of its own while it is the only one."""


@commands.command()
def add(
    publisher: PublisherId,
    title: str = typer.Option(..., help="What readers see first."),
    campaign: str | None = typer.Option(None, help="A campaign's name; made if it is new."),
    link: str | None = typer.Option(None, help="Where the picture leads."),
    description: str = typer.Option("", help="What readers see next."),
    alt_text: str = typer.Option("", help="The picture in words."),
    image: Path | None = typer.Option(None, exists=True, dir_okay=False, help="The picture to show."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Register a creative and print the ID to mark its picture with."""
    import secrets

    from o2o.services import creatives, publishing
    from o2o.services.destinations import Draft

    settings = current_settings()
    stored = _stored(image, settings) if image else None
    with transaction(settings) as session:
        images = (stored.picture,) if stored else ()
        draft = Draft(title, description=description, link=link, alt_text=alt_text, images=images)
        creative = publishing.publish(
            session,
            publisher,
            draft,
            draw=secrets.randbits,
            by="the command line",
            now=now(),
            campaign=campaign,
            stored=stored,
        )
    watermark_id = creatives.format_id(creative.watermark_id)
    if as_json:
        typer.echo(json.dumps({"id": watermark_id, "uuid": str(creative.id), "title": creative.title}))
    else:
        typer.echo(watermark_id)


def _stored(image: Path, settings: Settings) -> Stored:
    """Keep copies of the picture in the media folder."""
    from o2o.integrations.storage import store

    data = image.read_bytes()
    try:
        # A designer's file may be far larger than any photo.
        return store(data, settings.media_dir, max_bytes=1 << 30, max_pixels=10 * settings.max_photo_pixels)
    except OSError as error:
        raise SettingsError(
            f"the folder {settings.media_dir} can't be written ({error.strerror or error}): set "
            "O2O_DATA_DIR to one that can be"
        ) from error
