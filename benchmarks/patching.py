"""Module constants and functions replaced for a while, to look into the codec or to switch parts of it off.

The codec has no switches of its own: nobody but a benchmark wants it without one of its parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def patched(module: ModuleType, **values: object) -> Iterator[None]:
    """Give a module's names other values, and back their own at the end.

    Raises
    ------
    AttributeError
        If the module has no such name: the benchmark has to follow the codec.
    """
    own = {name: getattr(module, name) for name in values}
    for name, value in values.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for name, value in own.items():
            setattr(module, name, value)
