"""``o2o webhook``: who is told of events."""

from __future__ import annotations

import json

import typer

from o2o.cli.environment import current_settings, now, transaction
from o2o.cli.ids import PublisherId

SECRET_BYTES = 32

commands = typer.Typer(no_args_is_help=True, help="Who is told of events.")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.add_typer(commands, name="webhook")


@commands.callback()
def group() -> None:
    """Keep `add` a command of its own while it is the only one."""


@commands.command()
def add(
    publisher: PublisherId,
    url: str = typer.Argument(metavar="URL", help="Where events are sent."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object with the endpoint's ID too."),
) -> None:
    """Send a publisher's events to an address; print the secret that signs them, this once."""
    import secrets

    from o2o.integrations.outbound import Outbound
    from o2o.integrations.webhooks import format_secret
    from o2o.services import webhooks

    settings = current_settings()
    Outbound(allow_private=settings.webhook_allow_private, timeout_s=settings.webhook_timeout_s).check(url)
    secret = format_secret(secrets.token_bytes(SECRET_BYTES))
    with transaction(settings) as session:
        endpoint_id = webhooks.add_endpoint(session, publisher, url, secret, now=now()).id
    typer.echo(json.dumps({"id": str(endpoint_id), "secret": secret}) if as_json else secret)
