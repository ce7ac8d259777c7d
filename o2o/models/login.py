"""A member at work on the admin pages."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column, relationship

from o2o.db import Base
from o2o.models.api_key import ApiKey
from o2o.models.member import Member


class Login(Base):
    """A browser that acts for a member, known by a token alone.

    The token has 256 random bits, as a reader's has, so that a plain SHA-256 of it is kept. What a login may
    do is looked up at every request: it ends with its key and its member.
    """

    __tablename__ = "login"
    __table_args__ = (
        ForeignKeyConstraint(["member_id", "publisher_id"], ["member.id", "member.publisher_id"]),
        CheckConstraint("expires_at > created_at", name="lasts"),
        Index(None, "member_id"),
        Index(None, "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    publisher_id: Mapped[UUID]
    member_id: Mapped[UUID]
    key_id: Mapped[UUID | None] = mapped_column(ForeignKey("api_key.id"))
    """The key that it was opened with; None if it was a login link."""
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    """Of the last request, to within minutes."""
    expires_at: Mapped[datetime]

    member: Mapped[Member] = relationship(lazy="joined", innerjoin=True)
    key: Mapped[ApiKey | None] = relationship(lazy="joined")
