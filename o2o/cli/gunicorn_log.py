"""gunicorn's own log, as JSON and without what it would tell of requests."""

from __future__ import annotations

from typing import Any, Final

import structlog
from gunicorn.glogging import Logger

_log = structlog.get_logger()

# These come with the sender's address, or with headers and addresses of requests.
_PRIVATE: Final = ("Invalid request from", "Error handling request")


class JsonLog(Logger):  # type: ignore[misc]
    """gunicorn's logger over ours; requests themselves are logged by the application."""

    def setup(self, cfg: Any) -> None:
        """Open nothing: where logs go is set up by now."""
        self.cfg = cfg
        self._access_log_enabled = False

    def critical(self, msg: object, *args: object, **_options: object) -> None:
        """Log what ends the server."""
        _log.critical("server", said=said(msg, args))

    def error(self, msg: object, *args: object, **_options: object) -> None:
        """Log what went wrong."""
        _log.error("server", said=said(msg, args))

    def warning(self, msg: object, *args: object, **_options: object) -> None:
        """Log what may be wrong."""
        _log.warning("server", said=said(msg, args))

    def exception(self, msg: object, *args: object, **_options: object) -> None:
        """Log an exception, without the variables of its frames."""
        _log.error("server", said=said(msg, args), exc_info=True)

    def info(self, msg: object, *args: object, **options: object) -> None:
        """Keep quiet about the usual."""

    def debug(self, msg: object, *args: object, **options: object) -> None:
        """Keep quiet about details."""

    def log(self, lvl: object, msg: object, *args: object, **options: object) -> None:
        """Keep quiet: gunicorn says nothing of weight this way."""

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """Leave it to the application, which knows what is private in a request."""

    def reopen_files(self) -> None:
        """Have no files."""

    def close_on_exec(self) -> None:
        """Have no files."""


def said(message: object, arguments: tuple[object, ...]) -> str:
    """Return a message with what belongs in it, unless that is private."""
    text = str(message)
    for private in _PRIVATE:
        if text.startswith(private):
            return private
    return text % arguments if arguments else text
