"""Manifests: which picture of an issue gets which mark, for whoever marks them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from o2o.models import Campaign, Creative, Destination
from o2o.services.creatives import format_code, format_id
from o2o.services.paging import BATCH
from o2o.services.spreadsheets import csv_lines


@dataclass(frozen=True, slots=True)
class Line:
    """A picture, and what its designer needs to know.

    Attributes
    ----------
    id : str
        The mark's: what `o2o mark --id` takes.
    short_link : str
        Whole, as it may be printed beside the picture.
    destination_id : UUID or None
        The oldest destination's; None if there is none.
    """

    id: str
    page: int | None
    title: str
    print_width_in: float | None
    print_height_in: float | None
    short_link: str
    destination_id: UUID | None


def lines(session: Session, campaign: Campaign, *, public_url: str) -> Iterator[Line]:
    """Yield a campaign's pictures in the order of its pages, but for withdrawn ones.

    Parameters
    ----------
    public_url : str
        Where readers reach the service, without a trailing slash.
    """
    wanted = (
        select(
            Creative.id,
            Creative.watermark_id,
            Creative.page,
            Creative.title,
            Creative.print_width_in,
            Creative.print_height_in,
        )
        .where(Creative.campaign_id == campaign.id, Creative.withdrawn_at.is_(None))
        .order_by(Creative.page.is_(None), Creative.page, Creative.title, Creative.watermark_id)
    )
    found = session.execute(wanted, execution_options={"yield_per": BATCH})
    for batch in found.partitions():
        oldest = _oldest(session, [row.id for row in batch])
        for row_id, watermark_id, page, title, width, height in batch:
            link = f"{public_url}/s/{format_code(watermark_id)}"
            yield Line(format_id(watermark_id), page, title, width, height, link, oldest.get(row_id))


def _oldest(session: Session, creative_ids: Sequence[UUID]) -> Mapping[UUID, UUID]:
    """Return creatives' oldest destinations."""
    wanted = select(Destination.creative_id, Destination.id).where(Destination.creative_id.in_(creative_ids))
    newest_first = wanted.order_by(Destination.created_at.desc(), Destination.id.desc())
    # What comes later takes the place of what came before.
    return {owner: found for owner, found in session.execute(newest_first) if owner is not None}


def as_json(line: Line) -> dict[str, Any]:
    """Return a line as JSON can hold it."""
    held = {field.name: getattr(line, field.name) for field in fields(line)}
    return held | {"destination_id": str(line.destination_id) if line.destination_id else None}


def as_csv(manifest: Iterator[Line]) -> Iterator[str]:
    """Yield a manifest as the lines of a CSV file."""
    return csv_lines([field.name for field in fields(Line)], map(astuple, manifest))
