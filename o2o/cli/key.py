"""``o2o key``: what programs act for a publisher with."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import typer

from o2o.cli import lists
from o2o.cli.environment import current_settings, now, transaction
from o2o.cli.ids import MemberId, PublisherId
from o2o.roles import ROLE_SCOPES, Scope

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from o2o.models import ApiKey
    from o2o.services.paging import Page

commands = typer.Typer(no_args_is_help=True, help="What programs act for a publisher with.")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.add_typer(commands, name="key")


@commands.command()
def add(
    publisher: PublisherId,
    member: MemberId,
    label: str = typer.Argument(metavar="LABEL", help="What it is for."),
    scope: list[Scope] | None = typer.Option(
        None, help="What it may do; repeatable; by default all that the member may."
    ),
    days: int | None = typer.Option(None, min=1, max=3650, help="How long it is good for; for ever."),
) -> None:
    """Make a key and print it, this once."""
    from o2o.services import keys, members

    with transaction(current_settings()) as session:
        at = now()
        holder = members.get(session, publisher, member)
        issued = keys.issue(
            session,
            holder,
            label=label,
            scopes=scope or ROLE_SCOPES[holder.role],
            now=at,
            expires_at=at + timedelta(days=days) if days else None,
        )
    typer.echo(issued.text)


@commands.command("list")
def list_(
    publisher: PublisherId, as_json: bool = typer.Option(False, "--json", help=lists.JSON_HELP)
) -> None:
    """List a publisher's keys, the newest first, those that have ended too; never their secrets."""
    from o2o.services import keys, publishers

    at = now()

    def pages_of(session: Session, limit: int, cursor: str | None) -> Page[ApiKey]:
        publishers.get(session, publisher)
        return keys.page(session, publisher, limit=limit, cursor=cursor)

    def fields(key: ApiKey) -> dict[str, Any]:
        return {
            "id": str(key.id),
            "public_id": key.public_id,
            "label": key.label,
            "member_id": str(key.member_id),
            "member": key.member.email,
            "scopes": list(key.scopes),
            "created_at": key.created_at.isoformat(),
            "expires_at": key.expires_at.isoformat() if key.expires_at else None,
            "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
            "state": "valid" if keys.is_valid(key, at) else "ended",
        }

    lists.show(pages_of, fields, ("id", "state", "label", "member", "scopes"), as_json=as_json)
