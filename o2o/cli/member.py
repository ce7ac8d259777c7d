"""``o2o member``: who may change what pictures lead to."""

from __future__ import annotations

from uuid import UUID

import typer

from o2o.cli.environment import current_settings, now, transaction
from o2o.roles import Role

commands = typer.Typer(no_args_is_help=True, help="Who works for a publisher.")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.add_typer(commands, name="member")


@commands.command()
def add(
    email: str = typer.Argument(help="Where to reach them."),
    publisher: UUID = typer.Option(..., help="The publisher's ID."),
    name: str = typer.Option(..., help="As history names them."),
    role: Role = typer.Option(Role.OWNER, help="What they may do."),
) -> None:
    """Take someone in and print their ID."""
    from o2o.services import members, publishers

    with transaction(current_settings()) as session:
        publishers.get(session, publisher)
        member_id = members.add(session, publisher, email=email, name=name, role=role, now=now()).id
    typer.echo(member_id)


@commands.command()
def login_link(
    publisher: UUID = typer.Option(..., help="The publisher's ID."),
    member: UUID = typer.Option(..., help="Whom it logs in: the member's ID."),
) -> None:
    """Print a link that logs a member in to the admin pages: once, within 15 minutes."""
    from o2o.services import sessions

    settings = current_settings()
    with transaction(settings) as session:
        token = sessions.issue_link(session, publisher, member, now=now())
    typer.echo(f"{settings.public_url}/admin/login/{token}")
