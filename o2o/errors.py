"""One tree of errors for the service, mapped once to HTTP problems and once to exit codes.

Each class names its kind for good: ``code`` and ``title`` are part of the published API, the
message of the instance is the ``detail`` that says what happened and how to mend it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self


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


class Passing(Exception):
    """What an error is besides that goes by itself.

    Attributes
    ----------
    retry_after_s : int
        When to come back.
    """

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Busy(Passing, O2oError):
    """More at once than there are places for: at the decoders, or at the database."""

    status = 503
    code = "busy"
    title = "The service is busy"


class NotReady(Passing, O2oError):
    """The database doesn't answer."""

    status = 503
    code = "not-ready"
    title = "The service isn't ready"


class TooManyRequests(Passing, O2oError):
    """More requests than the asker's share."""

    status = 429
    code = "too-many-requests"
    title = "Too many requests"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a request.

    Attributes
    ----------
    field : str
        The part that is at fault, as a JSON pointer without its first slash.
    detail : str
        What is wrong with it and what to do about it.
    """

    field: str
    detail: str

    def within(self, place: str) -> Fault:
        """Return the fault as part of something larger, such as a table's row."""
        return Fault(f"{place}/{self.field}" if self.field else place, self.detail)


def pointer_part(name: str) -> str:
    """Return a name as a JSON pointer holds it (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


class InvalidRequest(O2oError):
    """A request lacks a part or holds one that its description doesn't allow.

    Attributes
    ----------
    faults : tuple of Fault
        All that was found, part by part; empty if no part can be named.
    """

    status = 422
    code = "invalid-request"
    title = "The request isn't as described"

    def __init__(self, detail: str, *, field: str | None = None, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.faults = tuple(faults) or ((Fault(field, detail),) if field else ())

    @classmethod
    def of(cls, faults: Sequence[Fault]) -> Self:
        """Return the error that tells of several faults at once."""
        return cls("; ".join(fault.detail for fault in faults), faults=faults)


class InvalidHeader(O2oError):
    """A header that isn't formed as its description says."""

    status = 400
    code = "invalid-header"
    title = "A header isn't as described"


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


class RegistryFileError(O2oError):
    """A file that isn't a registry's, is cut off or damaged, or is of a later format."""

    status = 422
    code = "registry-file-error"
    title = "The registry file can't be used"


class ReadOnly(O2oError):
    """A change was asked of a service that serves a registry file and keeps nothing."""

    status = 403
    code = "read-only"
    title = "Nothing can be changed here"
