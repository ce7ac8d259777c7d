"""A registry file made ready to be served: a database of its own, thrown away in the end."""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from o2o.settings import Settings


@contextmanager
def private_copy(file: Path, settings: Settings) -> Iterator[Settings]:
    """Settings over a temporary folder that holds what a registry file says, as long as the block lasts.

    Raises
    ------
    RegistryFileError
        If the file isn't a registry's, or is damaged.
    """
    from o2o.db import Database, upgrade
    from o2o.integrations import registry_file
    from o2o.services import restores

    folder = Path(tempfile.mkdtemp(prefix="o2o-registry-"))
    owner = os.getpid()
    own = dataclasses.replace(
        settings, data_dir=folder, database_url=f"sqlite:///{folder / 'registry.sqlite3'}"
    )
    try:
        upgrade(own.database_url)
        database = Database(own.database_url)
        with database.begin() as session:
            counts = restores.load(session, registry_file.records_in(file))
        database.engine.dispose()
        pictures = registry_file.unpack_pictures(file, own.media_dir)
        typer.echo(
            f"{file.name}: {counts.get('creative', 0)} creatives and {pictures} pictures, read-only", err=True
        )
        yield own
    finally:
        # gunicorn's children leave through here too, and the folder is their parent's.
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)
