"""Pins: a creative is clipped to a board, once in effect however often it is asked for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from o2o.errors import Conflict, IdempotencyKeyReused, NotFound
from o2o.models import Board, IdempotencyKey, Pin, PinStatus, Scan, ScanDetection
from o2o.services import contents, creatives, jobs
from o2o.services.contents import Content

CONFLICTS: Final = 2
"""How often a request can come second: once for its pin, once for its key."""


@dataclass(frozen=True, slots=True)
class PinAnswer:
    """A pin as its reader sees it."""

    id: UUID
    status: PinStatus
    board_id: UUID
    content: Content
    created_at: datetime
    saved_at: datetime | None


@dataclass(frozen=True, slots=True)
class PinWish:
    """What a reader asks for."""

    scan_id: UUID
    watermark_id: int
    board_id: UUID

    def fingerprint(self) -> bytes:
        """A digest that tells this wish from any other."""
        return hashlib.sha256(f"{self.scan_id} {self.watermark_id} {self.board_id}".encode()).digest()


@dataclass(frozen=True, slots=True)
class PinReceipt:
    """The answer to a wish.

    Attributes
    ----------
    is_new : bool
        Whether the wish made the pin, or set a failed one going again, now or when its key was
        first seen.
    is_replay : bool
        Whether the key had been seen before.
    """

    pin: PinAnswer
    is_new: bool
    is_replay: bool


def clip(session: Session, reader_id: UUID, wish: PinWish, key: str, *, now: datetime) -> PinReceipt:
    """Clip a creative that the reader has scanned to one of the reader's boards.

    Parameters
    ----------
    key : str
        The idempotency key: the same key and wish give the same answer, whatever happened to
        the first one on its way.

    Raises
    ------
    IdempotencyKeyReused
        If the key came with another wish before.
    NotFound
        If the scan or the board isn't the reader's.
    Conflict
        If the scan didn't show that creative.
    """
    for _ in range(CONFLICTS):
        try:
            with session.begin_nested():
                return _clip(session, reader_id, wish, key, now=now)
        except IntegrityError:
            # The same pin or the same key came in at the same moment and was first: it is
            # committed by now, so the next time round it will be found.
            continue
    return _clip(session, reader_id, wish, key, now=now)


def _clip(session: Session, reader_id: UUID, wish: PinWish, key: str, *, now: datetime) -> PinReceipt:
    """Answer from the key, or make or find the pin and note the answer under the key."""
    if receipt := _replayed(session, reader_id, wish, key):
        return receipt
    seen = _scanned(session, reader_id, wish)
    pin, is_new = _pin(session, reader_id, seen, wish, now=now)
    session.add(
        IdempotencyKey(
            reader_id=reader_id,
            key=key,
            fingerprint=wish.fingerprint(),
            pin_id=pin.id,
            created_pin=is_new,
            created_at=now,
        )
    )
    session.flush()
    return PinReceipt(describe(pin), is_new, is_replay=False)


def _replayed(session: Session, reader_id: UUID, wish: PinWish, key: str) -> PinReceipt | None:
    """The answer that the key stands for, if it has been used."""
    used = session.get(IdempotencyKey, (reader_id, key))
    if used is None:
        return None
    if used.fingerprint != wish.fingerprint():
        raise IdempotencyKeyReused("this Idempotency-Key came with another request: draw a new one")
    pin = session.get_one(Pin, used.pin_id)
    return PinReceipt(describe(pin), used.created_pin, is_replay=True)


def _scanned(session: Session, reader_id: UUID, wish: PinWish) -> ScanDetection:
    """The detection that is to be pinned, if the reader's scan showed it and the board is the reader's."""
    if session.scalar(select(Scan.id).where(Scan.id == wish.scan_id, Scan.reader_id == reader_id)) is None:
        raise NotFound(f"there is no scan {wish.scan_id}: send the photo again")
    board = select(Board.id).where(Board.id == wish.board_id, Board.reader_id == reader_id)
    if session.scalar(board) is None:
        raise NotFound(f"there is no board {wish.board_id}: GET /v1/boards lists yours")
    seen = session.scalar(
        select(ScanDetection)
        .where(
            ScanDetection.scan_id == wish.scan_id,
            ScanDetection.watermark_id == wish.watermark_id,
            ScanDetection.creative_id.is_not(None),
        )
        .limit(1)
    )
    if seen is None:
        shown = creatives.format_id(wish.watermark_id)
        raise Conflict(f"that scan didn't show {shown}: pin one of its detections")
    return seen


def _pin(
    session: Session, reader_id: UUID, seen: ScanDetection, wish: PinWish, *, now: datetime
) -> tuple[Pin, bool]:
    """The pin, and whether it is new or goes anew; then it has a job that will save it."""
    pin = session.scalar(
        select(Pin)
        .where(Pin.reader_id == reader_id, Pin.creative_id == seen.creative_id, Pin.board_id == wish.board_id)
        .with_for_update(of=Pin)
    )
    if pin is not None:
        return pin, _retried(session, pin, now=now)
    pin = Pin(
        reader_id=reader_id,
        creative_id=seen.creative_id,
        board_id=wish.board_id,
        scan_id=wish.scan_id,
        destination_id=seen.destination_id,
        status=PinStatus.PENDING,
        created_at=now,
    )
    session.add(pin)
    session.flush()
    jobs.enqueue(session, jobs.PIN_SAVE, pin.id, now=now)
    return pin, True


def _retried(session: Session, pin: Pin, *, now: datetime) -> bool:
    """Set a failed pin going again; whether it was one."""
    if pin.status is not PinStatus.FAILED:
        return False
    pin.status = PinStatus.PENDING
    session.flush()
    jobs.revive(session, jobs.PIN_SAVE, pin.id, now=now)
    return True


def save(session: Session, pin_id: UUID, *, now: datetime) -> PinAnswer | None:
    """Put a pending pin on its board; None if it was settled before."""
    pin = session.get_one(Pin, pin_id, with_for_update={"of": Pin})
    if pin.status is not PinStatus.PENDING:
        return None
    pin.status = PinStatus.SAVED
    pin.saved_at = now
    session.flush()
    return describe(pin)


def give_up(session: Session, pin_id: UUID) -> None:
    """Mark a pin that can't be saved."""
    pin = session.get_one(Pin, pin_id, with_for_update={"of": Pin})
    if pin.status is PinStatus.PENDING:
        pin.status = PinStatus.FAILED
        session.flush()


def get(session: Session, reader_id: UUID, pin_id: UUID) -> PinAnswer:
    """Return one of a reader's pins.

    Raises
    ------
    NotFound
        If the reader has none of that ID.
    """
    pin = session.get(Pin, pin_id)
    if pin is None or pin.reader_id != reader_id:
        raise NotFound(f"there is no pin {pin_id}")
    return describe(pin)


def on_board(session: Session, board_id: UUID) -> list[PinAnswer]:
    """Return a board's pins, newest first."""
    pins = select(Pin).where(Pin.board_id == board_id).order_by(Pin.created_at.desc(), Pin.id)
    return [describe(pin) for pin in session.scalars(pins)]


def describe(pin: Pin) -> PinAnswer:
    """Return a pin with what it shows."""
    return PinAnswer(
        id=pin.id,
        status=pin.status,
        board_id=pin.board_id,
        content=contents.kept(pin.creative, pin.destination),
        created_at=pin.created_at,
        saved_at=pin.saved_at,
    )
