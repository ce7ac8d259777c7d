"""Creatives: pictures with a mark of their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from o2o.errors import InvalidRequest, NotFound
from o2o.models import WATERMARK_ID_BITS, Creative
from o2o.services import campaigns, drawing, publishers
from o2o.services.checks import all_checked, checked_pages, checked_text, require_version
from o2o.services.paging import Page, newest_first

MAX_PRINT_IN: Final = 1200.0
"""A poster of 100 feet."""

_ID: Final = re.compile(r"0x[0-9a-f]{1,12}")

CODE_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's Base32: no letter that looks like a digit, and a QR code's shortest alphabet."""

CODE_LENGTH: Final = 10
_MISTAKEN: Final = str.maketrans("OIL", "011")


@dataclass(frozen=True, slots=True)
class Particulars:
    """What is known of a creative; the names are `Creative`'s."""

    title: str
    campaign_id: UUID | None = None
    page: int | None = None
    print_width_in: float | None = None
    print_height_in: float | None = None
    fingerprint: str | None = None
    picture: str | None = None
    thumbnail: str | None = None

    def within(self, campaign_id: UUID) -> Self:
        """Return the particulars with a campaign."""
        return replace(self, campaign_id=campaign_id)

    def checked(self, session: Session, publisher_id: UUID) -> Self:
        """Return the particulars as they can be kept.

        Raises
        ------
        InvalidRequest
            If a field can't be.
        NotFound
            If the publisher has no such campaign.
        """
        page_count = None
        if self.campaign_id is not None:
            page_count = campaigns.get(session, publisher_id, self.campaign_id).page_count
        return self.checked_within(page_count)

    def checked_within(self, page_count: int | None) -> Self:
        """Return the particulars as they can be kept in a campaign of so many pages.

        Raises
        ------
        InvalidRequest
            If a field can't be.
        """
        return replace(
            self,
            **all_checked(
                {
                    "title": lambda: checked_text("title", self.title, max_length=100),
                    "page": lambda: self._checked_page(page_count),
                    "print_width_in": lambda: _checked_inches("print_width_in", self.print_width_in),
                    "print_height_in": lambda: _checked_inches("print_height_in", self.print_height_in),
                }
            ),
        )

    def _checked_page(self, page_count: int | None) -> int | None:
        """Return the page, if the campaign has it."""
        page = checked_pages("page", self.page)
        if page is not None and page_count is not None and page > page_count:
            raise InvalidRequest(f"the campaign has {page_count} pages", field="page")
        return page


def _checked_inches(field: str, inches: float | None) -> float | None:
    """Return a length on paper, if something can be printed so large."""
    if inches is not None and not 0 < inches <= MAX_PRINT_IN:
        raise InvalidRequest(f"{field} lies above 0 and up to {MAX_PRINT_IN:g}", field=field)
    return inches


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


def format_code(watermark_id: int) -> str:
    """Write a mark's ID as short links have it: ten digits of Crockford's Base32."""
    return "".join(CODE_DIGITS[watermark_id >> shift & 31] for shift in range(5 * CODE_LENGTH - 5, -1, -5))


def parse_code(text: str) -> int | None:
    """Read a short link's code as people type it; None if it isn't one."""
    asked = text.upper().translate(_MISTAKEN)
    if len(asked) != CODE_LENGTH or not set(asked) <= set(CODE_DIGITS):
        return None
    watermark_id = 0
    for digit in asked:
        watermark_id = watermark_id << 5 | CODE_DIGITS.index(digit)
    return watermark_id if watermark_id < 1 << WATERMARK_ID_BITS else None


def add(
    session: Session,
    publisher_id: UUID,
    particulars: Particulars,
    *,
    draw: Callable[[int], int],
    now: datetime,
) -> Creative:
    """Register a creative under a random ID that was never given before.

    Parameters
    ----------
    draw : callable
        Returns that many random bits; `secrets.randbits` in the product.

    Raises
    ------
    NotFound
        If there is no such publisher or campaign.
    InvalidRequest
        If a field can't be kept.
    """
    checked = particulars.checked(session, publisher_id)
    (creative,) = add_all(session, publisher_id, [checked], draw=draw, now=now)
    return creative


