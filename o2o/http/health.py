"""Whether the service is up, for those who watch over it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Final

from apiflask import APIBlueprint
from flask import Response, request
from prometheus_client import CONTENT_TYPE_LATEST
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from o2o.errors import NotFound, NotReady, Unauthorized
from o2o.http.schemas import Health
from o2o.http.service import service, utc_now
from o2o.services import jobs
from o2o.services.jobs import Backlog

READY_WITHIN_S: Final = 2.0
"""Those who watch give up after a few seconds themselves."""

ASK_AGAIN_S: Final = 5

blueprint = APIBlueprint("health", __name__, tag="Health")


@blueprint.get("/healthz")
@blueprint.output(Health)
def healthz() -> dict[str, str]:
    """Tell that the process answers."""
    return {"status": "ok"}


@blueprint.get("/readyz")
@blueprint.output(Health)
@blueprint.doc(responses=[503])
def readyz() -> dict[str, str]:
    """Tell that the database answers too."""
    if not service().database.answers(READY_WITHIN_S):
        raise NotReady(
            "the database doesn't answer, or has no connection to spare: ask again when Retry-After says",
            retry_after_s=ASK_AGAIN_S,
        )
    return {"status": "ok"}


@blueprint.get("/metrics")
@blueprint.doc(hide=True)
def metrics() -> Response:
    """Give the figures to Prometheus, if it shows the token that is set."""
    own = service()
    if not own.settings.metrics_token:
        raise NotFound("no figures are given here: O2O_METRICS_TOKEN isn't set")
    expected = f"Bearer {own.settings.metrics_token}"
    if not secrets.compare_digest(request.headers.get("Authorization", "").encode(), expected.encode()):
        raise Unauthorized("send `Authorization: Bearer <token>` with the token in O2O_METRICS_TOKEN")
    with own.database.read() as session:
        backlog = jobs.backlog(session, now=utc_now())
    return Response(own.metrics.text(_Backlog(backlog)), content_type=CONTENT_TYPE_LATEST)


class _Backlog(Collector):
    """What the database says at the time: the same for all processes, so it is counted in none."""

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog

    def collect(self) -> Iterable[Metric]:
        """Return the figures."""
        count = GaugeMetricFamily("o2o_jobs", "Jobs that aren't done.", labels=("state",))
        for state in ("waiting", "due", "parked"):
            count.add_metric([state], getattr(self._backlog, state))
        yield count
        yield GaugeMetricFamily(
            "o2o_oldest_due_job_age_seconds",
            "How long the job that is due longest has been due; 0 if none is.",
            value=self._backlog.oldest_due_s,
        )
