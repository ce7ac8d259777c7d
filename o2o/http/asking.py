"""What is known of a reader who asks: coarse, and from headers alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from uuid import UUID

from flask import Request, request

from o2o.http.service import service
from o2o.services.contents import Asker
from o2o.services.routing import PERCENT, Device

_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_LANGUAGE: Final = re.compile(r"([A-Za-z]{2,3})(-.*)?")
_APP: Final = re.compile(r"[\w.+-]{1,30}(/[\w.+-]{1,9})?", re.ASCII)

# What proxies say where they don't know, or for Tor.
_NO_COUNTRIES: Final = frozenset({"XX", "T1", "ZZ"})

MOST_LANGUAGES: Final = 10


def asker(reader_id: UUID) -> Asker:
    """Return what is known of the reader who sends the current request."""
    return Asker(reader_id, _country(request), _languages(request), _device(request))


def visitor(draw: Callable[[int], int]) -> Asker:
    """Return what is known of who sends the current request and is no reader.

    Parameters
    ----------
    draw : callable
        Returns a random whole number from 0 to below another; `secrets.randbelow` in the product.
    """
    return Asker(None, _country(request), _languages(request), _device(request), place=draw(PERCENT))


def app_of(asking: Request) -> str | None:
    """Return the program that asks, as it calls itself in ``X-App``, such as ``reader/1.2``."""
    named = asking.headers.get("X-App", "")
    return named if _APP.fullmatch(named) else None


def _country(asking: Request) -> str | None:
    """Return the country that the proxy in front has found out; whoever asks could say anything."""
    header = service().settings.country_header
    country = asking.headers.get(header, "").upper() if header else ""
    return country if _COUNTRY.fullmatch(country) and country not in _NO_COUNTRIES else None


def _languages(asking: Request) -> tuple[str, ...]:
    """Return the primary subtags of the languages that the asker reads, the preferred first."""
    found = (_LANGUAGE.fullmatch(tag) for tag in asking.accept_languages.values())
    primary = [match[1].lower() for match in found if match]
    return tuple(dict.fromkeys(primary))[:MOST_LANGUAGES]


def _device(asking: Request) -> Device:
    """Return what the asker holds."""
    agent = asking.headers.get("User-Agent", "")
    if "iPhone" in agent or "iPad" in agent:
        return Device.IOS
    return Device.ANDROID if "Android" in agent else Device.OTHER
