"""Portraits that keep an identity, new identities, and the figures that stand beside every sheet."""
