"""What a creative's rules were, and who made them so."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from o2o.db import Base


class RuleRevision(Base):
    """One list of rules, written with it in one transaction."""

    __tablename__ = "rule_revision"

    creative_id: Mapped[UUID] = mapped_column(ForeignKey("creative.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """The creative's, from when on the list held."""
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    changed_by: Mapped[str] = mapped_column(String(500))
    """Who it was, in words that outlive the member and the key."""
    changed_at: Mapped[datetime]
