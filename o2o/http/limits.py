"""Rate limits: so many requests for a reader, a key or an address, told in every answer that they count.

Who asks is told by what came with the request, before anything is looked up: the whole token or key, so that
nobody can use up another's share without holding it. Where none is asked for, it is the sender's address.
Of either only a keyed hash is counted, for as long as its window lasts; none is written to disk or to a log.
"""

from __future__ import annotations

import hashlib
import hmac
from ipaddress import IPv6Address, ip_address
from time import time
from typing import Any, Final

import structlog
from apiflask import APIFlask
from flask import Response, current_app, request
from flask_limiter import Limiter, RateLimitExceeded, RequestLimit
from limits.errors import StorageError
from redis.backoff import NoBackoff
from redis.retry import Retry
from werkzeug.middleware.proxy_fix import ProxyFix

from o2o.errors import TooManyRequests
from o2o.services import keys
from o2o.settings import Settings
from o2o.settings_parsing import NO_LIMIT

SCANS: Final = "scans.scan_photo"

_STORAGE_TIMEOUT_S: Final = 1
_IPV6_NETWORK: Final = 64
"""Bits of an IPv6 address that are one household's or phone's."""

_log = structlog.get_logger()


def register(app: APIFlask, settings: Settings) -> None:
    """Limit an application's requests under ``/v1/``, and the attempts to log in to its pages.

    If the storage can't be reached, which the log tells, each process counts by itself until it can.
    """
    if settings.trusted_proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0, x_host=0
        )
    asker = _Asker(settings)
    limiter = Limiter(
        asker.key,
        application_limits=[asker.limit],
        application_limits_exempt_when=lambda: asker.limit() == "",
        storage_uri=settings.rate_limit_storage,
        storage_options=_storage_options(settings.rate_limit_storage),
        strategy="fixed-window",
        in_memory_fallback_enabled=True,
        headers_enabled=False,  # its own would put a Retry-After on every answer
        key_prefix="o2o",
    )
    limiter.init_app(app)
    # By way of the application: pages answer people, the API programs.
    app.register_error_handler(RateLimitExceeded, lambda _error: app.handle_user_exception(_refusal(limiter)))
    app.after_request(lambda response: _tell(limiter, response))


class _Asker:
    """Whose share a request counts to, and how large that is."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._secret = hashlib.sha256(b"rate limits" + settings.watermark_key).digest()

    def limit(self) -> str:
        """Return the limit that the current request counts to; empty if to none."""
        if not _counts():
            return ""
        limit: str = getattr(self._settings, f"rate_limit_{self._kind()}")
        return "" if limit == NO_LIMIT else limit

    def key(self) -> str:
        """Return whose share it is, as a hash."""
        kind = self._kind()
        who = _network(request.remote_addr or "") if kind == "address" else _token()
        return hmac.new(self._secret, f"{kind} {who}".encode(errors="replace"), hashlib.sha256).hexdigest()

    def _kind(self) -> str:
        token = _token()
        if not token or not _takes_token():
            return "address"
        if token.startswith(keys.PREFIX):
            return "key"
        return "scans" if request.endpoint == SCANS else "reader"


def _counts() -> bool:
    """Whether the current request is of the API, or one of those that try to log in."""
    if request.path.startswith("/v1/"):
        return request.method != "OPTIONS"
    return request.method == "POST" and request.path.startswith("/admin/login")


def _token() -> str:
    """What came as the bearer's token or key."""
    given = request.authorization
    return (given.token or "") if given is not None else ""


def _takes_token() -> bool:
    """Whether the address asks for one: where it doesn't, anyone could make up another each time."""
    view = current_app.view_functions.get(request.endpoint or "")
    return "auth" in getattr(view, "_spec", {})


def _network(address: str) -> str:
    """An address, or of IPv6 the network that its holder has many of."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(int(parsed) >> (parsed.max_prefixlen - _IPV6_NETWORK))
    return address


def _storage_options(uri: str) -> dict[str, Any]:
    """Let no request wait for a storage that doesn't answer."""
    if uri.startswith("memory:"):
        return {}
    return {
        "socket_connect_timeout": _STORAGE_TIMEOUT_S,
        "socket_timeout": _STORAGE_TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),
        "wrap_exceptions": True,
    }


def _refusal(limiter: Limiter) -> TooManyRequests:
    """What is wrong with one request too many."""
    breached = limiter.current_limit
    assert breached is not None
    reset_s = _reset_s(breached)
    return TooManyRequests(
        f"{breached.limit} are taken: try again in {reset_s} seconds", retry_after_s=reset_s
    )


def _tell(limiter: Limiter, response: Response) -> Response:
    """Set the headers of the IETF's draft (draft-ietf-httpapi-ratelimit-headers-06)."""
    counted = limiter.current_limit
    if counted is None:
        return response
    try:
        left, reset_s = counted.remaining, _reset_s(counted)
    except StorageError:
        _log.warning("rate limits can't be told: their storage doesn't answer")
        return response
    window_s = counted.limit.get_expiry()
    response.headers["RateLimit-Limit"] = str(counted.limit.amount)
    response.headers["RateLimit-Remaining"] = str(left)
    response.headers["RateLimit-Reset"] = str(reset_s)
    response.headers["RateLimit-Policy"] = f"{counted.limit.amount};w={window_s}"
    return response


def _reset_s(counted: RequestLimit) -> int:
    """Seconds until the window ends."""
    return max(1, int(counted.reset_at - time()))
