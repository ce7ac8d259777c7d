"""Readers: anonymous, known by a token."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from o2o.models import Reader
from o2o.services import boards
from o2o.services.boards import BoardSummary

FIRST_BOARD: Final = "My board"


def register(session: Session, token: str, *, now: datetime) -> tuple[UUID, BoardSummary]:
    """Register a reader under a fresh random token; return the reader's ID and first board."""
    reader = Reader(token_hash=_hash(token), created_at=now)
    session.add(reader)
    session.flush()
    return reader.id, boards.add(session, reader.id, FIRST_BOARD, now=now)


def authenticate(session: Session, token: str) -> UUID | None:
    """Return the ID of the token's reader, if there is one."""
    return session.scalar(select(Reader.id).where(Reader.token_hash == _hash(token)))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