def add_all(
    session: Session,
    publisher_id: UUID,
    checked: Sequence[Particulars],
    *,
    draw: Callable[[int], int],
    now: datetime,
) -> list[Creative]:
    """Register many creatives at once, each under a random ID that was never given before.

    Parameters
    ----------
    checked : sequence of Particulars
        As `Particulars.checked` returns them.

    Raises
    ------
    NotFound
        If there is no such publisher.
    """
    publisher = publishers.get(session, publisher_id)
    added = [Creative(publisher=publisher, created_at=now) for _ in checked]
    for creative, particulars in zip(added, checked, strict=True):
        _fill(creative, particulars, now=now)
    drawing.insert(session, added, draw)
    return added


def edit(
    session: Session, creative: Creative, changes: Mapping[str, Any], *, version: int, now: datetime
) -> Creative:
    """Change some particulars of a creative; its ID stays.

    Raises
    ------
    PreconditionFailed
        If it was changed since that version.
    InvalidRequest, NotFound
        As `add`.
    """
    require_version(creative.version, version)
    held = Particulars(**{name: getattr(creative, name) for name in Particulars.__slots__})
    _fill(creative, replace(held, **changes).checked(session, creative.publisher_id), now=now)
    session.flush()
    return creative


def _fill(creative: Creative, checked: Particulars, *, now: datetime) -> None:
    """Write checked particulars into a row."""
    for name in Particulars.__slots__:
        setattr(creative, name, getattr(checked, name))
    creative.updated_at = now


def withdraw(session: Session, creative: Creative, *, version: int, now: datetime) -> None:
    """Have a creative answer with its fallback from now on: what is in print can't be taken back.

    Raises
    ------
    PreconditionFailed
        If it was changed since that version.
    """
    require_version(creative.version, version)
    creative.withdrawn_at = creative.updated_at = now
    session.flush()


def get(session: Session, publisher_id: UUID, watermark_id: int, *, withdrawn_too: bool = False) -> Creative:
    """Return a creative of a publisher.

    Parameters
    ----------
    withdrawn_too : bool, optional
        Whether one that is withdrawn is returned: to be shown, as nothing of it changes any more.

    Raises
    ------
    NotFound
        If there is none of that ID.
    """
    found = session.scalar(select(Creative).where(Creative.watermark_id == watermark_id))
    if found is None or found.publisher_id != publisher_id:
        raise NotFound(f"there is no creative {format_id(watermark_id)}")
    if found.withdrawn_at is not None and not withdrawn_too:
        day = found.withdrawn_at.date().isoformat()
        raise NotFound(f"creative {format_id(watermark_id)} was withdrawn on {day} and leads to its fallback")
    return found


def page(
    session: Session,
    publisher_id: UUID,
    *,
    limit: int,
    cursor: str | None,
    campaign_id: UUID | None = None,
    page_number: int | None = None,
    title: str | None = None,
    withdrawn: bool = False,
) -> Page[Creative]:
    """Return a page of a publisher's creatives, the newest first.

    Parameters
    ----------
    campaign_id, page_number, title : optional
        Only those of a campaign, on one of its pages, whose title holds a text.
    withdrawn : bool, optional
        Only those that are withdrawn, in place of those that aren't.
    """
    at = Creative.withdrawn_at
    wanted = select(Creative).where(
        Creative.publisher_id == publisher_id, at.is_not(None) if withdrawn else at.is_(None)
    )
    if campaign_id is not None:
        wanted = wanted.where(Creative.campaign_id == campaign_id)
    if page_number is not None:
        wanted = wanted.where(Creative.page == page_number)
    if title:
        wanted = wanted.where(Creative.title.icontains(title, autoescape=True))
    return newest_first(session, wanted, Creative.created_at, Creative.id, limit=limit, cursor=cursor)


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
    """Return the creatives of those IDs that are registered, withdrawn ones too."""
    found = session.scalars(select(Creative).where(Creative.watermark_id.in_(watermark_ids)))
    return {creative.watermark_id: creative for creative in found}
