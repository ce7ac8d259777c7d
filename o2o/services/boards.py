"""Boards: the built-in place for pins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session

from o2o.errors import NotFound
from o2o.models import Board, Pin
from o2o.services.checks import checked_text


@dataclass(frozen=True, slots=True)
class BoardSummary:
    """A board and how much is on it."""

    id: UUID
    name: str
    pin_count: int


def add(session: Session, reader_id: UUID, name: str, *, now: datetime) -> BoardSummary:
    """Give a reader a new board."""
    board = Board(reader_id=reader_id, name=checked_text("name", name, max_length=180), created_at=now)
    session.add(board)
    session.flush()
    return BoardSummary(board.id, board.name, pin_count=0)


def of_reader(session: Session, reader_id: UUID) -> list[BoardSummary]:
    """Return a reader's boards, oldest first."""
    rows = session.execute(
        _summaries().where(Board.reader_id == reader_id).order_by(Board.created_at, Board.id)
    )
    return [_summary(row) for row in rows]


def get(session: Session, board_id: UUID) -> BoardSummary:
    """Return any board: its unguessable ID is all that protects it for now.

    Raises
    ------
    NotFound
        If there is none of that ID.
    """
    row = session.execute(_summaries().where(Board.id == board_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no board {board_id}")
    return _summary(row)


def _summaries() -> Select[UUID, str, int]:
    """Boards with the number of their pins, in one query however many there are."""
    pin_count = select(func.count(Pin.id)).where(Pin.board_id == Board.id).scalar_subquery()
    return select(Board.id, Board.name, pin_count)


def _summary(row: Row[UUID, str, int]) -> BoardSummary:
    return BoardSummary(*row)
