"""Putting the WSGI application together."""

from __future__ import annotations

from datetime import timedelta
from random import SystemRandom

from apiflask import APIFlask
from flask import Response, request

from o2o.db import Database
from o2o.errors import ReadOnly
from o2o.http import (
    admin,
    analytics,
    boards,
    bulk,
    campaigns,
    cors,
    creatives,
    destinations,
    documentation,
    health,
    limits,
    pages,
    photos,
    pictures,
    pins,
    problems,
    publisher,
    readers,
    requests,
    scans,
    short_links,
)
from o2o.http.decoders import Run, run_here
from o2o.http.fields import WatermarkIdConverter
from o2o.http.metrics import Metrics
from o2o.http.service import Service, service
from o2o.http.uploads import Uploads
from o2o.services.scans import Read
from o2o.settings import Settings

MAX_JSON_BYTES = 64_000

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob: data:",  # the phone page shows the photo before it is sent
        "media-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # A board's address is what protects it, so no page gives its own away.
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
ASKING_ENDPOINTS = frozenset({"readers.register_reader", "scans.scan_photo"})
"""What a registry file's server answers beside them; its readers and scans are thrown away with its copy."""


def create_app(
    settings: Settings, database: Database, *, read: Read, run: Run = run_here, read_only: bool = False
) -> APIFlask:
    """Build the application.

    Parameters
    ----------
    settings : Settings
        The deployment's.
    database : Database
        At the newest schema version.
    read : callable
        `watermarks.read`, or what stands in for it.
    run : Run
        Calls what takes photos into memory: `Decoders`, or in the request's own thread.
    read_only : bool
        Whether to refuse all that would have to be kept: the database is a registry file's private copy.
    """
    app = documentation.DocumentedApp("o2o.http", title="Print-to-pin", version="1", docs_path=None)
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_JSON_BYTES,
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(0),
    )
    metrics = Metrics()
    uploads = Uploads(
        decodes=settings.max_decodes,
        waiting=settings.max_waiting,
        at_the_door=settings.max_at_the_door,
        run=run,
        metrics=metrics,
        draw=SystemRandom().uniform,
    )
    app.extensions["o2o"] = Service(settings, database, read, uploads, metrics, read_only)
    requests.register(app)
    metrics.watch(app)
    app.after_request(_protect)
    app.url_map.converters["watermark_id"] = WatermarkIdConverter
    for module in (
        readers,
        scans,
        boards,
        pins,
        publisher,
        campaigns,
        creatives,
        destinations,
        pictures,
        photos,
        short_links,
        analytics,
        bulk,
    ):
        app.register_blueprint(module.blueprint, url_prefix="/v1")
    for module in (health, pages, documentation):
        app.register_blueprint(module.blueprint)
    app.register_blueprint(short_links.pages)
    if read_only:
        app.before_request(_refuse_changes)
    else:
        admin.register(app)
    cors.register(app, settings.cors_origins)
    limits.register(app, settings)
    problems.register(app)
    documentation.describe(app)
    return app


def _refuse_changes() -> None:
    """Let through what asks, and what a reader's phone needs to ask."""
    if request.method not in SAFE_METHODS and request.endpoint not in ASKING_ENDPOINTS:
        raise ReadOnly(
            "this service serves a registry file and keeps nothing: change things where it came from"
        )


def _protect(response: Response) -> Response:
    """Set the headers that keep browsers from doing what they shouldn't with an answer."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    settings = service().settings
    if settings.hsts_seconds and settings.public_url.startswith("https://"):
        response.headers["Strict-Transport-Security"] = f"max-age={settings.hsts_seconds}"
    if request.path.startswith("/v1/"):
        response.headers["Cache-Control"] = "no-store"
    return response
