"""Members: who works for a publisher."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from o2o.errors import Conflict, NotFound
from o2o.models import ApiKey, Login, LoginLink, Member
from o2o.roles import Role
from o2o.services.checks import checked_email, checked_text, require_version
from o2o.services.paging import Page, newest_first


def add(session: Session, publisher_id: UUID, *, email: str, name: str, role: Role, now: datetime) -> Member:
    """Take someone in, or back in: then without the keys that they had.

    Raises
    ------
    Conflict
        If the address is a member's already.
    InvalidRequest
        If a text can't be kept.
    """
    email = checked_email("email", email)
    name = checked_text("name", name, max_length=100)
    member = session.scalar(
        select(Member).where(Member.publisher_id == publisher_id, Member.email == email).with_for_update()
    )
    if member is None:
        member = Member(publisher_id=publisher_id, email=email, name=name, role=role, created_at=now)
        _insert(session, member)
    elif member.removed_at is None:
        raise _taken(email)
    else:
        # Once more than at their removal: a key may have been made for them at that very moment.
        _end_access(session, member, now=now)
        member.name, member.role, member.removed_at = name, role, None
    session.flush()
    return member


def _insert(session: Session, member: Member) -> None:
    """Send a new member to the database, if nobody has added the address at the same moment."""
    publisher_id, email = member.publisher_id, member.email
    try:
        with session.begin_nested():
            session.add(member)
    except IntegrityError as error:
        wanted = select(Member.id).where(Member.publisher_id == publisher_id, Member.email == email)
        if session.scalar(wanted) is not None:
            raise _taken(email) from error
        raise


def _taken(email: str) -> Conflict:
    return Conflict(f"{email} is a member already: change their role instead")


def page(session: Session, publisher_id: UUID, *, limit: int, cursor: str | None) -> Page[Member]:
    """Return a page of those who are members now, the newest first."""
    wanted = select(Member).where(Member.publisher_id == publisher_id, Member.removed_at.is_(None))
    return newest_first(session, wanted, Member.created_at, Member.id, limit=limit, cursor=cursor)


def get(session: Session, publisher_id: UUID, member_id: UUID) -> Member:
    """Return a member of a publisher.

    Raises
    ------
    NotFound
        If there is none of that ID.
    """
    found = session.get(Member, member_id)
    if found is None or found.publisher_id != publisher_id or found.removed_at is not None:
        raise NotFound(f"there is no member {member_id}")
    return found


def change(
    session: Session,
    publisher_id: UUID,
    member_id: UUID,
    *,
    version: int,
    name: str | None = None,
    role: Role | None = None,
) -> Member:
    """Change a member's name or role.

    Raises
    ------
    NotFound
        If there is none of that ID.
    PreconditionFailed
        If the member was changed since that version.
    Conflict
        If it is the last owner who would be one no more.
    """
    _lock_owners(session, publisher_id)
    found = get(session, publisher_id, member_id)
    require_version(found.version, version)
    if role is not None and role is not Role.OWNER:
        _keep_an_owner(session, found)
    found.role = role or found.role
    found.name = checked_text("name", name, max_length=100) if name is not None else found.name
    session.flush()
    return found


def remove(session: Session, publisher_id: UUID, member_id: UUID, *, version: int, now: datetime) -> None:
    """Let a member go; their keys and sessions end with it.

    Raises
    ------
    NotFound, PreconditionFailed, Conflict
        As `change`.
    """
    _lock_owners(session, publisher_id)
    found = get(session, publisher_id, member_id)
    require_version(found.version, version)
    _keep_an_owner(session, found)
    found.removed_at = now
    _end_access(session, found, now=now)
    session.flush()


def _end_access(session: Session, member: Member, *, now: datetime) -> None:
    """End a member's keys and sessions for good: whoever is taken back in gets new ones."""
    open_keys = update(ApiKey).where(ApiKey.member_id == member.id, ApiKey.revoked_at.is_(None))
    session.execute(open_keys.values(revoked_at=now))
    session.execute(delete(Login).where(Login.member_id == member.id))
    session.execute(delete(LoginLink).where(LoginLink.member_id == member.id))


def _lock_owners(session: Session, publisher_id: UUID) -> None:
    """Hold a publisher's owners, so that two of them can't leave at once."""
    owners = select(Member.id).where(Member.publisher_id == publisher_id, Member.role == Role.OWNER)
    session.execute(owners.order_by(Member.id).with_for_update())


def _keep_an_owner(session: Session, leaving: Member) -> None:
    """Refuse to lose a publisher's last owner: nobody could let anyone in."""
    others = select(Member.id).where(
        Member.publisher_id == leaving.publisher_id,
        Member.role == Role.OWNER,
        Member.removed_at.is_(None),
        Member.id != leaving.id,
    )
    if leaving.role is Role.OWNER and session.scalar(others.limit(1)) is None:
        raise Conflict("a publisher needs an owner: make someone else one first")
