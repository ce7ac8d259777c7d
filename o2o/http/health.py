"""Whether the service is up, for those who watch over it."""

from __future__ import annotations

from apiflask import APIBlueprint
from sqlalchemy import text

from o2o.http.schemas import Health
from o2o.http.service import service

blueprint = APIBlueprint("health", __name__, tag="Health")


@blueprint.get("/healthz")
@blueprint.output(Health)
def healthz() -> dict[str, str]:
    """Tell that the process answers."""
    return {"status": "ok"}


@blueprint.get("/readyz")
@blueprint.output(Health)
def readyz() -> dict[str, str]:
    """Tell that the database answers too."""
    with service().database.read() as session:
        session.execute(text("SELECT 1"))
    return {"status": "ok"}
