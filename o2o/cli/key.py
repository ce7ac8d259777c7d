"""``o2o key``: what programs act for a publisher with."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import typer

from o2o.cli.environment import current_settings, now, transaction
from o2o.roles import Scope

commands = typer.Typer(no_args_is_help=True, help="What programs act for a publisher with.")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.add_typer(commands, name="key")


@commands.callback()
def group() -> None:
    """Keep `add` a command of its own while it is the only one."""


@commands.command()
def add(
    label: str = typer.Argument(help="What it is for."),
    publisher: UUID = typer.Option(..., help="The publisher's ID."),
    member: UUID = typer.Option(..., help="Whose it is: the member's ID."),
    scope: list[Scope] = typer.Option(list(Scope), help="What it is for; repeatable; all by default."),
    days: int | None = typer.Option(None, min=1, max=3650, help="How long it is good for; for ever."),
) -> None:
    """Make a key and print it, this once."""
    from o2o.services import keys, members

    with transaction(current_settings()) as session:
        at = now()
        issued = keys.issue(
            session,
            members.get(session, publisher, member),
            label=label,
            scopes=scope,
            now=at,
            expires_at=at + timedelta(days=days) if days else None,
        )
    typer.echo(issued.text)
