"""The ``o2o`` command: one module a command, heavy imports inside the commands that need them."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from o2o.cli.exit_codes import USAGE, exit_code
from o2o.errors import O2oError

COMMANDS: Final = (
    "mark", "read", "proof", "serve", "worker", "db", "publisher", "member", "key", "campaign",
    "creative", "webhook", "settings", "demo",
)  # fmt: skip


class _Commands(TyperGroup):
    """The one place where errors become exit codes."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            # What checks parameters puts this before every message of our own.
            error.message = error.message.removeprefix("Value error, ")
            raise
        except O2oError as error:
            typer.secho(f"error: {error.detail}", fg="red", err=True)
            raise typer.Exit(exit_code(error)) from error
        except ValueError as error:
            from watermarks.errors import WatermarkError

            if not isinstance(error, WatermarkError):
                raise
            typer.secho(f"error: {error}", fg="red", err=True)
            raise typer.Exit(USAGE) from error


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"o2o {version('print-to-pin')}")
        raise typer.Exit


@app.callback()
def main(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Say which version this is, and exit."
        ),
    ] = False,
) -> None:
    """Mark pictures for print, read photos of them, and serve what is behind them."""


for _name in COMMANDS:
    import_module(f"o2o.cli.{_name}").register(app)
