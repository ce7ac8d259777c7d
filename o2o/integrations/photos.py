"""Readers' photos that are kept, as files named by their scans."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from o2o.files import write_atomically
from o2o.imaging import load_capture

QUALITY: Final = 90


def encoded(image: NDArray[np.uint8]) -> bytes:
    """Return a photo as a JPEG without anything of the original but its pixels.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
        RGB, upright.
    """
    from PIL import Image

    jpeg = io.BytesIO()
    Image.fromarray(image).save(jpeg, "JPEG", quality=QUALITY)
    return jpeg.getvalue()


def encoded_anew(data: bytes, *, max_bytes: int, max_pixels: int) -> bytes:
    """Return an uploaded photo's pixels alone, as `encoded` does.

    Raises
    ------
    ImageError
        If it can't be taken.
    """
    return encoded(load_capture(data, max_bytes=max_bytes, max_pixels=max_pixels).image)


def path_of(folder: Path, scan_id: UUID) -> Path:
    """Return where a scan's photo lies."""
    return folder / f"{scan_id}.jpg"


def write(folder: Path, scan_id: UUID, jpeg: bytes) -> None:
    """Keep a photo, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(path_of(folder, scan_id), jpeg, overwrite=True)


def delete(folder: Path, scan_ids: Iterable[UUID]) -> None:
    """Delete photos; those that are gone already stay so."""
    for scan_id in scan_ids:
        path_of(folder, scan_id).unlink(missing_ok=True)


def older_than(folder: Path, moment: datetime) -> Iterator[UUID]:
    """Yield the scans whose photos were written before a time."""
    for path in folder.glob("*.jpg"):
        try:
            scan_id, written = UUID(path.stem), path.stat().st_mtime
        except (ValueError, FileNotFoundError):
            continue
        if datetime.fromtimestamp(written, UTC) < moment:
            yield scan_id
