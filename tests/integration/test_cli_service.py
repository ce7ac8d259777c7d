"""The service's commands: db, publisher, creative, webhook, worker."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from PIL import Image
from sqlalchemy import select, text
from standardwebhooks import Webhook
from typer.main import get_command
from typer.testing import CliRunner, Result

from o2o.cli import app
from o2o.cli.demo_service import free_port
from o2o.db import Database
from o2o.models import Creative
from o2o.roles import ROLE_SCOPES, Role
from o2o.services import keys, sessions
from o2o.settings import Settings
from tests.integration.support import NOW

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])


@pytest.fixture(autouse=True)
def _environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("O2O_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("O2O_DATABASE_URL", settings.database_url)


def o2o(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def publisher() -> str:
    result = o2o("publisher", "add", "Good Food")
    assert result.exit_code == 0, result.output
    return str(UUID(result.stdout.strip()))


def test_a_creative_gets_an_id_and_its_picture_a_copy(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    picture = tmp_path / "tart.png"
    Image.new("RGB", (80, 70), (250, 220, 90)).save(picture)
    result = o2o(
        "creative", "add", "--publisher", publisher(), "--title", "Lemon tart", "--campaign", "May",
        "--link", "https://goodfood.example/tart", "--alt-text", "A tart", "--image", str(picture), "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    with database.read() as session:
        kept = session.scalars(select(Creative)).one()
        assert printed == {
            "id": f"0x{kept.watermark_id:012x}", "uuid": str(kept.id), "title": "Lemon tart",
        }  # fmt: skip
        for name in (kept.picture, kept.thumbnail):
            assert name is not None
            assert (settings.media_dir / name).exists()
        assert kept.fingerprint is not None


def test_a_login_link_is_printed_for_ones_own_member(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("O2O_PUBLIC_URL", "https://pin.example")
    known = publisher()
    member = o2o("member", "add", "ada@b.example", "--publisher", known, "--name", "Ada").stdout.strip()
    printed = o2o("member", "login-link", "--publisher", known, "--member", member).stdout.strip()
    assert printed.startswith("https://pin.example/admin/login/")
    with database.read() as session:
        found = sessions.holder_of_link(session, printed.rsplit("/", 1)[1], now=datetime.now(UTC))
        assert found is not None
        assert str(found.id) == member
    assert o2o("member", "login-link", "--publisher", publisher(), "--member", member).exit_code == 2


def test_what_is_wrong_is_said_without_a_traceback(tmp_path: Path) -> None:
    no_picture = tmp_path / "text.jpg"
    no_picture.write_text("no picture")
    known = publisher()
    cases = (
        (("creative", "add", "--publisher", str(UUID(int=1)), "--title", "T"), 2, "no publisher"),
        (("creative", "add", "--publisher", known, "--title", " "), 2, "title"),
        (("creative", "add", "--publisher", known, "--title", "T", "--link", "x"), 2, "link"),
        (("creative", "add", "--publisher", known, "--title", "T", "--image", str(no_picture)), 3, "JPEG"),
        (("webhook", "add", "--publisher", known, "http://127.0.0.1/"), 2, "O2O_WEBHOOK_ALLOW_PRIVATE=1"),
    )
    for arguments, code, said in cases:
        result = o2o(*arguments)
        assert result.exit_code == code, result.output
        assert said in result.stderr
        assert "Traceback" not in result.output


def test_a_webhooks_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    known = publisher()
    result = o2o("webhook", "add", "--publisher", known, "https://hooks.example/o2o")
    assert result.exit_code == 0, result.output
    assert Webhook(result.stdout.strip()).sign("msg_1", NOW, "{}")
    monkeypatch.setenv("O2O_WEBHOOK_ALLOW_PRIVATE", "1")
    result = o2o("webhook", "add", "--publisher", known, "http://127.0.0.1:9000/", "--json")
    assert set(json.loads(result.stdout)) == {"id", "secret"}


def member(known: str, name: str, *more: str) -> str:
    address = f"{name}@b.example"
    result = o2o("member", "add", address, "--publisher", known, "--name", name.title(), *more)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def rows(*arguments: str) -> list[dict[str, Any]]:
    result = o2o(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_what_there_is_can_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    known, other = publisher(), publisher()
    ada, bea = member(known, "ada"), member(known, "bea", "--role", "editor")
    text = o2o("key", "add", "CMS", "--publisher", known, "--member", bea).stdout.strip()
    added = o2o("creative", "add", "--publisher", known, "--title", "T", "--campaign", "May 2026")
    assert added.exit_code == 0, added.output
    monkeypatch.setattr("o2o.cli.lists.PAGE", 1)  # all pages of a list are shown
    assert {row["id"] for row in rows("publisher", "list")} == {known, other}
    members = rows("member", "list", "--publisher", known)
    assert {row["id"]: row["role"] for row in members} == {ada: "owner", bea: "editor"}
    (campaign,) = rows("campaign", "list", "--publisher", known)
    assert campaign["title"] == "May 2026"
    (key,) = rows("key", "list", "--publisher", known)
    assert (key["label"], key["member_id"], key["state"]) == ("CMS", bea, "valid")
    assert text.startswith(f"o2o_{key['public_id']}_")
    manifest = o2o("campaign", "manifest", campaign["id"], "--publisher", known)
    assert manifest.exit_code == 0, manifest.output

    header, first, second = o2o("member", "list", "--publisher", known).stdout.splitlines()
    assert header.split() == ["ID", "ROLE", "EMAIL", "NAME"]
    assert {first.split()[0], second.split()[0]} == {ada, bea}
    told = o2o("key", "list", "--publisher", known).stdout
    assert text.rpartition("_")[2] not in told
    assert "analytics:read, registry:read, registry:write" in told
    assert rows("key", "list", "--publisher", other) == []
    assert o2o("member", "list", "--publisher", str(UUID(int=1))).exit_code == 2


def test_a_member_gets_another_role_and_the_last_owner_stays_one() -> None:
    known = publisher()
    ada, bea = member(known, "ada"), member(known, "bea", "--role", "analyst")
    twice = o2o("member", "add", "ada@b.example", "--publisher", known, "--name", "Ada")
    assert "change their role instead" in twice.stderr
    asked = ("member", "role", "--publisher", known, "--member")
    last = o2o(*asked, ada, "editor")
    assert (last.exit_code, "needs an owner" in last.stderr) == (2, True)
    assert o2o(*asked, bea, "owner").exit_code == 0
    assert o2o(*asked, ada, "editor").exit_code == 0
    roles = {row["id"]: row["role"] for row in rows("member", "list", "--publisher", known)}
    assert roles == {ada: "editor", bea: "owner"}


@pytest.mark.parametrize("role", Role)
def test_a_key_may_by_default_what_its_member_may(role: Role, database: Database) -> None:
    known = publisher()
    holder = member(known, "ada", "--role", role)
    made = o2o("key", "add", "CMS", "--publisher", known, "--member", holder)
    assert made.exit_code == 0, made.output
    with database.begin() as session:
        found = keys.find(session, made.stdout.strip(), now=datetime.now(UTC))
        assert found is not None
        assert set(found.scopes) == ROLE_SCOPES[role]


def in_one_line(text: str) -> str:
    """What was said, without the frame that it was said in."""
    return " ".join(text.replace("│", " ").split())


def test_what_is_no_id_is_told_with_the_command_that_finds_it() -> None:
    known = publisher()
    cases = (
        (("campaign", "manifest", "July", "--publisher", known), "o2o campaign list --publisher UUID"),
        (("campaign", "list", "--publisher", "Food"), "o2o publisher list"),
        (
            ("member", "role", "--publisher", known, "--member", "Ada", "owner"),
            "o2o member list --publisher UUID",
        ),
    )
    for arguments, command in cases:
        result = o2o(*arguments)
        assert result.exit_code == 2
        said = in_one_line(result.stderr)
        assert "'s ID, which is a UUID" in said
        assert command in said
        assert "Value error" not in said


def test_what_may_be_chosen_is_told() -> None:
    known = publisher()
    asked = ("key", "add", "CMS", "--publisher", known, "--member", known)
    said = in_one_line(o2o(*asked, "--scope", "registry:reed").stderr)
    assert "Invalid value for '--scope': 'registry:reed' is not one of 'registry:read'" in said


def test_usage_names_arguments_as_the_reference_does() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text("utf-8")

    def walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
        for part, child in command.commands.items():
            if hasattr(child, "commands"):
                yield from walk(child, f"{name} {part}")
            else:
                yield f"{name} {part}", child

    for name, command in walk(get_command(app), "o2o"):
        for argument in (each for each in command.params if each.param_type_name == "argument"):
            assert re.search(rf"`{name} [^`]*\b{argument.metavar}\b", page), f"{name}: {argument.name}"


def test_an_old_database_is_told_and_upgraded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("O2O_DATABASE_URL", f"sqlite:///{tmp_path / 'new.sqlite3'}")
    assert o2o("db", "check").exit_code == 2
    assert "o2o db upgrade" in o2o("publisher", "add", "P").stderr
    assert o2o("db", "upgrade").exit_code == 0
    assert o2o("db", "check").exit_code == 0


def test_no_database_is_told_and_none_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "nowhere"
    monkeypatch.delenv("O2O_DATABASE_URL")
    monkeypatch.setenv("O2O_DATA_DIR", str(folder))
    for arguments in (("db", "check"), ("publisher", "add", "P")):
        result = o2o(*arguments)
        assert result.exit_code == 2
        assert f"no database in {folder}" in result.stderr
        assert "O2O_DATA_DIR" in result.stderr
    assert not folder.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("db", "upgrade"),
        ("db", "check"),
        ("publisher", "add", "P"),
        ("serve", "--port"),
        ("worker", "--once"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("O2O_DATABASE_URL", "nonsense", "starts with sqlite:/// or postgresql://"),
        ("O2O_DATABASE_URL", "postgresql://ada:secret@127.0.0.1:{port}/none", "refused"),
        ("O2O_DATABASE_URL", "sqlite:////{file}", "file is not a database"),
        ("O2O_DATA_DIR", "/{file}/below", "set O2O_DATA_DIR"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_in_one_line(
    arguments: tuple[str, ...],
    variable: str,
    value: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = tmp_path / "text"
    other.write_text("This is no database, and no folder either. " * 100)
    port = str(free_port())
    monkeypatch.delenv("O2O_DATABASE_URL")
    monkeypatch.setenv("O2O_WATERMARK_KEY", "ab" * 16)
    monkeypatch.setenv(variable, value.format(port=port, file=str(other)[1:]))
    result = o2o(*arguments, *([port] if arguments[-1] == "--port" else []))
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert variable in line
    assert said in line
    assert "secret" not in line


def test_a_schema_of_a_later_version_is_told(settings: Settings) -> None:
    database = Database(settings.database_url)
    with database.begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'later'"))
    database.engine.dispose()
    result = o2o("db", "upgrade")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: the database has a schema that this version doesn't know")


def test_a_folder_for_pictures_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "tart.png"
    Image.new("RGB", (80, 70)).save(picture)
    known = publisher()
    monkeypatch.setenv("O2O_DATA_DIR", str(picture))
    result = o2o("creative", "add", "--publisher", known, "--title", "T", "--image", str(picture))
    assert result.exit_code == 2, result.output
    assert "set O2O_DATA_DIR" in result.stderr


def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = o2o("serve", "--port", str(port))
    assert result.exit_code == 2
    assert f"error: port {port} is taken: stop the other service or say --port" in result.stderr


def test_an_address_of_another_machine_is_refused() -> None:
    result = o2o("serve", "--host", "192.0.2.1")
    assert result.exit_code == 2
    assert "can't listen on 192.0.2.1" in result.stderr


def test_a_port_that_nobody_could_name_is_refused() -> None:
    result = o2o("serve", "--port", "0")
    assert result.exit_code == 2
    assert "--port" in result.stderr


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from o2o.cli import app\n"
        "heavy = {'numpy', 'cv2', 'sqlalchemy', 'flask', 'httpx', 'PIL', 'scipy', 'alembic'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_it_says_which_version_it_is() -> None:
    result = o2o("--version")
    assert result.exit_code == 0
    assert result.stdout.strip() == f"o2o {version('print-to-pin')}"
