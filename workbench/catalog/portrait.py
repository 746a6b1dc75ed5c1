"""Generators that are told an identity: from a recogniser's vector to pictures of that face."""

from workbench.catalog import ModelSpec

ROWS: tuple[ModelSpec, ...] = ()
