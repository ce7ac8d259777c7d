"""IDs as the commands take them: what is no ID is told with the command that finds it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final
from uuid import UUID

import typer

_METAVAR: Final = "UUID"


def _parser(whose: str, found_by: str) -> Callable[[str], UUID]:
    """Return what reads the ID of a thing that a command lists."""

    def parse(text: str) -> UUID:
        try:
            return UUID(text)
        except ValueError as error:
            raise ValueError(
                f"{text!r} is no {whose}'s ID, which is a UUID: `{found_by}` shows them"
            ) from error

    return parse


_publisher: Final = _parser("publisher", "o2o publisher list")
_member: Final = _parser("member", "o2o member list --publisher UUID")
_campaign: Final = _parser("campaign", "o2o campaign list --publisher UUID")

PublisherId = Annotated[
    UUID, typer.Option("--publisher", parser=_publisher, metavar=_METAVAR, help="The publisher's ID.")
]
MemberId = Annotated[
    UUID, typer.Option("--member", parser=_member, metavar=_METAVAR, help="The member's ID.")
]
CampaignId = Annotated[UUID, typer.Argument(parser=_campaign, metavar="CAMPAIGN", help="The campaign's ID.")]
