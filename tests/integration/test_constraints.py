"""Invariants that the database itself keeps, whatever the code above it does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import count
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlalchemy.orm import Session

from o2o.db import Database, insert_many
from o2o.errors import Conflict, IdsExhausted, InvalidRequest, NotFound
from o2o.models import (
    WATERMARK_ID_BITS,
    Board,
    Campaign,
    Creative,
    Member,
    PhotoRollup,
    Pin,
    PinStatus,
    Publisher,
    Reader,
    Scan,
)
from o2o.roles import Role
from o2o.services import campaigns, creatives, destinations, members, publishers
from o2o.services.campaigns import Plan
from o2o.services.creatives import Particulars
from o2o.services.destinations import Draft, Owner
from o2o.services.drawing import MAX_DRAWS
from tests.integration.support import NOW
from watermarks.payload import ID_BITS


def refused(database: Database, insert: Callable[[Session], object]) -> None:
    with pytest.raises(IntegrityError), database.begin() as session:
        session.add(insert(session))


@pytest.fixture
def publisher_id(database: Database) -> UUID:
    with database.begin() as session:
        return publishers.add(session, "P", now=NOW).id


def add_creative(session: Session, publisher_id: UUID, draw: Callable[[int], int]) -> Creative:
    return creatives.add(session, publisher_id, Particulars("T"), draw=draw, now=NOW)


def test_an_id_is_never_given_twice(database: Database, publisher_id: UUID) -> None:
    draws = iter([7, 7, 7, 8])
    with database.begin() as session:
        first = add_creative(session, publisher_id, lambda _: next(draws))
        second = add_creative(session, publisher_id, lambda _: next(draws))
        assert (first.watermark_id, second.watermark_id) == (7, 8)
    with pytest.raises(IdsExhausted), database.begin() as session:
        add_creative(session, publisher_id, lambda _: 7)
    numbers = count()
    with database.begin() as session:
        last = add_creative(session, publisher_id, lambda _: 7 if next(numbers) < MAX_DRAWS - 1 else 9)
        assert last.watermark_id == 9


def test_ids_are_as_wide_as_a_mark_carries() -> None:
    assert WATERMARK_ID_BITS == ID_BITS


def test_ids_fill_the_space_and_no_more(database: Database, publisher_id: UUID) -> None:
    with database.begin() as session:
        add_creative(session, publisher_id, lambda bits: (1 << bits) - 1)
        add_creative(session, publisher_id, lambda _: 0)
    for beyond in (1 << 48, -1):
        refused(
            database,
            lambda _, beyond=beyond: Creative(  # type: ignore[misc]
                watermark_id=beyond, publisher_id=publisher_id, title="T", created_at=NOW, updated_at=NOW
            ),
        )


def test_creatives_are_found_by_either_name(database: Database, publisher_id: UUID) -> None:
    with database.begin() as session:
        creative = add_creative(session, publisher_id, lambda _: 0xAB)
        for ref in ("0x0000000000ab", "0xAB", str(creative.id)):
            assert creatives.get_by_ref(session, ref) is creative
        for ref in ("0x1", "7d0a3f0c-7f43-4a41-9b52-1d1f9a1f2a3b"):
            with pytest.raises(NotFound):
                creatives.get_by_ref(session, ref)
        for ref in ("lemon", "0x1000000000000", "-1", "0x", "0x-1"):
            with pytest.raises(InvalidRequest):
                creatives.get_by_ref(session, ref)


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "ftp://a.example/", "https://", "https://a b/", "//x"]
)
def test_a_link_leads_to_the_web(database: Database, publisher_id: UUID, link: str) -> None:
    with pytest.raises(InvalidRequest, match="link"), database.begin() as session:
        destinations.add(session, Owner(publisher_id), Draft("T", link=link), by="a test", now=NOW)


def test_a_creative_keeps_to_its_publishers_campaigns(database: Database, publisher_id: UUID) -> None:
    with database.begin() as session:
        other = publishers.add(session, "Q", now=NOW)
        campaign_id = campaigns.add(session, other.id, Plan("May"), now=NOW).id
    refused(
        database,
        lambda _: Creative(
            watermark_id=1,
            publisher_id=publisher_id,
            campaign_id=campaign_id,
            title="T",
            created_at=NOW,
            updated_at=NOW,
        ),
    )


def test_a_campaign_is_titled_once(database: Database, publisher_id: UUID) -> None:
    with database.begin() as session:
        may = campaigns.add(session, publisher_id, Plan(" May"), now=NOW)
        assert campaigns.named(session, publisher_id, "May") is may
    with pytest.raises(Conflict), database.begin() as session:
        campaigns.add(session, publisher_id, Plan("May"), now=NOW)
    with database.begin() as session:
        june = campaigns.add(session, publisher_id, Plan("June"), now=NOW)
    with pytest.raises(Conflict), database.begin() as session:
        campaigns.edit(
            session, campaigns.get(session, publisher_id, june.id), {"title": "May"}, version=1, now=NOW
        )
    refused(
        database,
        lambda _: Campaign(publisher_id=publisher_id, title="May", created_at=NOW, updated_at=NOW),
    )


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_of_two_who_add_a_member_at_once_one_is_told(database: Database, publisher_id: UUID) -> None:
    """On SQLite the second waits until the first is done, and finds the member."""

    def add(session: Session) -> Member:
        return members.add(
            session, publisher_id, email="ada@magazine.example", name="Ada", role=Role.EDITOR, now=NOW
        )

    def be_faster(*_: object) -> None:
        with database.begin() as other:
            add(other)

    with database.begin() as session:
        event.listen(session, "before_flush", be_faster, once=True)
        with pytest.raises(Conflict, match="is a member already"):
            add(session)
        assert session.scalars(select(Member.email)).all() == ["ada@magazine.example"], "it goes on"


def test_a_pin_keeps_to_its_readers_boards_and_scans(database: Database, publisher_id: UUID) -> None:
    with database.begin() as session:
        creative = add_creative(session, publisher_id, lambda _: 1)
        readers = [Reader(token_hash=bytes([i]) * 32, created_at=NOW) for i in range(2)]
        session.add_all(readers)
        session.flush()
        boards = [Board(reader_id=reader.id, name="B", created_at=NOW) for reader in readers]
        scans = [
            Scan(
                reader_id=reader.id, outcome="read", width_px=1, height_px=1, load_ms=0, detect_ms=0,
                decode_ms=0, total_ms=0, created_at=NOW,
            )
            for reader in readers
        ]  # fmt: skip
        session.add_all([*boards, *scans])
        session.flush()

    def pin(board: int, scan: int, **more: object) -> Pin:
        fields = {"status": PinStatus.PENDING, "created_at": NOW, **more}
        return Pin(
            reader_id=readers[0].id,
            creative_id=creative.id,
            board_id=boards[board].id,
            scan_id=scans[scan].id,
            **fields,
        )

    refused(database, lambda _: pin(1, 0))
    refused(database, lambda _: pin(0, 1))
    refused(database, lambda _: pin(0, 0, status=PinStatus.SAVED))
    with database.begin() as session:
        session.add(pin(0, 0))
    refused(database, lambda _: pin(0, 0))


def test_a_miss_has_a_reason_and_a_read_has_none(database: Database) -> None:
    with database.begin() as session:
        reader = Reader(token_hash=b"x" * 32, created_at=NOW)
        session.add(reader)
    for outcome, reason in (("miss", None), ("read", "glare")):
        refused(
            database,
            lambda _, outcome=outcome, reason=reason: Scan(  # type: ignore[misc]
                reader_id=reader.id, outcome=outcome, reason=reason, width_px=1, height_px=1, load_ms=0,
                detect_ms=0, decode_ms=0, total_ms=0, created_at=NOW,
            ),
        )  # fmt: skip


def test_times_are_aware_and_come_back_in_utc(database: Database) -> None:
    elsewhere = datetime(2026, 3, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    with database.begin() as session:
        publishers.add(session, "P", now=elsewhere)
    with database.read() as session:
        kept = session.scalars(select(Publisher)).one().created_at
    assert (kept, kept.utcoffset()) == (NOW, timedelta())
    with pytest.raises(StatementError, match="no time zone"), database.begin() as session:
        publishers.add(session, "Q", now=datetime(2026, 3, 1, 12))  # noqa: DTZ001


def test_a_look_holds_up_no_writer(database: Database) -> None:
    with database.read() as looking:
        assert looking.scalars(select(Publisher)).all() == []
        with database.begin() as writing:
            publishers.add(writing, "P", now=NOW)
        assert len(looking.scalars(select(Publisher)).all()) in {0, 1}


def test_many_rows_go_in_all_or_none(database: Database) -> None:
    def photos(reasons: list[str]) -> list[dict[str, object]]:
        return [
            {"day": NOW.date(), "device": "ios", "country": "", "reason": reason, "photos": 3}
            for reason in reasons
        ]

    table = PhotoRollup.metadata.tables[PhotoRollup.__tablename__]
    with database.begin() as session:
        insert_many(session, table, photos(["", "too_small"]))
        insert_many(session, table, [])
    with pytest.raises((DBAPIError, psycopg.Error)), database.begin() as session:
        insert_many(session, table, photos(["glare", "too_small"]))
    with database.read() as session:
        kept = session.scalars(select(PhotoRollup).order_by(PhotoRollup.reason)).all()
        assert [(each.day, each.reason, each.photos) for each in kept] == [
            (NOW.date(), "", 3),
            (NOW.date(), "too_small", 3),
        ]
