"""``o2o campaign``: whole issues in, and which picture gets which mark."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from o2o.cli import lists
from o2o.cli.environment import current_settings, now, transaction
from o2o.cli.ids import CampaignId, PublisherId
from o2o.errors import Fault, InvalidRequest

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from o2o.models import Campaign
    from o2o.services.imports import Issue, Sheet
    from o2o.services.paging import Page

commands = typer.Typer(no_args_is_help=True, help="Whole issues, and which picture gets which mark.")

JSON: Final = "--json"
MOST_TOLD: Final = 200
"""Faults that a screen is filled with."""

OUT_HELP = "Write the manifest there instead of to stdout."
FORCE_HELP = "Overwrite the manifest's file if it is there."
JSON_HELP = "The manifest as one JSON object; by default CSV."


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.add_typer(commands, name="campaign")


@commands.command("import")
def import_(
    publisher: PublisherId,
    file: Path = typer.Argument(
        exists=True, dir_okay=False, metavar="FILE", help="The issue: .csv or .json."
    ),
    title: str = typer.Option("", help="The campaign's title; a .json file holds it itself."),
    page_count: str = typer.Option("", help="How many pages it has."),
    on_sale_on: str = typer.Option("", help="Its first day, such as 2026-05-01."),
    off_sale_on: str = typer.Option("", help="Its last day."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what is wrong with it, and import nothing."),
    out: Path | None = typer.Option(None, "-o", "--out", metavar="FILE", help=OUT_HELP),
    force: bool = typer.Option(False, "--force", help=FORCE_HELP),
    as_json: bool = typer.Option(False, JSON, help=JSON_HELP),
) -> None:
    """Bring in a whole issue, all of it or nothing, and print its manifest."""
    import secrets

    from o2o.services import imports

    campaign = {
        "title": title,
        "page_count": page_count,
        "on_sale_on": on_sale_on,
        "off_sale_on": off_sale_on,
    }
    if out is not None:
        _require_writable(out, force=force)
    settings = current_settings()
    issue = _issue(file, campaign, settings.media_dir)
    with transaction(settings) as session:
        if dry_run:
            imports.require_free(session, publisher, issue)
            _tell(f"{_pictures(len(issue.entries))} could be imported; nothing was")
            return
        added = imports.add(
            session, publisher, issue, draw=secrets.randbits, by="the command line", now=now()
        )
        # Within the transaction: an issue whose manifest can't be written isn't imported either.
        _put(_manifest(session, added, settings.public_url, as_json=as_json), out, force=force)
        campaign_id = added.id
    _tell(f"{_pictures(len(issue.entries))} imported into campaign {campaign_id}")


@commands.command()
def manifest(
    campaign: CampaignId,
    publisher: PublisherId,
    out: Path | None = typer.Option(None, "-o", "--out", metavar="FILE", help=OUT_HELP),
    force: bool = typer.Option(False, "--force", help=FORCE_HELP),
    as_json: bool = typer.Option(False, JSON, help=JSON_HELP),
) -> None:
    """Print which picture of a campaign gets which mark, in the order of its pages."""
    from o2o.services import campaigns

    settings = current_settings()
    if out is not None:
        _require_writable(out, force=force)
    with transaction(settings) as session:
        found = campaigns.get(session, publisher, campaign)
        _put(_manifest(session, found, settings.public_url, as_json=as_json), out, force=force)


@commands.command("list")
def list_(publisher: PublisherId, as_json: bool = typer.Option(False, JSON, help=lists.JSON_HELP)) -> None:
    """List a publisher's campaigns, the newest first."""
    from o2o.services import campaigns, publishers

    def pages_of(session: Session, limit: int, cursor: str | None) -> Page[Campaign]:
        publishers.get(session, publisher)
        return campaigns.page(session, publisher, limit=limit, cursor=cursor)

    lists.show(pages_of, _fields, ("id", "on_sale_on", "title"), as_json=as_json)


