"""``o2o member``: who may change what pictures lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from o2o.cli import lists
from o2o.cli.environment import current_settings, now, transaction
from o2o.cli.ids import MemberId, PublisherId
from o2o.roles import Role

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from o2o.models import Member
    from o2o.services.paging import Page

commands = typer.Typer(no_args_is_help=True, help="Who works for a publisher.")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.add_typer(commands, name="member")


@commands.command()
def add(
    publisher: PublisherId,
    email: str = typer.Argument(metavar="EMAIL", help="Where to reach them."),
    name: str = typer.Option(..., help="As history names them."),
    role: Role = typer.Option(Role.OWNER, help="What they may do."),
) -> None:
    """Take someone in and print their ID."""
    from o2o.services import members, publishers

    with transaction(current_settings()) as session:
        publishers.get(session, publisher)
        member_id = members.add(session, publisher, email=email, name=name, role=role, now=now()).id
    typer.echo(member_id)


@commands.command("list")
def list_(
    publisher: PublisherId, as_json: bool = typer.Option(False, "--json", help=lists.JSON_HELP)
) -> None:
    """List a publisher's members, the newest first."""
    from o2o.services import members, publishers

    def pages_of(session: Session, limit: int, cursor: str | None) -> Page[Member]:
        publishers.get(session, publisher)
        return members.page(session, publisher, limit=limit, cursor=cursor)

    lists.show(pages_of, _fields, ("id", "role", "email", "name"), as_json=as_json)


def _fields(member: Member) -> dict[str, Any]:
    """What a member is."""
    return {
        "id": str(member.id),
        "email": member.email,
        "name": member.name,
        "role": member.role.value,
        "created_at": member.created_at.isoformat(),
    }


@commands.command()
def role(
    publisher: PublisherId,
    member: MemberId,
    role: Role = typer.Argument(metavar="ROLE", help="What they may do from now on."),
) -> None:
    """Change what a member may do; the last owner stays one."""
    from o2o.services import members

    with transaction(current_settings()) as session:
        held = members.get(session, publisher, member)
        members.change(session, publisher, member, version=held.version, role=role)
        typer.echo(f"{held.email} is {role}", err=True)


@commands.command()
def login_link(
    publisher: PublisherId,
    member: MemberId,
) -> None:
    """Print a link that logs a member in to the admin pages: once, within 15 minutes."""
    from o2o.services import sessions

    settings = current_settings()
    with transaction(settings) as session:
        token = sessions.issue_link(session, publisher, member, now=now())
    typer.echo(f"{settings.public_url}/admin/login/{token}")
