"""Who works for a publisher."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base, named_enum
from o2o.roles import Role


class Member(Base):
    """A person at a publisher; one who has left keeps the row, as history names it."""

    __tablename__ = "member"
    __table_args__ = (
        UniqueConstraint("publisher_id", "email"),
        # What a key's composite key refers to: no key of a member of another publisher.
        UniqueConstraint("id", "publisher_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    publisher_id: Mapped[UUID] = mapped_column(ForeignKey("publisher.id"))
    email: Mapped[str] = mapped_column(String(254))
    """In lower case."""
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[Role] = mapped_column(named_enum(Role, "role"))
    version: Mapped[int] = mapped_column()
    """Counted up by every change: what an edit must have seen."""
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  SQLAlchemy reads it from the class
