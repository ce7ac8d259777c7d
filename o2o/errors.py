"""One tree of errors for the service, mapped once to HTTP problems and once to exit codes.

Each class names its kind for good: ``code`` and ``title`` are part of the published API, the
message of the instance is the ``detail`` that says what happened and how to mend it.
"""

from __future__ import annotations

from typing import ClassVar


class O2oError(Exception):
    """A request or a command that can't be carried out, for a reason that its sender can mend."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Something went wrong on our side"

    @property
    def detail(self) -> str:
        """What happened this time and what to do about it."""
        return str(self)


class SettingsError(O2oError):
    """A setting can't be understood."""

    code = "bad-setting"
    title = "A setting can't be used"


class Busy(O2oError):
    """Too many photos at once.

    Attributes
    ----------
    retry_after_s : int
        When to come back.
    """

    status = 503
    code = "busy"
    title = "The service is busy"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class TooManyRequests(O2oError):
    """More requests than the asker's share.

    Attributes
    ----------
    retry_after_s : int
        When there is a new share.
    """

    status = 429
    code = "too-many-requests"
    title = "Too many requests"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class InvalidRequest(O2oError):
    """A request lacks a part or holds one that its description doesn't allow.

    Attributes
    ----------
    field : str or None
        The part that is at fault, as a JSON pointer without its first slash.
    """

    status = 422
    code = "invalid-request"
    title = "The request isn't as described"

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.field = field


class Unauthorized(O2oError):
    """No bearer token, or one that belongs to nobody or has ended."""

    status = 401
    code = "unauthorized"
    title = "A valid token or key is needed"


class Forbidden(O2oError):
    """The asker is known, and may not do this."""

    status = 403
    code = "forbidden"
    title = "This isn't allowed"


class NotFound(O2oError):
    """Nothing here by that name, or nothing that its asker may see."""

    status = 404
    code = "not-found"
    title = "Not found"


class Conflict(O2oError):
    """The request contradicts what is already there."""

    status = 409
    code = "conflict"
    title = "The request contradicts what is already there"


class PreconditionFailed(O2oError):
    """A change was made to what somebody else has changed since it was seen."""

    status = 412
    code = "precondition-failed"
    title = "It was changed in the meantime"


class PreconditionRequired(O2oError):
    """A change doesn't say what it was made to."""

    status = 428
    code = "precondition-required"
    title = "An If-Match header is needed"


class IdempotencyKeyReused(O2oError):
    """An idempotency key came back with another request."""

    status = 422
    code = "idempotency-key-reused"
    title = "The Idempotency-Key belongs to another request"


class IdsExhausted(O2oError):
    """No free creative ID was found in as many draws as chance can explain."""

    code = "ids-exhausted"
    title = "No free ID was found"


class ImageError(O2oError):
    """A picture that can't be taken."""

    status = 422
    code = "image-error"
    title = "The picture can't be used"


class ImageTooLarge(ImageError):
    """More bytes or more pixels than the limits allow; found before decoding."""

    status = 413
    code = "image-too-large"
    title = "The picture is too large"


class UnsupportedImage(ImageError):
    """Not a picture, or one in a format that isn't taken."""

    status = 415
    code = "unsupported-image"
    title = "The picture's format isn't taken"


class UnreadableImage(ImageError):
    """Truncated or corrupt."""

    status = 422
    code = "unreadable-image"
    title = "The picture can't be decoded"


class ImageTooSmall(ImageError):
    """Too few pixels to hold a mark that anyone could read."""

    status = 422
    code = "image-too-small"
    title = "The picture is too small"


class TargetRefused(O2oError):
    """An address given by a user that the service won't connect to."""

    status = 422
    code = "target-refused"
    title = "The address can't be used"
