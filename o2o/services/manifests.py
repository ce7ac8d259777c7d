"""Manifests: which picture of an issue gets which mark, for whoever marks them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
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
    ranked = (
        select(
            Destination.id,
            Destination.creative_id,
            func.row_number()
            .over(partition_by=Destination.creative_id, order_by=(Destination.created_at, Destination.id))
            .label("rank"),
        )
        .join(Creative, Creative.id == Destination.creative_id)
        .where(Creative.campaign_id == campaign.id)
        .subquery()
    )
    wanted = (
        select(
            Creative.watermark_id,
            Creative.page,
            Creative.title,
            Creative.print_width_in,
            Creative.print_height_in,
            ranked.c.id,
        )
        .outerjoin(ranked, (ranked.c.creative_id == Creative.id) & (ranked.c.rank == 1))
        .where(Creative.campaign_id == campaign.id, Creative.withdrawn_at.is_(None))
        .order_by(Creative.page.is_(None), Creative.page, Creative.title, Creative.watermark_id)
    )
    for row in session.execute(wanted, execution_options={"yield_per": BATCH}):
        watermark_id, page, title, width, height, destination_id = row
        link = f"{public_url}/s/{format_code(watermark_id)}"
        yield Line(format_id(watermark_id), page, title, width, height, link, destination_id)


def as_json(line: Line) -> dict[str, Any]:
    """Return a line as JSON can hold it."""
    held = {field.name: getattr(line, field.name) for field in fields(line)}
    return held | {"destination_id": str(line.destination_id) if line.destination_id else None}


def as_csv(manifest: Iterator[Line]) -> Iterator[str]:
    """Yield a manifest as the lines of a CSV file."""
    return csv_lines([field.name for field in fields(Line)], map(astuple, manifest))
