"""The admin pages as a browser without scripts uses them."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from o2o.db import Database
from o2o.models import Member
from o2o.roles import ROLE_SCOPES, Role
from o2o.services import keys, members
from tests.integration.support import NOW, Registered

SITE = "https://o2o.example"
TOKEN = re.compile(r'name="form_token" value="([0-9a-f]+)"')


@dataclass
class AdminBrowser:
    """A browser with one page open; its cookies are the client's."""

    client: FlaskClient
    page: str = ""
    path: str = ""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **query: str) -> TestResponse:
        """Open an address of ours; follow redirects."""
        return self._take(self.client.get(path, base_url=SITE, query_string=query or None))

    def post(self, path: str, **fields: Any) -> TestResponse:
        """Send a form of the open page."""
        if token := TOKEN.search(self.page):
            fields = {"form_token": token[1], **fields}
        return self._take(self.client.post(path, base_url=SITE, data=fields, headers=self.headers))

    def log_in(self, key: str) -> None:
        """Exchange a key for a session."""
        self.get("/admin/login")
        self.post("/admin/login", key=key)
        assert (self.status, self.path) == (200, "/admin/campaigns"), self.page

    def has(self, text: str) -> bool:
        """Whether the page holds a text."""
        return text in html.unescape(self.page)

    def value(self, name: str) -> str:
        """What a field of the page holds."""
        found = re.search(rf'name="{name}"[^>]* value="([^"]*)"', self.page)
        assert found, f"no field {name} on {self.path}"
        return html.unescape(found[1])

    def _take(self, answer: TestResponse) -> TestResponse:
        if answer.status_code in {302, 303}:
            return self.get(answer.headers["Location"])
        self.status, self.page = answer.status_code, answer.get_data(as_text=True)
        self.path = urlsplit(answer.request.url).path
        return answer


def key_of(database: Database, creative: Registered, role: Role) -> tuple[Member, str]:
    """A new member of a publisher, and a key of theirs with all that they may do."""
    with database.begin() as session:
        member = members.add(
            session,
            creative.publisher_id,
            email=f"{role}@goodfood.example",
            name=f"Ada the {role}",
            role=role,
            now=NOW,
        )
        issued = keys.issue(session, member, label="desk", scopes=ROLE_SCOPES[role], now=NOW)
        return member, issued.text
