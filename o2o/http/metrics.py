"""Figures for Prometheus: counted in this process, or with others in the folder that they share."""

from __future__ import annotations

from typing import Final

from apiflask import APIFlask
from flask import Response, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client import values as kinds_of_values
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from o2o.http import requests

METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """An application's figures, none of which names a person, a publisher or a picture.

    Where ``PROMETHEUS_MULTIPROC_DIR`` names a folder, the client library keeps them there, and what one
    process tells are the figures of all.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "o2o_requests", "Answers.", ("method", "route", "status"), registry=self._registry
        )
        self.request_seconds = Histogram(
            "o2o_request_seconds",
            "From the request's first line to its answer.",
            ("route",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self.photos = Counter("o2o_photos", "Photos read.", ("outcome", "reason"), registry=self._registry)
        self.photo_seconds = Histogram(
            "o2o_photo_seconds",
            "Decoding a photo and reading its marks.",
            ("outcome",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self.waiting = Gauge(
            "o2o_uploads_waiting",
            "Uploads that wait, unread at the door or received inside.",
            ("where",),
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self.refused = Counter(
            "o2o_uploads_refused", "Uploads answered 503.", ("where",), registry=self._registry
        )

    def watch(self, app: APIFlask) -> None:
        """Count an application's requests."""
        app.after_request(self._count)

    def _count(self, response: Response) -> Response:
        method = request.method if request.method in METHODS else "other"
        route = requests.route() or "none"
        self.requests.labels(method, route, f"{response.status_code // 100}xx").inc()
        self.request_seconds.labels(route).observe(requests.elapsed_s())
        return response

    def count_photo(self, outcome: str, reason: str | None, seconds: float) -> None:
        """Count a photo that was read, missed or couldn't be taken."""
        self.photos.labels(outcome, reason or "").inc()
        self.photo_seconds.labels(outcome).observe(seconds)

    def text(self, *others: Collector) -> bytes:
        """Return all figures in Prometheus' text format, with those of other collectors."""
        rest = CollectorRegistry()
        for each in others:
            rest.register(each)
        if not are_shared():
            return bytes(generate_latest(self._registry) + generate_latest(rest))
        MultiProcessCollector(rest)  # type: ignore[no-untyped-call]
        return bytes(generate_latest(rest))


def are_shared() -> bool:
    """Whether the client library keeps figures in a folder that processes share."""
    return bool(kinds_of_values.ValueClass._multiprocess)
