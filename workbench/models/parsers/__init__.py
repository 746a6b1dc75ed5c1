"""Parsers: one file per family."""
