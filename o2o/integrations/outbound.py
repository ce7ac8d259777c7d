"""The one door through which requests leave for an address that a user gave.

The host is resolved once, every address it has is checked, and the connection goes to an address
that was checked, so that a name can't be turned to the inside between check and use. Redirects
are never followed; proxies named by the environment aren't used, as they would resolve anew.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final

import httpx
from ssrfguard import Policy, Resolver, SSRFGuardError
from ssrfguard.httpx import AsyncClient

from o2o.errors import TargetRefused

MAX_REPLY_BYTES: Final = 16_384
"""How much of a reply is read before hanging up: its status is all that counts."""

_PUBLIC: Final = Policy(
    allowed_schemes=frozenset({"https"}), allowed_ports=frozenset({443, *range(1024, 65536)})
)
_ANYWHERE: Final = Policy(
    allowed_networks=(IPv4Network("0.0.0.0/0"), IPv6Network("::/0")), allowed_ports=frozenset(range(1, 65536))
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]


class Unreachable(Exception):
    """There was no answer: the address is refused, dead or too slow."""


class Outbound:
    """Sends requests to addresses that users gave.

    Parameters
    ----------
    allow_private : bool
        Whether loopback and private addresses, and plain http, are allowed: development only.
    timeout_s : float
        For a request as a whole, so that a receiver that drips bytes can't hold a worker.
    resolver : callable, optional
        Stands in for `socket.getaddrinfo`; what it returns is checked as well.
    """

    def __init__(self, *, allow_private: bool, timeout_s: float, resolver: Resolver | None = None) -> None:
        self._policy = _ANYWHERE if allow_private else _PUBLIC
        self._timeout_s = timeout_s
        self._resolver = resolver
        self._tls = ssl.create_default_context()  # takes long to make, so it is made once

    def check(self, url: str) -> None:
        """Check an address as far as it can be without connecting.

        Raises
        ------
        TargetRefused
            If no request may ever go there.
        """
        try:
            self._policy.check_url(url)
        except SSRFGuardError as refusal:
            reason = f"no webhook is sent there ({refusal})"
            if self._policy is _PUBLIC:
                reason += (
                    ": O2O_WEBHOOK_ALLOW_PRIVATE=1 allows plain http and private addresses, for development"
                )
            raise TargetRefused(reason) from refusal

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send one POST request.

        Raises
        ------
        Unreachable
            If there was no answer.
        """
        try:
            return asyncio.run(self._post(url, body, headers))
        except SSRFGuardError as refusal:
            raise Unreachable(f"refused: {refusal}") from refusal
        except TimeoutError as timeout:
            raise Unreachable(f"no answer within {self._timeout_s:g} s") from timeout
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as failure:
            raise Unreachable(f"{type(failure).__name__}: {failure}") from failure

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        async with (
            asyncio.timeout(self._timeout_s),
            AsyncClient(
                policy=self._policy,
                resolver=self._resolver,
                verify=self._tls,
                timeout=self._timeout_s,
                trust_env=False,
                follow_redirects=False,
            ) as client,
            client.stream("POST", url, content=body, headers=dict(headers)) as response,
        ):
            received = 0
            async for chunk in response.aiter_raw():
                received += len(chunk)
                if received > MAX_REPLY_BYTES:
                    break
            return Reply(response.status_code, dict(response.headers))
