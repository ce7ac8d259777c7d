"""Cross-origin requests: web pages of other origins may call the API if a setting names them.

Nothing that a browser sends along by itself opens anything under ``/v1/``, only a token or a key that the
page holds, so that no credentials are allowed here.
"""

from __future__ import annotations

from typing import Final

from apiflask import APIFlask
from flask import Response, request

ALLOWED_METHODS: Final = "DELETE, GET, PATCH, POST, PUT"
ALLOWED_HEADERS: Final = "Authorization, Content-Type, Idempotency-Key, If-Match, X-App, X-Request-Id"
EXPOSED_HEADERS: Final = (
    "ETag, Idempotent-Replay, Location, RateLimit-Limit, RateLimit-Policy, RateLimit-Remaining, "
    "RateLimit-Reset, Retry-After, X-Missing-Pictures, X-Request-Id"
)
PREFLIGHT_MAX_AGE_S: Final = 7200
"""Chromium's own limit."""


def register(app: APIFlask, origins: tuple[str, ...]) -> None:
    """Let pages of these origins call an application's API; `*` stands for all origins."""
    if origins:
        app.after_request(lambda response: _allow(response, origins))


def _allow(response: Response, origins: tuple[str, ...]) -> Response:
    if not request.path.startswith("/v1/"):
        return response
    response.vary.add("Origin")
    origin = request.headers.get("Origin", "")
    if not origin or not {origin, "*"} & set(origins):
        return response
    response.headers["Access-Control-Allow-Origin"] = "*" if "*" in origins else origin
    response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        response.headers["Access-Control-Allow-Methods"] = ALLOWED_METHODS
        response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
        response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_MAX_AGE_S)
    return response
