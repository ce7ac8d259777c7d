"""What a program shows to act for a publisher."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import JSON, ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from o2o.db import Base
from o2o.models.member import Member


class ApiKey(Base):
    """A member's key: may do what its scopes say, as far as the member still may.

    Shown once as ``o2o_<name>_<secret>``: the name finds the row, of the secret only an Argon2 hash is kept.
    """

    __tablename__ = "api_key"
    __table_args__ = (
        ForeignKeyConstraint(["member_id", "publisher_id"], ["member.id", "member.publisher_id"]),
        Index(None, "publisher_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    publisher_id: Mapped[UUID]
    member_id: Mapped[UUID]
    public_id: Mapped[str] = mapped_column(String(16), unique=True)
    """The part of the key that isn't secret."""
    secret_hash: Mapped[str] = mapped_column(String(200))
    label: Mapped[str] = mapped_column(String(100))
    """What it is for."""
    scopes: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    """When it ends by itself: as it was made, or sooner once it was rotated."""
    lifetime_s: Mapped[int | None]
    """How long it was made for, whatever became of it: so long its successors last; null: for ever."""
    revoked_at: Mapped[datetime | None]

    member: Mapped[Member] = relationship(lazy="joined", innerjoin=True)
