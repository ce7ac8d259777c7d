"""The settings for people: as the reference has them, and as they are in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from o2o.settings import Settings, Variable, variables

BEGIN: Final = "<!-- made from o2o/settings.py by `make docs` -->\n"
END: Final = "<!-- end -->\n"


def table() -> str:
    """Return the settings as a Markdown table, the one in `docs/reference/settings.md`."""
    rows = [f"| `{each.name}` | {each.default} | {each.about} |" for each in variables().values()]
    return "\n".join(["| Variable | Default | |", "|---|---|---|", *rows]) + "\n"


def shown(settings: Settings) -> Mapping[str, str]:
    """Return each setting's value by its variable, for people; of a secret only whether there is one."""
    return {
        variable.name: _shown(getattr(settings, name), variable) for name, variable in variables().items()
    }


def _shown(value: Any, variable: Variable) -> str:
    """A value as its variable would spell it."""
    if variable.secret:
        return "(hidden)" if value else ""
    if isinstance(value, tuple):
        return ",".join(f"{part:g}" if isinstance(part, float | int) else part for part in value)
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def documented(page: str) -> str:
    """Return a page with the table in place of what stands between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"
