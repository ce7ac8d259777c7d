"""Misses: why photos weren't read, of the whole deployment, as nobody can say whose pictures they were of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from o2o.models import PhotoRollup
from o2o.services.analytics import Dimension, Period

LEAST_PHOTOS: Final = 100
"""Shares of fewer would tell of single readers, and of other publishers' readers."""

DECIMALS: Final = 3
"""An exact fraction would give away what it is a fraction of."""

DIMENSIONS: Final = (Dimension.DAY, Dimension.DEVICE)


@dataclass(frozen=True, slots=True)
class MissShare:
    """How many of a group's photos were missed for a reason.

    Attributes
    ----------
    group : mapping of str to value
        The day, the device, or both.
    share : float
        Of all photos of the group, 0 to 1, to a thousandth.
    """

    group: Mapping[str, Any]
    reason: str
    share: float


def shares(session: Session, period: Period, by: Sequence[Dimension] = ()) -> list[MissShare]:
    """Return the shares of misses by their reasons, in groups of at least `LEAST_PHOTOS` photos.

    They are the same for every publisher: photos that weren't read belong to none.

    Parameters
    ----------
    by : sequence of Dimension, optional
        Of `DIMENSIONS`; all photos are one group without any.
    """
    known = {Dimension.DAY: PhotoRollup.day, Dimension.DEVICE: PhotoRollup.device}
    columns: list[Any] = [known[dimension] for dimension in by]
    rows = session.execute(
        select(*columns, PhotoRollup.reason, func.sum(PhotoRollup.photos))
        .where(PhotoRollup.day.between(period.first, period.last))
        .group_by(*columns, PhotoRollup.reason)
        .order_by(*columns, PhotoRollup.reason)
    ).all()
    photos: dict[tuple[Any, ...], int] = {}
    for *group, _reason, count in rows:
        photos[tuple(group)] = photos.get(tuple(group), 0) + int(count)
    return [
        MissShare(
            {name: value or None for name, value in zip(by, group, strict=True)},
            reason,
            round(int(count) / photos[tuple(group)], DECIMALS),
        )
        for *group, reason, count in rows
        if reason and photos[tuple(group)] >= LEAST_PHOTOS
    ]
