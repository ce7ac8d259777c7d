"""``o2o settings``: what is in force here."""

from __future__ import annotations

import json

import typer

from o2o.cli.environment import current_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("settings")(settings)


def settings(
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Show the settings that this environment gives; of secrets only whether there are any."""
    from o2o.settings_shown import shown

    values = shown(current_settings())
    if as_json:
        typer.echo(json.dumps(dict(values)))
        return
    for name, value in values.items():
        typer.echo(f"{name}={value}")
