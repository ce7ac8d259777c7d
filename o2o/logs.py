"""Logs: one JSON object a line, to standard error."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any, Final

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.types import ExcInfo, Processor

_HANDLER: Final = "o2o"

_QUOTED: Final = re.compile(r"\n(DETAIL|CONTEXT): .*", re.DOTALL)
"""What PostgreSQL adds to a message, in which it quotes the row's values.

To the end, though SQLAlchemy's statement is lost: where a value of several lines ends, nothing tells.
"""


def configure(level: int = logging.INFO) -> None:
    """Set up logging; called by the composition, so that no entry point can leave it out.

    What is logged are names, counts and the service's own IDs. Tokens, secrets, photos and
    addresses of readers have no place in a log line. Of libraries that log by themselves only
    warnings are told, in the same form.
    """
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_told),
    ]
    structlog.configure(
        processors=[*before, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _take_over([structlog.stdlib.add_logger_name, *before])


# Without the frames' variables: they would spill tokens, secrets and photos.
_as_dicts: Final = ExceptionDictTransformer(show_locals=False)


def _told(exc_info: ExcInfo) -> list[dict[str, Any]]:
    """Return an exception and its causes as a log line has them, without values that the database quotes."""
    return [_without_values(stack) for stack in _as_dicts(exc_info)]


def _without_values(stack: dict[str, Any]) -> dict[str, Any]:
    grouped = [[_without_values(each) for each in trace] for trace in stack["exceptions"]]
    return stack | {"exc_value": _QUOTED.sub("", stack["exc_value"]), "exceptions": grouped}


def _take_over(before: list[Processor]) -> None:
    """Have what libraries log through `logging` come out like our own."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.set_name(_HANDLER)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(formatter)
    let_go()
    logging.getLogger().addHandler(handler)


def let_go() -> None:
    """Leave what libraries log to others again."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if each.get_name() == _HANDLER]:
        root.removeHandler(handler)
