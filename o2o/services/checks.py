"""What people write, held to what can be kept, shown and pinned."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from o2o.errors import Fault, InvalidRequest, PreconditionFailed
from o2o.integrations.storage import NAME as STORED

UNPRINTABLE: Final = {"Cc", "Cs"}
"""Unicode's categories of control characters and surrogates."""

LINK: Final = re.compile(r"https?://[!-~]+")
"""In ASCII, as it travels in headers and codes: a browser's address bar copies it so."""

MAX_LINK_LENGTH: Final = 2048

MAX_PAGES: Final = 100_000
"""No magazine is thicker."""

# BCP 47 (RFC 5646), as far as content goes: language, script, region, variants.
LANGUAGE_TAG: Final = re.compile(
    r"[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*"
)
# What mail servers take, roughly: that a letter arrives is all that proves an address.
EMAIL: Final = re.compile(r"[!-?A-~]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
MAX_EMAIL_LENGTH: Final = 254

MAX_IMAGES: Final = 5
"""As many as a pin of several pictures takes."""

_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_PIN: Final = re.compile(r"[0-9]{1,20}")


def all_checked(checks: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Return what each check returns, by its field; all are made, also where one finds a fault.

    Raises
    ------
    InvalidRequest
        If any does, with all faults that were found.
    """
    checked: dict[str, Any] = {}
    faults: list[Fault] = []
    for field, check in checks.items():
        try:
            checked[field] = check()
        except InvalidRequest as error:
            faults += error.faults
    if faults:
        raise InvalidRequest.of(faults)
    return checked


def checked_pages(field: str, number: int | None, *, most: int = MAX_PAGES) -> int | None:
    """Return a page's number, or a count of pages.

    Raises
    ------
    InvalidRequest
        If it is below 1 or above ``most``.
    """
    if number is not None and not 1 <= number <= most:
        raise InvalidRequest(f"{field} lies between 1 and {most}, not at {number}", field=field)
    return number


def checked_text(field: str, text: str, *, max_length: int, min_length: int = 1) -> str:
    """Return a person's text without space around it, if it can be kept and shown.

    Raises
    ------
    InvalidRequest
        If it is too short or too long, or holds a control character or half of a surrogate pair:
        PostgreSQL takes no NUL, and UTF-8 no surrogate.
    """
    text = text.strip()
    for character in text:
        if unicodedata.category(character) in UNPRINTABLE:
            raise InvalidRequest(
                f"{field} can't hold the character U+{ord(character):04X}: leave it out", field=field
            )
    if not min_length <= len(text) <= max_length:
        raise InvalidRequest(
            f"{field} takes {min_length} to {max_length} characters, not {len(text)}", field=field
        )
    return text


def checked_link(field: str, link: str | None) -> str | None:
    """Let only web addresses through: a link is put before readers as it is.

    Raises
    ------
    InvalidRequest
        If it is anything else, or too long.
    """
    if not link:
        return None
    try:
        has_host = bool(urlsplit(link).hostname)
    except ValueError:
        has_host = False
    if not has_host or not LINK.fullmatch(link) or len(link) > MAX_LINK_LENGTH:
        raise InvalidRequest(
            f"{field} is an http(s) address of up to {MAX_LINK_LENGTH} ASCII characters", field=field
        )
    return link


def checked_locale(field: str, tag: str | None) -> str | None:
    """Return a language tag by BCP 47.

    Raises
    ------
    InvalidRequest
        If it isn't formed like one.
    """
    if not tag:
        return None
    if len(tag) > 35 or not LANGUAGE_TAG.fullmatch(tag):
        raise InvalidRequest(f"{field} is a language tag such as en or pt-BR, not {tag!r}", field=field)
    return tag


def checked_email(field: str, address: str) -> str:
    """Return a mail address in lower case.

    Raises
    ------
    InvalidRequest
        If it isn't formed like one.
    """
    address = address.strip().lower()
    if len(address) > MAX_EMAIL_LENGTH or not EMAIL.fullmatch(address):
        raise InvalidRequest(f"{field} is a mail address such as ada@magazine.example", field=field)
    return address


def checked_images(field: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return stored pictures' names.

    Raises
    ------
    InvalidRequest
        If there are too many, or one isn't formed like one.
    """
    if len(names) > MAX_IMAGES:
        raise InvalidRequest(f"{field} takes up to {MAX_IMAGES} pictures", field=field)
    for name in names:
        if not STORED.fullmatch(name):
            raise InvalidRequest(f"{field} holds names of stored pictures, not {name!r}", field=field)
    return names


def checked_currency(field: str, code: str | None) -> str | None:
    """Return a currency's code.

    Raises
    ------
    InvalidRequest
        If it isn't formed like one.
    """
    if code is not None and not _CURRENCY.fullmatch(code):
        raise InvalidRequest(f"{field} is a code by ISO 4217, such as EUR", field=field)
    return code


def checked_pin(field: str, number: str | None) -> str | None:
    """Return the number of a Pinterest pin.

    Raises
    ------
    InvalidRequest
        If it isn't one.
    """
    if number and not _PIN.fullmatch(number):
        raise InvalidRequest(f"{field} is the number at the end of a pin's address", field=field)
    return number or None


def require_version(found: int, expected: int) -> None:
    """Check that nobody has changed a row since it was seen.

    Raises
    ------
    PreconditionFailed
        If somebody has.
    """
    if found != expected:
        raise PreconditionFailed("it was changed in the meantime: get it anew, then send your change again")
