"""The admin pages: what a publisher does without a program. Plain forms; they work without scripts."""

from __future__ import annotations

from flask import Flask

from o2o.http.admin import (
    access,
    analytics,
    campaigns,
    creatives,
    destinations,
    login,
    rules,
    team,
    trial,
)


def register(app: Flask) -> None:
    """Put the pages on an application, under ``/admin``."""
    app.jinja_env.filters.update(access.FILTERS)
    # A global, as macros see nothing of a page's own context.
    app.jinja_env.globals["form_token"] = access.form_token
    for module in (login, campaigns, creatives, rules, destinations, trial, analytics, team):
        app.register_blueprint(module.blueprint, url_prefix="/admin")
