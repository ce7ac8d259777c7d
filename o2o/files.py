"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def writing_atomically(path: Path, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """A file under a temporary name, flushed to the disk and given its own at the block's end.

    Raises
    ------
    FileExistsError
        If the file is there already and may not be overwritten.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with unfinished.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if not overwrite:
            _claim(path, unfinished)
        unfinished.replace(path)
        _flush_folder(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Write a file as `writing_atomically` does.

    Raises
    ------
    FileExistsError
        If the file is there already and may not be overwritten.
    """
    with writing_atomically(path, overwrite=overwrite) as file:
        file.write(data)


def _claim(path: Path, unfinished: Path) -> None:
    """Take a name that nobody has, in one step, so that whoever comes later finds it taken."""
    try:
        try:
            os.link(unfinished, path)
        except FileExistsError:
            raise
        except OSError:  # a filesystem without hard links: an empty file holds the name until the replacement
            path.open("xb").close()
    except FileExistsError as error:
        message = f"{path} exists already: name another file, or say --force to overwrite it"
        raise FileExistsError(message) from error


def _flush_folder(folder: Path) -> None:
    """Flush the file's new name to the disk too, where the system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
