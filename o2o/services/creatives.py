"""Creatives: what a mark's ID leads to."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from o2o.errors import IdsExhausted, InvalidRequest, NotFound
from o2o.models import WATERMARK_ID_BITS, Creative
from o2o.services import publishers
from o2o.services.publishers import checked_text

MAX_DRAWS: Final = 20
"""With a billion creatives, 20 draws in a row hit given IDs once in 10**109 tries."""

MAX_LINK_LENGTH: Final = 2048

_ID: Final = re.compile(r"0x[0-9a-f]{1,12}")


@dataclass(frozen=True, slots=True)
class Content:
    """What a reader sees behind a picture.

    Attributes
    ----------
    image : str or None
        The stored picture's name.
    """

    creative_id: str
    title: str
    description: str
    link: str | None
    image: str | None
    alt_text: str
    publisher: str


def format_id(watermark_id: int) -> str:
    """Write a mark's ID as everyone writes it: ``0x`` and 12 lower-case hexadecimal digits."""
    return f"0x{watermark_id:012x}"


def parse_id(text: str) -> int:
    """Read a mark's ID.

    Raises
    ------
    InvalidRequest
        If it isn't ``0x`` and up to 12 hexadecimal digits.
    """
    asked = text.strip().lower()
    if not _ID.fullmatch(asked):
        raise InvalidRequest(f"an ID is written as 0x and up to 12 hexadecimal digits, not {text!r}")
    return int(asked, 16)


def add(
    session: Session,
    *,
    publisher_id: UUID,
    title: str,
    draw: Callable[[int], int],
    now: datetime,
    campaign: str | None = None,
    description: str = "",
    link: str | None = None,
    alt_text: str = "",
    image: str | None = None,
) -> Creative:
    """Register a creative under a random ID that was never given before.

    Parameters
    ----------
    draw : callable
        Returns that many random bits; `secrets.randbits` in the product.
    campaign : str, optional
        A campaign's name; made if it is new.
    image : str, optional
        A stored picture's name.

    Raises
    ------
    NotFound
        If there is no such publisher.
    InvalidRequest
        If a text is too long or the link isn't a web address.
    """
    publisher = publishers.get(session, publisher_id)
    creative = Creative(
        publisher=publisher,
        campaign_id=publishers.campaign_named(session, publisher, campaign, now=now).id if campaign else None,
        title=checked_text("title", title, max_length=100),
        description=checked_text("description", description, min_length=0, max_length=800),
        link=_checked_link(link),
        alt_text=checked_text("alt_text", alt_text, min_length=0, max_length=500),
        image=image,
        created_at=now,
    )
    return _with_free_id(session, creative, draw)


def _with_free_id(session: Session, creative: Creative, draw: Callable[[int], int]) -> Creative:
    """Insert the creative under the first drawn ID that the unique constraint lets in."""
    for _ in range(MAX_DRAWS):
        creative.watermark_id = draw(WATERMARK_ID_BITS)
        try:
            with session.begin_nested():
                session.add(creative)
        except IntegrityError:
            if find(session, [creative.watermark_id]):
                continue
            raise
        return creative
    raise IdsExhausted(f"{MAX_DRAWS} random IDs were all taken: check the source of randomness")


def _checked_link(link: str | None) -> str | None:
    """Let only web addresses through: a link is put before readers as it is."""
    if not link:
        return None
    try:
        parts = urlsplit(link)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web or not link.isprintable() or " " in link or len(link) > MAX_LINK_LENGTH:
        raise InvalidRequest(f"a link is an http(s) address of up to {MAX_LINK_LENGTH} characters")
    return link


def get_by_ref(session: Session, ref: str) -> Creative:
    """Return the creative that a text names by its mark's ID (``0x...``) or its UUID.

    Raises
    ------
    NotFound
        If there is none.
    InvalidRequest
        If the text is neither.
    """
    try:
        condition = Creative.id == UUID(ref)
    except ValueError:
        condition = Creative.watermark_id == parse_id(ref)
    creative = session.scalar(select(Creative).where(condition))
    if creative is None:
        raise NotFound(f"there is no creative {ref}: add one with `o2o creative add`")
    return creative


def find(session: Session, watermark_ids: Collection[int]) -> Mapping[int, Creative]:
    """Return the creatives of those IDs that are registered."""
    found = session.scalars(select(Creative).where(Creative.watermark_id.in_(watermark_ids)))
    return {creative.watermark_id: creative for creative in found}


def content_of(creative: Creative) -> Content:
    """Return what a reader sees of a creative."""
    return Content(
        creative_id=format_id(creative.watermark_id),
        title=creative.title,
        description=creative.description,
        link=creative.link,
        image=creative.image,
        alt_text=creative.alt_text,
        publisher=creative.publisher.name,
    )
