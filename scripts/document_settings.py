"""Write the settings' table in docs/reference/settings.md anew from their definitions (`make docs`)."""

from __future__ import annotations

from pathlib import Path

from o2o.settings_shown import documented

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "settings.md"

PAGE.write_text(documented(PAGE.read_text("utf-8")), "utf-8")
