"""A face's five points drawn as InstantID's ControlNet was taught to see them.

Source: Wang et al., "InstantID", arXiv 2401.07519 (instantX-research/InstantID): lines to the nose at 60 % brightness,
then dots.
"""

import cv2
import numpy as np

from workbench.geometry import ARCFACE_112

COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255))
"""Of image-left eye, image-right eye, nose, image-left and image-right mouth corner."""

NOSE, WIDTH, DOT = 2, 4, 10


def draw(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """(height, width, 3) uint8 of five points (x, y), (5, 2), in pixels of that picture."""
    picture = np.zeros((height, width, 3))
    points = np.asarray(points)
    for place in (0, 1, 3, 4):
        (x, y), (nose_x, nose_y) = points[place], points[NOSE]
        length, angle = float(np.hypot(x - nose_x, y - nose_y)), np.degrees(np.arctan2(y - nose_y, x - nose_x))
        middle = (int((x + nose_x) / 2), int((y + nose_y) / 2))
        cv2.fillConvexPoly(
            picture, cv2.ellipse2Poly(middle, (int(length / 2), WIDTH), int(angle), 0, 360, 1), COLOURS[place]
        )
    drawn = (picture * 0.6).astype(np.uint8)
    for colour, (x, y) in zip(COLOURS, points, strict=True):
        cv2.circle(drawn, (int(x), int(y)), DOT, colour, -1)
    return drawn


def middle(side: int) -> np.ndarray:
    """(5, 2): a face from the front, in the middle of a square picture, its eyes about a seventh of the side apart."""
    return (ARCFACE_112 - 56) * (side / 280) + side / 2


def within(points: np.ndarray, height: int, width: int, side: int) -> np.ndarray:
    """Points of a photo in a square picture of `side` that holds the photo's middle square."""
    short = min(height, width)
    return (np.asarray(points, np.float64) - ((width - short) / 2, (height - short) / 2)) * side / short
