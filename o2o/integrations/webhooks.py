"""Sending by Standard Webhooks 1.0 (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from standardwebhooks import Webhook

from o2o.integrations.outbound import Outbound, Reply

USER_AGENT = "print-to-pin-webhooks/1"


def format_secret(random_bytes: bytes) -> str:
    """Write 24 to 64 random bytes as an endpoint's secret."""
    return "whsec_" + base64.b64encode(random_bytes).decode()


def send(outbound: Outbound, *, url: str, secret: str, message_id: str, body: str, now: datetime) -> Reply:
    """Sign a message and send it, once.

    Raises
    ------
    Unreachable
        If there was no answer.
    """
    headers = {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, now.astimezone(UTC), body),
    }
    return outbound.post(url, body.encode(), headers)


def retry_after_s(reply: Reply, *, now: datetime) -> float | None:
    """Return how long a reply asks to wait (RFC 9110, section 10.2.3), if it does."""
    value = reply.headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds())