def _fields(campaign: Campaign) -> dict[str, Any]:
    """What a campaign holds."""
    return {
        "id": str(campaign.id),
        "title": campaign.title,
        "page_count": campaign.page_count,
        "on_sale_on": campaign.on_sale_on.isoformat() if campaign.on_sale_on else None,
        "off_sale_on": campaign.off_sale_on.isoformat() if campaign.off_sale_on else None,
        "created_at": campaign.created_at.isoformat(),
    }


def _issue(file: Path, campaign: dict[str, str], media_dir: Path) -> Issue:
    """Return the issue that a file holds; what is wrong with it is told as a table first."""
    from o2o.integrations import storage
    from o2o.services import imports

    try:
        return imports.checked(
            _sheet(file, campaign), is_stored=lambda name: storage.is_stored(name, media_dir)
        )
    except InvalidRequest as error:
        if not error.faults:
            raise
        _show(error.faults)
        count = len(error.faults)
        what = "one thing is" if count == 1 else f"{count} things are"
        raise InvalidRequest(f"{what} wrong with {file}, so nothing was imported") from error


def _sheet(file: Path, campaign: dict[str, str]) -> Sheet:
    """Read a file by what its name says it is."""
    from o2o.services import imports

    match file.suffix.lower():
        case ".csv":
            if not campaign["title"]:
                raise typer.BadParameter(f"say --title: {file} doesn't hold the campaign's")
            return imports.sheet_of_csv(file.read_bytes(), campaign)
        case ".json":
            if any(campaign.values()):
                raise typer.BadParameter(f"{file} holds the campaign itself: leave its options out")
            return imports.sheet_of_json(file.read_bytes())
    raise typer.BadParameter(f"{file} is no .csv and no .json file")


def _show(faults: Sequence[Fault]) -> None:
    """Tell what is wrong with a file, a line a fault, in the order of its rows."""
    cells = sorted((_cells(fault) for fault in faults), key=lambda row: int(row[0] or 0))
    lists.table([("ROW", "COLUMN", "WHAT IS WRONG"), *cells[:MOST_TOLD]], err=True)
    if len(cells) > MOST_TOLD:
        typer.echo(f"and {len(cells) - MOST_TOLD} more", err=True)


def _cells(fault: Fault) -> tuple[str, str, str]:
    """Return a fault's row and column, and what it is."""
    place, _, rest = fault.field.partition("/")
    if place != "rows" or not rest:
        return "", fault.field, fault.detail
    row, _, column = rest.partition("/")
    return row, column, fault.detail


def _manifest(session: Session, campaign: Campaign, public_url: str, *, as_json: bool) -> str:
    """Return a campaign's manifest as a file holds it."""
    from o2o.services import manifests

    lines = manifests.lines(session, campaign, public_url=public_url)
    if not as_json:
        return "".join(manifests.as_csv(lines))
    rows = [manifests.as_json(line) for line in lines]
    own = {"id": str(campaign.id), "title": campaign.title}
    return json.dumps({"campaign": own, "rows": rows}, ensure_ascii=False) + "\n"


def _require_writable(out: Path, *, force: bool) -> None:
    """Find out before anything is done whether a file can be written."""
    if out.exists() and not force:
        raise typer.BadParameter(f"{out} exists already: name another file, or say --force")
    if not out.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {out.parent}")


def _put(text: str, out: Path | None, *, force: bool) -> None:
    """Write a manifest where it is wanted."""
    from o2o.files import write_atomically

    if out is None:
        # The byte order mark is for spreadsheets, which open files.
        typer.echo(text.removeprefix("\ufeff").replace("\r\n", "\n"), nl=False)
        return
    try:
        write_atomically(out, text.encode(), overwrite=force)
    except OSError as error:
        raise typer.BadParameter(f"{out} can't be written: {error.strerror or error}") from error


def _pictures(count: int) -> str:
    """Say how many pictures."""
    return f"{count} picture{'' if count == 1 else 's'}"


def _tell(note: str) -> None:
    """Say what was done."""
    typer.echo(note, err=True)
