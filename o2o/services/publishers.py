"""Publishers and their campaigns."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from o2o.errors import InvalidRequest, NotFound
from o2o.models import Campaign, Publisher

UNPRINTABLE: Final = {"Cc", "Cs"}
"""Unicode's categories of control characters and surrogates."""


def add(session: Session, name: str, *, now: datetime) -> Publisher:
    """Register a publisher.

    Raises
    ------
    InvalidRequest
        If the name is empty or longer than 200 characters.
    """
    publisher = Publisher(name=checked_text("name", name, max_length=200), created_at=now)
    session.add(publisher)
    session.flush()
    return publisher


def get(session: Session, publisher_id: UUID) -> Publisher:
    """Return a publisher.

    Raises
    ------
    NotFound
        If there is none of that ID.
    """
    publisher = session.get(Publisher, publisher_id)
    if publisher is None:
        raise NotFound(f"there is no publisher {publisher_id}: add one with `o2o publisher add NAME`")
    return publisher


def campaign_named(session: Session, publisher: Publisher, name: str, *, now: datetime) -> Campaign:
    """Return the publisher's campaign of that name, made now if it is new."""
    name = checked_text("campaign", name, max_length=200)
    campaign = session.scalar(
        select(Campaign).where(Campaign.publisher_id == publisher.id, Campaign.name == name)
    )
    if campaign is None:
        campaign = Campaign(publisher_id=publisher.id, name=name, created_at=now)
        session.add(campaign)
        session.flush()
    return campaign


def checked_text(field: str, text: str, *, max_length: int, min_length: int = 1) -> str:
    """Return a person's text without space around it, if it can be kept and shown.

    Raises
    ------
    InvalidRequest
        If it is too short or too long, or holds a control character or half of a surrogate pair:
        PostgreSQL takes no NUL, and UTF-8 no surrogate.
    """
    text = text.strip()
    for character in text:
        if unicodedata.category(character) in UNPRINTABLE:
            raise InvalidRequest(f"{field} can't hold the character U+{ord(character):04X}: leave it out")
    if not min_length <= len(text) <= max_length:
        raise InvalidRequest(f"{field} takes {min_length} to {max_length} characters, not {len(text)}")
    return text
