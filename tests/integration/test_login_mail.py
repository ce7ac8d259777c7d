"""Login links by mail: asked for on the login page, written by the worker, taken by a mail server."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest
from sqlalchemy import func, select

from o2o.db import Database
from o2o.http import create_app
from o2o.integrations import mail
from o2o.integrations.mail import MailFailed
from o2o.integrations.outbound import Outbound
from o2o.jobs.actors import ACTORS, Tools
from o2o.jobs.engine import Worker
from o2o.models import Job, LoginLink
from o2o.roles import Role
from o2o.settings import Settings
from tests.integration.admin_browser import AdminBrowser, key_of
from tests.integration.support import Registered, ScriptedCodec


class MailServer(socketserver.ThreadingTCPServer):
    """A mail server that takes every letter, unless told to take none."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.letters: list[str] = []
        self.refuses = False

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"


class _Connection(socketserver.StreamRequestHandler):
    """SMTP (RFC 5321), as far as one client needs it."""

    server: MailServer

    def handle(self) -> None:
        self._say("220 ready")
        while line := self.rfile.readline():
            verb = line.split()[0].upper()
            if verb == b"QUIT":
                self._say("221 bye")
                return
            if verb == b"RCPT" and self.server.refuses:
                self._say("550 nobody here")
            elif verb == b"DATA":
                self._say("354 go on")
                self.server.letters.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
                self._say("250 taken")
            else:
                self._say("250 well")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def taking_mail() -> Iterator[MailServer]:
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def post_office() -> Iterator[MailServer]:
    with taking_mail() as server:
        yield server


@pytest.fixture
def mailing(settings: Settings, post_office: MailServer) -> Settings:
    return replace(settings, smtp_url=post_office.url, mail_from="pin@o2o.example")


def work(database: Database, settings: Settings) -> None:
    """Run what is due."""
    outbound = Outbound(allow_private=True, timeout_s=1.0)
    Worker(Tools(settings, database, outbound, Random(1), lambda: datetime.now(UTC)), ACTORS).drain()


def test_a_letter_brings_a_member_in(
    mailing: Settings, database: Database, creative: Registered, post_office: MailServer
) -> None:
    member, _ = key_of(database, creative, Role.EDITOR)
    app = create_app(mailing, database, read=ScriptedCodec())
    browser = AdminBrowser(app.test_client())
    answers = []
    for address in ("nobody@goodfood.example", member.email):
        browser.get("/admin/login")
        browser.post("/admin/login-link", email=address)
        answers.append(re.sub(r'form_token" value="\w+', "", browser.page))
    assert answers[0] == answers[1]
    assert browser.has("If that address is a member's")
    work(database, mailing)
    (letter,) = post_office.letters
    assert f"To: {member.email}" in letter
    assert "Subject: Log in to Good Food" in letter
    link = re.search(r"https://o2o\.example(/admin/login/\S+)", letter.replace("=\r\n", ""))
    assert link
    browser.get(link[1])
    browser.post(link[1])
    assert browser.path == "/admin/campaigns"


def test_a_letter_that_isnt_taken_is_tried_again(
    mailing: Settings, database: Database, creative: Registered, post_office: MailServer
) -> None:
    member, _ = key_of(database, creative, Role.EDITOR)
    post_office.refuses = True
    browser = AdminBrowser(create_app(mailing, database, read=ScriptedCodec()).test_client())
    browser.get("/admin/login")
    browser.post("/admin/login-link", email=member.email)
    work(database, mailing)
    with database.read() as session:
        job = session.scalars(select(Job)).one()
        assert "nobody here" in str(job.last_error)
        assert session.scalars(select(LoginLink.token_hash)).one() is None


def test_without_a_mail_server_no_letter_is_offered(
    settings: Settings, database: Database, creative: Registered
) -> None:
    member, _ = key_of(database, creative, Role.EDITOR)
    browser = AdminBrowser(create_app(settings, database, read=ScriptedCodec()).test_client())
    browser.get("/admin/login")
    assert not browser.has("Send me a link")
    browser.post("/admin/login-link", email=member.email)
    assert browser.status == 404
    with database.read() as session:
        assert session.scalar(select(func.count(Job.id))) == 0


def test_no_password_goes_over_the_wire_for_all_to_read(post_office: MailServer) -> None:
    url = post_office.url.replace("smtp://", "smtp://ada:secret@")
    with pytest.raises(MailFailed, match="no TLS"):
        mail.send(url, sender="a@b.example", to="c@d.example", subject="S", text="T")
    assert not post_office.letters
