"""Sessions of the admin pages: the ways in, and all the ways in which they end."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from o2o.db import Database
from o2o.errors import NotFound, Unauthorized
from o2o.models import Job, Login, LoginLink, Member
from o2o.roles import Role, Scope
from o2o.services import keys, members, publishers, sessions
from o2o.services.sessions import IDLE, LIFETIME, LINK_LIFETIME, MOST_LINKS, SEEN_EVERY
from tests.integration.support import NOW


def member(session: Session, *, role: Role = Role.OWNER, publisher_id: UUID | None = None) -> Member:
    """A new member, of a new publisher unless one is given."""
    publisher_id = publisher_id or publishers.add(session, "Good Food", now=NOW).id
    return members.add(
        session, publisher_id, email=f"{role}@goodfood.example", name="Ada", role=role, now=NOW
    )


def test_a_key_opens_a_session_that_may_what_the_key_may(database: Database) -> None:
    with database.begin() as session:
        ada = member(session)
        issued = keys.issue(session, ada, label="laptop", scopes=[Scope.REGISTRY_READ], now=NOW)
        token = sessions.open_with_key(session, issued.text, now=NOW)
    with database.read() as session:
        visitor = sessions.who(session, token, now=NOW)
        assert visitor is not None
        assert visitor.actor.publisher_id == ada.publisher_id
        assert visitor.actor.scopes == {Scope.REGISTRY_READ}
        assert "Ada <owner@goodfood.example>" in visitor.actor.name
        assert sessions.who(session, token + "x", now=NOW) is None
        assert token.encode() not in session.scalars(select(Login)).one().token_hash
    with pytest.raises(Unauthorized), database.begin() as session:
        sessions.open_with_key(session, issued.text + "x", now=NOW)


def test_a_session_ends_by_time_idleness_and_logging_out(database: Database) -> None:
    with database.begin() as session:
        ada = member(session)
        token = sessions.open_with_link(
            session, sessions.issue_link(session, ada.publisher_id, ada.id, now=NOW), now=NOW
        )
    with database.begin() as session:
        just_seen = sessions.who(session, token, now=NOW + SEEN_EVERY - timedelta(seconds=1))
        assert just_seen is not None
        assert just_seen.was_seen
        later = NOW + IDLE - timedelta(seconds=1)
        visitor = sessions.who(session, token, now=later)
        assert visitor is not None
        assert not visitor.was_seen
        assert sessions.who(session, token, now=NOW + IDLE) is None
        sessions.see(session, visitor.login_id, now=later)
    with database.begin() as session:
        assert sessions.who(session, token, now=NOW + IDLE) is not None
        sessions.see(session, visitor.login_id, now=NOW + LIFETIME)
        session.expire_all()
        assert sessions.who(session, token, now=NOW + LIFETIME) is None
        sessions.see(session, visitor.login_id, now=NOW)
        session.expire_all()
        assert sessions.who(session, token, now=NOW) is not None
        sessions.close(session, visitor.login_id)
        assert sessions.who(session, token, now=NOW) is None


def test_a_session_ends_with_its_key_and_follows_its_members_role(database: Database) -> None:
    with database.begin() as session:
        boss = member(session)
        ada = member(session, role=Role.EDITOR, publisher_id=boss.publisher_id)
        issued = keys.issue(
            session, ada, label="laptop", scopes=[Scope.REGISTRY_READ, Scope.REGISTRY_WRITE], now=NOW
        )
        token = sessions.open_with_key(session, issued.text, now=NOW)
        members.change(session, ada.publisher_id, ada.id, version=ada.version, role=Role.ANALYST)
        visitor = sessions.who(session, token, now=NOW)
        assert visitor is not None
        assert visitor.actor.scopes == {Scope.REGISTRY_READ}
        keys.revoke(session, ada.publisher_id, issued.key.id, now=NOW)
        assert sessions.who(session, token, now=NOW) is None


def test_a_member_who_leaves_loses_sessions_and_links_for_good(database: Database) -> None:
    with database.begin() as session:
        boss = member(session)
        ada = member(session, role=Role.EDITOR, publisher_id=boss.publisher_id)
        first, second = (sessions.issue_link(session, ada.publisher_id, ada.id, now=NOW) for _ in range(2))
        token = sessions.open_with_link(session, first, now=NOW)
        members.remove(session, ada.publisher_id, ada.id, version=ada.version, now=NOW)
        assert sessions.who(session, token, now=NOW) is None
        member(session, role=Role.EDITOR, publisher_id=boss.publisher_id)  # Back in.
        assert sessions.who(session, token, now=NOW) is None
        assert sessions.holder_of_link(session, second, now=NOW) is None
        with pytest.raises(Unauthorized):
            sessions.open_with_link(session, second, now=NOW)


def test_a_link_works_once_and_soon(database: Database) -> None:
    with database.begin() as session:
        ada = member(session)
        link = sessions.issue_link(session, ada.publisher_id, ada.id, now=NOW)
        assert sessions.holder_of_link(session, link, now=NOW) is ada
        assert sessions.holder_of_link(session, link, now=NOW + LINK_LIFETIME) is None
        with pytest.raises(Unauthorized):
            sessions.open_with_link(session, link, now=NOW + LINK_LIFETIME)
        sessions.open_with_link(session, link, now=NOW + LINK_LIFETIME - timedelta(seconds=1))
        assert sessions.holder_of_link(session, link, now=NOW) is None
        with pytest.raises(Unauthorized):
            sessions.open_with_link(session, link, now=NOW)


def test_links_are_for_ones_own_members(database: Database) -> None:
    with database.begin() as session:
        ada = member(session)
        other = publishers.add(session, "Another", now=NOW)
        with pytest.raises(NotFound):
            sessions.issue_link(session, other.id, ada.id, now=NOW)


def test_asking_for_a_letter_tells_nothing_and_fills_no_letter_box(database: Database) -> None:
    with database.begin() as session:
        ada = member(session)
        sessions.ask_for_links(session, "nobody@goodfood.example", now=NOW)
        assert session.scalar(select(func.count(Job.id))) == 0
        for _ in range(MOST_LINKS + 2):
            sessions.ask_for_links(session, " Owner@GoodFood.example", now=NOW)
        assert session.scalar(select(func.count(Job.id))) == MOST_LINKS
        waiting = session.scalars(select(LoginLink)).all()
        assert {(link.member_id, link.token_hash) for link in waiting} == {(ada.id, None)}
        found = sessions.addressee(session, waiting[0].id, now=NOW)
        assert found is not None
        assert (found.email, found.name, found.publisher) == ("owner@goodfood.example", "Ada", "Good Food")
        assert sessions.addressee(session, waiting[0].id, now=NOW + LINK_LIFETIME) is None
        token = sessions.new_token()
        sessions.arm_link(session, waiting[0].id, token, now=NOW)
        assert sessions.holder_of_link(session, token, now=NOW) is ada
        sessions.drop_link(session, waiting[1].id)
        assert sessions.addressee(session, waiting[1].id, now=NOW) is None


def test_what_has_ended_is_cleared_away(database: Database) -> None:
    with database.begin() as session:
        ada = member(session)
        link = sessions.issue_link(session, ada.publisher_id, ada.id, now=NOW)
        sessions.open_with_link(session, link, now=NOW)
        sessions.forget(session, now=NOW)
        assert session.scalar(select(func.count(Login.id))) == 1
        sessions.forget(session, now=NOW + LIFETIME)
        assert session.scalar(select(func.count(Login.id))) == 0
        assert session.scalar(select(func.count(LoginLink.id))) == 0
