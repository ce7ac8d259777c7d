"""What receivers ask for, and how secrets look."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from o2o.integrations.outbound import Reply
from o2o.integrations.webhooks import format_secret, retry_after_s

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("Sun, 01 Mar 2026 12:05:00 GMT", 300.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after_s(Reply(503, {"retry-after": value}), now=NOW) == seconds


def test_a_secret_is_what_the_library_takes() -> None:
    secret = format_secret(bytes(range(32)))
    assert secret.startswith("whsec_")
    Webhook(secret).sign("msg_1", NOW, "{}")
