"""Log lines: JSON, and silent about what is secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import structlog
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from o2o import composition, logs
from o2o.cli.gunicorn_log import said
from o2o.db import Base, Database, insert_many
from o2o.models import Member
from o2o.roles import Role
from o2o.settings import Settings

SECRET = "whsec_tell-nobody"


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)
    logs.let_go()


def test_an_error_is_one_line_without_the_values_at_hand(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    secret = SECRET
    try:
        raise RuntimeError(f"a secret of {len(secret)} characters")
    except RuntimeError:
        structlog.get_logger().exception("job failed", kind="webhook.deliver")
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["level"], entry["kind"]) == ("job failed", "error", "webhook.deliver")
    assert entry["exception"][0]["exc_value"] == "a secret of 17 characters"
    assert SECRET not in line


@pytest.mark.parametrize("by_library", [False, True])
@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_no_value_that_the_database_quotes_gets_into_a_log(
    database: Database, capsys: pytest.CaptureFixture[str], *, by_library: bool
) -> None:
    """PostgreSQL's `DETAIL` and `CONTEXT` tell the row; `hide_parameters` hides only the statement's."""
    address = "ada@magazine.example\n[SQL: of her own making"
    member = {"publisher_id": uuid4(), "email": address, "name": "Ada", "role": Role.EDITOR}
    member |= {"id": uuid4(), "version": 1, "created_at": datetime.now(UTC)}

    def add_twice() -> None:
        with database.begin() as session:
            session.execute(text("ALTER TABLE member DROP CONSTRAINT fk_member_publisher_id_publisher"))
            for identity in (uuid4(), uuid4()):
                session.execute(insert(Member), member | {"id": identity})

    def copy_too_much() -> None:
        with database.begin() as session:
            insert_many(session, Base.metadata.tables["member"], [member | {"name": f"{address}{'x' * 100}"}])

    with pytest.raises(IntegrityError) as twice:
        add_twice()
    with pytest.raises(psycopg.errors.StringDataRightTruncation) as too_much:
        copy_too_much()
    errors = [twice.value, too_much.value]
    assert all("ada@" in str(each) for each in errors)
    logs.configure()
    for error in (*errors, ExceptionGroup("both", errors)):
        if by_library:
            logging.getLogger("some-library").error("it broke", exc_info=error)
        else:
            structlog.get_logger().error("it broke", exc_info=error)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert not [line for line in lines if "ada@" in line or "of her own" in line]
    told = json.loads(lines[0])["exception"]
    assert "duplicate key value violates unique constraint" in told[0]["exc_value"]
    assert len(json.loads(lines[2])["exception"][0]["exceptions"]) == 2


def test_what_libraries_warn_of_comes_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    library = logging.getLogger("some-library")
    library.info("usual")
    library.warning("%s is slow", "the cache")
    (line,) = capsys.readouterr().err.splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["level"], entry["logger"]) == (
        "the cache is slow",
        "warning",
        "some-library",
    )


def test_the_server_s_own_lines_tell_nothing_of_requests() -> None:
    assert said("Worker %s was sent %s", (7, "SIGKILL")) == "Worker 7 was sent SIGKILL"
    assert said("Invalid request from ip=192.0.2.1: Authorization: x", ()) == "Invalid request from"
    assert said("Error handling request %s", ("/boards/an-id",)) == "Error handling request"


@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.parametrize("compose", [composition.create, composition.worker])
def test_whatever_serves_the_application_its_logs_are_set_up(
    compose: Callable[[Settings, Database], object],
    settings: Settings,
    database: Database,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Left to itself, structlog prints tracebacks with the values of all variables."""
    structlog.reset_defaults()
    compose(settings, database)
    token = SECRET
    try:
        raise RuntimeError(f"a token of {len(token)} characters")
    except RuntimeError:
        structlog.get_logger().exception("request failed")
    said = capsys.readouterr()
    assert json.loads(said.err)["event"] == "request failed"
    assert SECRET not in said.out + said.err


def test_settings_do_not_spell_out_their_secrets() -> None:
    settings = Settings(Path("data"), "postgresql://o2o:word@db/o2o", SECRET.encode())
    assert SECRET not in repr(settings)
    assert "word" not in repr(settings)
