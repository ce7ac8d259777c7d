"""Adapters, one to an external system; they know neither services nor models."""
