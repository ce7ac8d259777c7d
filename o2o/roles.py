"""Roles and scopes: what may be done for a publisher, and who may do it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a member may do; each may do what the one before may."""

    ANALYST = "analyst"
    """See what there is and how it does."""
    EDITOR = "editor"
    """Change what pictures lead to."""
    OWNER = "owner"
    """Change who may do what."""


class Scope(StrEnum):
    """What a key may be used for."""

    REGISTRY_READ = "registry:read"
    """See campaigns, creatives and destinations."""
    REGISTRY_WRITE = "registry:write"
    """Change them."""
    ANALYTICS_READ = "analytics:read"
    """See scans, readers, pins and failures."""
    TEAM_WRITE = "team:write"
    """See and change the publisher, its members and their keys."""


_ANALYST: Final = frozenset({Scope.REGISTRY_READ, Scope.ANALYTICS_READ})

ROLE_SCOPES: Final[Mapping[Role, frozenset[Scope]]] = {
    Role.ANALYST: _ANALYST,
    Role.EDITOR: _ANALYST | {Scope.REGISTRY_WRITE},
    Role.OWNER: _ANALYST | {Scope.REGISTRY_WRITE, Scope.TEAM_WRITE},
}
