"""A way in that works once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column, relationship

from o2o.db import Base
from o2o.models.member import Member


class LoginLink(Base):
    """A link that logs a member in, once and soon; of its token only a SHA-256 is kept."""

    __tablename__ = "login_link"
    __table_args__ = (
        ForeignKeyConstraint(["member_id", "publisher_id"], ["member.id", "member.publisher_id"]),
        CheckConstraint("expires_at > created_at", name="lasts"),
        Index(None, "member_id"),
        Index(None, "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    publisher_id: Mapped[UUID]
    member_id: Mapped[UUID]
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32), unique=True)
    """None while it waits to be sent: the token is drawn where the letter is written."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    member: Mapped[Member] = relationship(lazy="joined", innerjoin=True)
