"""Which place of one face answers which place of the other, as a picture of both with lines between them."""

import colorsys
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

SIDE, GAP, MOST = 336, 48, 16
"""Side of each face and the gap between them in pixels, and how many of the strongest lines are drawn."""


def flow_picture(first: np.ndarray, second: np.ndarray, flow: Mapping[str, Any]) -> np.ndarray:
    """(336, 720, 3) uint8: a dot of one colour on each of the strongest patches of the first face and on its partner.

    first, second: chips (S, S, 3), 0 to 255. flow: "partners" and "mass" as `patch_flow` gives them for the first face.
    A line is as thick as what flows is much.
    """
    faces = [cv2.resize(np.clip(face, 0, 255).astype(np.uint8), (SIDE, SIDE)) for face in (first, second)]
    drawn = np.concatenate([faces[0], np.full((SIDE, GAP, 3), 255, np.uint8), faces[1]], axis=1)
    partners, mass = flow["partners"], np.asarray(flow["mass"])
    grid = round(len(partners) ** 0.5)
    strongest = np.argsort(-mass, kind="stable")[:MOST]
    for place in strongest[::-1].tolist():
        share = float(mass[place] / mass.max()) if mass.max() > 0 else 0.0
        here, there = _centre(place, grid, 0), _centre(partners[place], grid, SIDE + GAP)
        colour = _colour(place, grid)
        cv2.line(drawn, here, there, colour, 1 + round(3 * share), cv2.LINE_AA)
        for spot in (here, there):
            cv2.circle(drawn, spot, 7, (255, 255, 255), -1, cv2.LINE_AA)
            cv2.circle(drawn, spot, 5, colour, -1, cv2.LINE_AA)
    return drawn


def _centre(place: int, grid: int, left: int) -> tuple[int, int]:
    row, column = divmod(place, grid)
    return left + round((column + 0.5) * SIDE / grid), round((row + 0.5) * SIDE / grid)


def _colour(place: int, grid: int) -> tuple[int, int, int]:
    """Hue by column, lightness by row."""
    row, column = divmod(place, grid)
    red, green, blue = colorsys.hls_to_rgb(column / grid, 0.3 + 0.3 * row / grid, 0.9)
    return round(255 * red), round(255 * green), round(255 * blue)
