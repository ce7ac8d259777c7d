"""Letters, by the deployment's mail server."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

TIMEOUT_S: Final = 15.0
_PORTS: Final = {"smtp": 587, "smtps": 465}


class MailFailed(Exception):
    """The mail server wasn't reached or didn't take the letter."""


def send(url: str, *, sender: str, to: str, subject: str, text: str) -> None:
    """Send a letter.

    Parameters
    ----------
    url : str
        ``smtp://`` (made private by STARTTLS where the server offers it) or ``smtps://``, with user, password
        and port if need be.

    Raises
    ------
    MailFailed
        If it wasn't taken; also where a password would go over the wire for all to read.
    """
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = sender, to, subject
    letter.set_content(text)
    try:
        with _connected(urlsplit(url)) as server:
            server.send_message(letter)
    except (OSError, smtplib.SMTPException) as error:
        raise MailFailed(f"the mail server: {error}") from error


@contextmanager
def _connected(parts: SplitResult) -> Iterator[smtplib.SMTP]:
    """A connection to the mail server, logged in where the address has a user."""
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    tls = ssl.create_default_context()
    is_private = parts.scheme == "smtps"
    with (
        smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=tls)
        if is_private
        else smtplib.SMTP(host, port, timeout=TIMEOUT_S)
    ) as server:
        server.ehlo()
        if not is_private and server.has_extn("starttls"):
            server.starttls(context=tls)
            is_private = True
        if parts.username:
            if not is_private:
                raise MailFailed("the mail server offers no TLS, and the password isn't sent without")
            server.login(unquote(parts.username), unquote(parts.password or ""))
        yield server
