"""Recognisers: one file per family."""
