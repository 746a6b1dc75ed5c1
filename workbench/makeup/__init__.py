"""Parametric makeup: where a pigment lies on a face, which shades there are, and how it is painted, differentiably."""
