"""Answers that are given once: a request that comes again under its key gets the answer that it got first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.orm import Session

from o2o.errors import IdempotencyKeyReused
from o2o.models import StoredAnswer

KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, word for word."""

    status: int
    body: str
    headers: Mapping[str, str]


def find(session: Session, asker_id: UUID, key: str, fingerprint: bytes, *, now: datetime) -> Answer | None:
    """Return the answer that a key stands for, if it has been used within a day.

    Raises
    ------
    IdempotencyKeyReused
        If the key came with another request.
    """
    found = session.get(StoredAnswer, (asker_id, key))
    if found is None or found.created_at + KEPT <= now:
        return None
    if found.fingerprint != fingerprint:
        raise IdempotencyKeyReused("this Idempotency-Key came with another request: draw a new one")
    return Answer(found.status, found.body, json.loads(found.headers))


def keep(
    session: Session, asker_id: UUID, key: str, fingerprint: bytes, answer: Answer, *, now: datetime
) -> None:
    """Keep an answer under a key, in the transaction of what it tells of.

    Raises
    ------
    IntegrityError
        If another request under that key was first.
    """
    session.execute(
        delete(StoredAnswer).where(
            StoredAnswer.asker_id == asker_id, StoredAnswer.key == key, StoredAnswer.created_at <= now - KEPT
        )
    )
    session.add(
        StoredAnswer(
            asker_id=asker_id,
            key=key,
            fingerprint=fingerprint,
            status=answer.status,
            body=answer.body,
            headers=json.dumps(dict(answer.headers)),
            created_at=now,
        )
    )
    session.flush()


def forget(session: Session, *, now: datetime) -> None:
    """Delete the answers that aren't kept any longer."""
    session.execute(delete(StoredAnswer).where(StoredAnswer.created_at <= now - KEPT))
