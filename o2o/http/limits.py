"""Rate limits: so many requests for a reader, a key or an address, told in every answer that they count.

Who asks is told by what came with the request, before anything is looked up: the whole token or key, so that
nobody can use up another's share without holding it. Where none is asked for, it is the sender's address.

Anyone can make up tokens, though. One that this process hasn't seen to be good yet is a newcomer's: it counts
to its share once it turns out to be good, and to its address' share of failures if not. When that is used up,
no newcomer from there is listened to until its window ends; those who were known before are, so that nobody
shuts out whoever works behind the same address.

Only keyed hashes are counted, for as long as their window lasts; none is written to disk or to a log.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections import OrderedDict
from ipaddress import IPv6Address, ip_address
from time import time
from typing import Any, Final

import structlog
from apiflask import APIFlask
from flask import Response, current_app, g, request
from flask_limiter import ApplicationLimit, Limiter, RateLimitExceeded, RequestLimit
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

_MOST_KNOWN: Final = 10_000
"""Tokens and keys that are remembered to be good: some 150 bytes each."""

_EXTENSION: Final = "o2o_rate_limits"

_log = structlog.get_logger()


def register(app: APIFlask, settings: Settings) -> None:
    """Limit an application's requests under ``/v1/``, and the attempts to log in to its pages.

    If the storage can't be reached, which the log tells, each process counts by itself until it can.
    """
    if settings.trusted_proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0, x_host=0
        )
    app.extensions[_EXTENSION] = asker = _Asker(settings)
    limiter = Limiter(
        asker.key,
        application_limits=[
            ApplicationLimit(asker.limit),
            ApplicationLimit(asker.newcomers_limit, deduct_when=lambda _response: "is_recognised" in g),
            ApplicationLimit(
                asker.failures_limit,
                key_function=asker.failures_key,
                deduct_when=lambda response: response.status_code == 401,
            ),
        ],
        storage_uri=settings.rate_limit_storage,
        storage_options=_storage_options(settings.rate_limit_storage),
        strategy="fixed-window",
        in_memory_fallback_enabled=True,
        swallow_errors=True,  # a storage that goes while a request is answered spoils no answer
        headers_enabled=False,  # its own would put a Retry-After on every answer
        key_prefix="o2o",
    )
    # Before the limiter's own, which counts failures: the last to be registered comes first.
    app.after_request(lambda response: _tell(limiter, asker, response))
    limiter.init_app(app)
    # By way of the application: pages answer people, the API programs.
    app.register_error_handler(
        RateLimitExceeded, lambda _error: app.handle_user_exception(_refusal(limiter, asker))
    )


def recognise() -> None:
    """Note that the token or key of the current request is good; to be called as soon as that is known."""
    asker: _Asker = current_app.extensions[_EXTENSION]
    asker.recognise()


class _Asker:
    """Whose share a request counts to, and how large that is."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._secret = hashlib.sha256(b"rate limits" + settings.watermark_key).digest()

        self._known: OrderedDict[str, None] = OrderedDict()
        """Hashes of tokens and keys that were good, the latest last."""
        self._lock = threading.Lock()

    def limit(self) -> str:
        """Return the limit that the current request counts to as it comes; empty if none."""
        return "" if self._is_newcomer() else self._own_limit()

    def newcomers_limit(self) -> str:
        """Return the limit that it counts to once its token or key turns out to be good; empty if none."""
        return self._own_limit() if self._is_newcomer() else ""

    def failures_limit(self) -> str:
        """Return the limit that it counts to if its token or key turns out to be nobody's; empty if none."""
        limit = self._settings.rate_limit_failures
        return limit if self._is_newcomer() and limit != NO_LIMIT else ""

    def key(self) -> str:
        """Return whose share it is, as a hash."""
        kind = self._kind()
        return self._hash(kind, _network(request.remote_addr or "") if kind == "address" else _token())

    def failures_key(self) -> str:
        """Return whose share of failures it is, as a hash."""
        return self._hash("failures", _network(request.remote_addr or ""))

    def recognise(self) -> None:
        """Remember that the current request's token or key is good."""
        g.is_recognised = True
        known = self._hash("known", _token())
        with self._lock:
            self._known[known] = None
            self._known.move_to_end(known)
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)

    def _own_limit(self) -> str:
        if not _counts():
            return ""
        limit: str = getattr(self._settings, f"rate_limit_{self._kind()}")
        return "" if limit == NO_LIMIT else limit

    def _is_newcomer(self) -> bool:
        """Whether a token or key came that isn't known yet; one answer for the whole of a request."""
        if "is_newcomer" not in g:
            is_token = _counts() and self._kind() != "address"
            g.is_newcomer = is_token and self._hash("known", _token()) not in self._known
        return bool(g.is_newcomer)

    def _hash(self, kind: str, who: str) -> str:
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


def _refusal(limiter: Limiter, asker: _Asker) -> TooManyRequests:
    """What is wrong with one request too many."""
    breached = limiter.current_limit
    assert breached is not None
    reset_s = _reset_s(breached)
    taken = f"{breached.limit} are taken"
    if asker.failures_key() in breached.key:
        taken = f"too many tokens or keys that are nobody's came from this address ({breached.limit})"
    return TooManyRequests(f"{taken}: try again in {reset_s} seconds", retry_after_s=reset_s)


def _tell(limiter: Limiter, asker: _Asker, response: Response) -> Response:
    """Set the headers of the IETF's draft (draft-ietf-httpapi-ratelimit-headers-06)."""
    counted = _counted(limiter, asker, response)
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


def _counted(limiter: Limiter, asker: _Asker, response: Response) -> RequestLimit | None:
    """Return the share that a request was refused for, else the one that it has counted to."""
    first = limiter.current_limit
    if first is None or first.breached:
        return first
    key = asker.failures_key() if response.status_code == 401 else asker.key()
    return next((each for each in limiter.current_limits if key in each.key), first)


def _reset_s(counted: RequestLimit) -> int:
    """Seconds until the window ends."""
    return max(1, int(counted.reset_at - time()))
