"""What the commands around the codec share: the key, files of one's own and the printed size."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from o2o.cli.environment import warn_of_demonstration_key
from o2o.errors import ImageError, O2oError, SettingsError, UnreadableImage
from o2o.settings import DEMONSTRATION_KEY
from o2o.settings_parsing import parse_key

if TYPE_CHECKING:
    from o2o.imaging_host import Host

DEFAULT_DPI: Final = 300.0
SCREEN_DPI: Final = 150.0
"""Below this a file states the resolution of a screen or a camera's default, not of a print."""

# Files of one's own may be larger than uploads, but not without end.
MAX_BYTES: Final = 2_000_000_000
MAX_PIXELS: Final = 500_000_000

KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        help="A file that holds the watermark key; else O2O_WATERMARK_KEY counts.",
        show_default=False,
    ),
]


class MarkRefused(O2oError):
    """A mark that could be made or read, but not so that it would be of use."""

    code = "mark-refused"
    title = "The picture isn't marked"


def note(message: str) -> None:
    """Say something that isn't the command's result, on stderr."""
    typer.secho(f"note: {message}", err=True, fg="yellow")


def watermark_key(key_file: Path | None) -> bytes:
    """The key: from the file, else the environment, else the demonstration key with a warning.

    Raises
    ------
    SettingsError
        If there is a key that can't be used.
    """
    if key_file is None:
        text = os.environ.get("O2O_WATERMARK_KEY")
    else:
        try:
            text = key_file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = "it is no text" if isinstance(error, UnicodeDecodeError) else error.strerror or error
            raise SettingsError(
                f"the key file {key_file} can't be read ({reason}): name a file that holds the key"
            ) from error
    if text is not None and (key_file or text):
        return parse_key(text, str(key_file or "O2O_WATERMARK_KEY"))
    warn_of_demonstration_key()
    return DEMONSTRATION_KEY


def read_bytes(path: Path) -> bytes:
    """A file's bytes.

    Raises
    ------
    UnreadableImage
        If it isn't there or may not be read.
    ImageTooLarge
        If it has more bytes than are taken; then it isn't read.
    """
    from o2o.imaging import check_bytes

    try:
        check_bytes(path.stat().st_size, MAX_BYTES)
        return path.read_bytes()
    except OSError as error:
        raise UnreadableImage(f"{path}: {error.strerror or error}") from error


def load_host(data: bytes) -> Host:
    """Decode a file to mark, within the limits of files of one's own."""
    from o2o.imaging_host import load_host

    return load_host(data, max_bytes=MAX_BYTES, max_pixels=MAX_PIXELS)


def read_host(path: Path) -> Host:
    """Read and decode a file to mark; what is wrong with it is said with its name."""
    data = read_bytes(path)
    try:
        return load_host(data)
    except ImageError as error:
        raise type(error)(f"{path}: {error}") from error


def require_folder(path: Path) -> None:
    """Refuse a file to write whose folder isn't there, before any work is done for it."""
    if not path.parent.is_dir():
        raise typer.BadParameter(f"{path} can't be written: there is no folder {path.parent}, make it first")


def print_dpi(asked: float | None, stated: float | None) -> float:
    """Pixels per inch on paper: as asked, else as the file states, else 300, with a note.

    Under 150 a file states a screen's resolution or a camera's default; a picture is hardly ever
    printed so coarsely, and a mark made for it would vanish in the print.
    """
    if asked is not None:
        return asked
    if stated is not None and stated >= SCREEN_DPI:
        return stated
    says = "no dpi" if stated is None else f"{stated:g} dpi, a screen's"
    note(f"the file states {says}: taking {DEFAULT_DPI:g}; say --dpi if it will be printed otherwise")
    return DEFAULT_DPI
