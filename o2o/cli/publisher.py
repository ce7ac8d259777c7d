"""``o2o publisher``: who puts marked pictures into print."""

from __future__ import annotations

import typer

from o2o.cli.environment import current_settings, now, transaction

commands = typer.Typer(no_args_is_help=True, help="Who puts marked pictures into print.")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.add_typer(commands, name="publisher")


@commands.callback()
def group() -> None:
    """Keep `add` a command of its own while it is the only one."""


@commands.command()
def add(name: str = typer.Argument(help="Its name, as readers see it.")) -> None:
    """Register a publisher and print its ID."""
    from o2o.services import publishers

    with transaction(current_settings()) as session:
        publisher_id = publishers.add(session, name, now=now()).id
    typer.echo(publisher_id)
