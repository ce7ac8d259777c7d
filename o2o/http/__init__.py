"""The HTTP API and the pages: thin views over the services."""

from o2o.http.application import create_app

__all__ = ["create_app"]
