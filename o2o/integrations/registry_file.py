"""The registry file: a ZIP archive of records, a JSON object a line, and the pictures they speak of."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from o2o.errors import RegistryFileError
from o2o.integrations.storage import NAME

RECORDS: Final = "registry.jsonl"
PICTURES: Final = "media"

MAX_LINE_BYTES: Final = 64_000_000
"""Histories are cut to half of that when they are written; the rest of a record is far below it."""

_CHUNK: Final = 1 << 20

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """What a registry file holds now.

    Attributes
    ----------
    records : mapping of str to int
        How many there are of each kind.
    missing : tuple of str
        Pictures that records speak of and that aren't in the media folder.
    """

    records: Mapping[str, int]
    pictures: int
    missing: tuple[str, ...]


def write(
    file: IO[bytes],
    records: Iterable[Record],
    pictures_of: Callable[[Record], Iterable[str]],
    media_dir: Path,
) -> Written:
    """Write a registry file.

    Parameters
    ----------
    file : binary file
        Open for writing, and seekable.
    records : iterable of mapping
        What JSON can hold; taken one by one, so that they needn't fit into memory.
    pictures_of : callable
        Returns the names of the stored pictures that a record speaks of.
    media_dir : Path
        Where they lie.

    Raises
    ------
    RegistryFileError
        If a record's line is longer than readers take: a file that nobody can read is no way out.
    """
    counts: Counter[str] = Counter()
    missing: dict[str, None] = {}
    with (
        tempfile.TemporaryFile() as spool,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive,
    ):
        # An archive takes one member at a time: the records wait on disk until the pictures are in.
        for record in records:
            counts[record.get("kind", "header")] += 1
            line = line_of(record)
            if len(line) > MAX_LINE_BYTES:
                raise RegistryFileError(
                    f"the {record.get('kind')} {record.get('id')} takes {len(line)} bytes, and readers take "
                    f"{MAX_LINE_BYTES}: it has too many destinations"
                )
            spool.write(line)
            for name in pictures_of(record):
                if not _add_picture(archive, name, media_dir):
                    missing[name] = None
        pictures = len(archive.filelist)
        spool.seek(0)
        with archive.open(RECORDS, "w", force_zip64=True) as member:
            shutil.copyfileobj(spool, member, _CHUNK)
    return Written(counts, pictures, tuple(missing))


def line_of(record: Record) -> bytes:
    """Return a record as its line in the file."""
    return json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def records_in(path: Path) -> Iterator[Record]:
    """Yield a registry file's records, one by one.

    Raises
    ------
    RegistryFileError
        If it can't be read, or is no registry file.
    """
    with _opened(path) as archive, archive.open(RECORDS) as lines:
        number = 0
        while line := lines.readline(MAX_LINE_BYTES):
            number += 1
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise RegistryFileError(f"line {number} of {path.name} isn't JSON: {error}") from error
            if not isinstance(record, dict):
                raise RegistryFileError(f"line {number} of {path.name} isn't an object")
            yield record


def unpack_pictures(path: Path, media_dir: Path) -> int:
    """Put a registry file's pictures into a folder, and return how many they are.

    Raises
    ------
    RegistryFileError
        If it can't be read, or a picture isn't the one that it is named for.
    """
    count = 0
    media_dir.mkdir(parents=True, exist_ok=True)
    with _opened(path) as archive:
        for member in archive.infolist():
            folder, _, name = member.filename.rpartition("/")
            if folder == PICTURES and NAME.fullmatch(name):
                _unpack(archive, member, media_dir / name)
                count += 1
    return count


def _add_picture(archive: zipfile.ZipFile, name: str, media_dir: Path) -> bool:
    """Put a picture into an archive, if it isn't in it; return whether it is now."""
    member = f"{PICTURES}/{name}"
    if not NAME.fullmatch(name):
        return False
    try:
        archive.getinfo(member)
    except KeyError:
        if not (media_dir / name).is_file():
            return False
        # It is compressed already.
        archive.write(media_dir / name, member, zipfile.ZIP_STORED)
    return True


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """Copy a picture out of an archive, if it is what its name says."""
    digest = hashlib.sha256()
    with archive.open(member) as source, target.open("wb") as out:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            out.write(chunk)
    if digest.hexdigest() != target.stem:
        target.unlink()
        raise RegistryFileError(f"the picture {target.name} isn't what its name says: the file is damaged")


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """A registry file, open; what is wrong with it as an archive is told as the file's fault."""
    try:
        with zipfile.ZipFile(path) as archive:
            if RECORDS not in archive.NameToInfo:
                raise RegistryFileError(f"{path.name} is no registry file: there is no {RECORDS} in it")
            yield archive
    except OSError as error:
        raise RegistryFileError(f"{path} can't be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise RegistryFileError(f"{path.name} is no registry file, or damaged: {error}") from error
