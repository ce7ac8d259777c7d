"""``o2o publisher``: who puts marked pictures into print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from o2o.cli import lists
from o2o.cli.environment import current_settings, now, snapshot, transaction
from o2o.cli.ids import PublisherId

if TYPE_CHECKING:
    from o2o.models import Publisher

commands = typer.Typer(no_args_is_help=True, help="Who puts marked pictures into print.")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.add_typer(commands, name="publisher")


@commands.command()
def add(name: str = typer.Argument(metavar="NAME", help="Its name, as readers see it.")) -> None:
    """Register a publisher and print its ID."""
    from o2o.services import publishers

    with transaction(current_settings()) as session:
        publisher_id = publishers.add(session, name, now=now()).id
    typer.echo(publisher_id)


@commands.command("list")
def list_(as_json: bool = typer.Option(False, "--json", help=lists.JSON_HELP)) -> None:
    """List the publishers, the newest first."""
    from o2o.services import publishers

    lists.show(
        lambda session, limit, cursor: publishers.page(session, limit=limit, cursor=cursor),
        _fields,
        ("id", "name"),
        as_json=as_json,
    )


def _fields(publisher: Publisher) -> dict[str, Any]:
    """What a publisher holds."""
    return {
        "id": str(publisher.id),
        "name": publisher.name,
        "created_at": publisher.created_at.isoformat(),
    }


@commands.command()
def export(
    publisher: PublisherId,
    file: Path = typer.Argument(dir_okay=False, metavar="FILE", help="Where to write it, a .zip file."),
    force: bool = typer.Option(False, "--force", help="Overwrite FILE if it is there."),
) -> None:
    """Write a publisher's whole registry into one file, for `o2o serve --registry`."""
    from o2o.files import writing_atomically
    from o2o.integrations import registry_file
    from o2o.services import exports

    if file.exists() and not force:
        raise typer.BadParameter(f"{file} exists already: name another file, or say --force")
    settings = current_settings()
    try:
        with snapshot(settings) as session, writing_atomically(file, overwrite=force) as out:
            found = exports.records(session, publisher)
            written = registry_file.write(out, found, exports.pictures_of, settings.media_dir)
    except OSError as error:
        raise typer.BadParameter(f"{file} can't be written: {error.strerror or error}") from error
    for name in written.missing:
        typer.secho(f"warning: the picture {name} isn't in {settings.media_dir}", fg="yellow", err=True)
    typer.echo(f"{written.records['creative']} creatives and {written.pictures} pictures in {file}", err=True)
