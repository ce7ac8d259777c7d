"""``o2o db``: the database's schema."""

from __future__ import annotations

import typer

from o2o.cli.environment import current_settings, require_database

commands = typer.Typer(no_args_is_help=True, help="The database's schema.")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.add_typer(commands, name="db")


@commands.command()
def upgrade() -> None:
    """Bring the database to the newest schema; make it where there is none."""
    from o2o.db import upgrade as upgrade_database

    upgrade_database(current_settings().database_url)
    typer.echo("the database is at the newest version")


@commands.command()
def check() -> None:
    """Tell whether the database has the schema that this version needs."""
    require_database(current_settings())
    typer.echo("the database is at the newest version")
