"""Someone with a phone and a magazine."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base


class Reader(Base):
    """An anonymous reader, known by a token alone.

    The token has 256 random bits, so a plain SHA-256 of it can't be searched backwards and
    costs nothing on each request; a slow hash is for passwords that people make up.
    """

    __tablename__ = "reader"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    created_at: Mapped[datetime]
