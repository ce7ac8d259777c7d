"""Fields that take what JSON Schema says they take: marshmallow's own also take numbers in text, and more."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from apiflask.fields import AwareDateTime, Float, Integer, String
from marshmallow import ValidationError
from marshmallow.utils import get_value
from werkzeug.routing import BaseConverter

from o2o.services import creatives
from o2o.services.columns import AMOUNT, FIRST_YEAR, LAST_YEAR


class Whole(Integer):
    """A whole number; 2.0 is one, and neither "2" nor true is."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not whole:
            raise self.make_error("invalid", input=value)
        return super()._deserialize(int(value), attr, data, **kwargs)


class Number(Float):
    """A finite number."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.make_error("invalid", input=value)
        if isinstance(value, float) and not math.isfinite(value):
            raise self.make_error("special", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Moment(AwareDateTime):
    """A time with a zone, of which every zone has a name."""

    def make_error(self, key: str, **kwargs: Any) -> ValidationError:  # noqa: ARG002  the base's signature
        """Say one thing of all that isn't one."""
        return ValidationError("A time has a zone, like 2026-05-01T08:00:00Z.")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> datetime:
        moment = super()._deserialize(value, attr, data, **kwargs)
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        return moment.astimezone(UTC)


class Money(String):
    """An amount of money, written so that no binary fraction touches it."""

    PATTERN: Final = AMOUNT

    def make_error(self, key: str, **kwargs: Any) -> ValidationError:
        """Say what an amount is, of a number too."""
        message = 'An amount is a text like "12.50".' if key == "invalid" else None
        return ValidationError(message) if message else super().make_error(key, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not self.PATTERN.match(text):
            raise self.make_error("invalid")
        return Decimal(text)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:  # noqa: ARG002
        return None if value is None else f"{value:.2f}"


class MediaUrl(String):
    """A stored picture's address, from its name."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        name = super()._serialize(value, attr, obj, **kwargs)
        return name and f"/media/{name}"


class BoardUrl(String):
    """A board's page, from the board's ID."""

    def serialize(self, attr: str, obj: Any, accessor: Any = None, **kwargs: Any) -> str:  # noqa: ARG002
        """Give the page's address."""
        return f"/boards/{get_value(obj, 'id')}"


class WatermarkId(String):
    """A mark's ID as everyone writes it."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:  # noqa: ARG002
        return None if value is None else creatives.format_id(value)


class WatermarkIdConverter(BaseConverter):
    """A mark's ID in a path."""

    regex = "0x[0-9a-f]{12}"

    def to_python(self, value: str) -> int:
        """Return the ID as a number."""
        return creatives.parse_id(value)

    def to_url(self, value: int) -> str:
        """Write the ID."""
        return creatives.format_id(value)


class PhotoUrl(String):
    """A kept photo's address, from its scan."""

    def serialize(self, attr: str, obj: Any, accessor: Any = None, **kwargs: Any) -> str:  # noqa: ARG002
        """Give the address."""
        return f"/v1/photos/{get_value(obj, 'scan_id')}"


class ShortLink(String):
    """A creative's short link, from its mark's ID."""

    def serialize(self, attr: str, obj: Any, accessor: Any = None, **kwargs: Any) -> str:  # noqa: ARG002
        """Give the link."""
        return f"/s/{creatives.format_code(get_value(obj, 'watermark_id'))}"
