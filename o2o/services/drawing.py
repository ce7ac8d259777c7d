"""Drawing IDs: at random from all there are, and never one that was given before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from o2o.errors import IdsExhausted
from o2o.models import WATERMARK_ID_BITS, Creative
from o2o.services.paging import batched

MAX_DRAWS: Final = 20
"""With a billion creatives, 20 draws in a row hit given IDs once in 10**109 tries."""


def insert(session: Session, added: Sequence[Creative], draw: Callable[[int], int]) -> None:
    """Insert creatives under the first drawn IDs that the unique constraint lets in.

    Parameters
    ----------
    draw : callable
        Returns that many random bits.

    Raises
    ------
    IdsExhausted
        If time and again an ID was drawn that is taken.
    """
    waiting = list(added)
    for _ in range(MAX_DRAWS):
        for creative in waiting:
            creative.watermark_id = draw(WATERMARK_ID_BITS)
        ids = [creative.watermark_id for creative in added]
        waiting = _in_the_way(added, _taken(session, ids))
        if waiting:
            continue
        try:
            with session.begin_nested():
                session.add_all(added)
        except IntegrityError:
            # Somebody was faster between the look and the insert.
            waiting = _in_the_way(added, _taken(session, ids))
            if not waiting:
                raise
            continue
        return
    raise IdsExhausted(f"{MAX_DRAWS} random IDs were all taken: check the source of randomness")


def _taken(session: Session, ids: Sequence[int]) -> set[int]:
    """Return which of some IDs have been given."""
    taken: set[int] = set()
    for batch in batched(ids):
        taken.update(session.scalars(select(Creative.watermark_id).where(Creative.watermark_id.in_(batch))))
    return taken


def _in_the_way(added: Sequence[Creative], taken: set[int]) -> list[Creative]:
    """Return those of new creatives that need another ID: it is taken, or another new one has it."""
    seen = set(taken)
    waiting = []
    for creative in added:
        if creative.watermark_id in seen:
            waiting.append(creative)
        seen.add(creative.watermark_id)
    return waiting
