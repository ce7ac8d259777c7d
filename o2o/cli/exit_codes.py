"""What a command's end tells a script."""

from __future__ import annotations

from typing import Final

from o2o.errors import (
    Conflict,
    ImageError,
    InvalidRequest,
    NotFound,
    O2oError,
    RegistryFileError,
    SettingsError,
    TargetRefused,
)

FAILED: Final = 1
"""Also for a photo in which nothing was read, and a proof that wasn't passed."""

USAGE: Final = 2
UNREADABLE_FILE: Final = 3


def exit_code(error: O2oError) -> int:
    """Return the exit code for an error."""
    match error:
        case ImageError() | RegistryFileError():
            return UNREADABLE_FILE
        case SettingsError() | InvalidRequest() | NotFound() | TargetRefused() | Conflict():
            return USAGE
        case _:
            return FAILED
