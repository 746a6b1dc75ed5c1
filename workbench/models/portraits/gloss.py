"""Light on hair: a head's roundness, and the broad gloss where strands lie across the light.

Strands shine around their own direction, not about a surface's normal (Kajiya and Kay, "Rendering fur with three
dimensional textures", SIGGRAPH 1989, section 4), moved along them a little so that the gloss breaks up into locks
(Scheuermann, "Practical real-time hair rendering and shading", SIGGRAPH 2004 sketches). Knows arrays of the mean frame
only.
"""

import cv2
import numpy as np

ROUND, SOFT = 46.0, 5.0
"""Pixels from a head's outline over which it is round, and over which that is made smooth."""

LAMP, SIDEWAYS = (0.0, -0.5, 0.87), 0.3
"""Where light comes from: right, down, towards who looks; and how far it moves sideways with a picture's chance."""

BREADTH, BROKEN = 12.0, 0.2
"""The gloss's exponent, and by how much a lock's light moves it along the strands."""

CALM = 5.0
"""Pixels over which both change at least: where hair of one way meets hair of another there would be a step."""

WRAPPED = 0.55
"""Share of light that reaches hair turned away from the lamp: it is thin and lets light through."""


def lit(head: np.ndarray, flow: np.ndarray, locks: np.ndarray, side: float) -> tuple[np.ndarray, np.ndarray]:
    """(h, w) float32 twice: how much of the light hair sends back, 0..1, and its gloss, 0..1.

    head: (h, w), pixels within the head's outline. flow: (2, h, w), the way hair lies, as `combing.flow` says it.
    locks: (h, w) of mean 0 and deviation 1. side: −1..1, from which side the light comes.
    """
    normal = _dome(head)
    along = _along(flow, normal)
    lamp = _unit(np.array([SIDEWAYS * side + LAMP[0], *LAMP[1:]], np.float32))
    halfway = _unit(lamp + np.array([0, 0, 1], np.float32))
    facing = np.tensordot(lamp, normal, 1)
    spread = np.sqrt(np.clip(1 - np.tensordot(lamp, along, 1) ** 2, 0, 1))
    back = (WRAPPED + (1 - WRAPPED) * facing.clip(0, 1)) * (0.55 + 0.45 * spread)
    across = np.tensordot(halfway, along, 1) + BROKEN * np.clip(locks, -2, 2) * 0.5
    gloss = np.sqrt(np.clip(1 - across**2, 0, 1)) ** BREADTH * np.clip(2 * facing, 0, 1)
    even = [cv2.GaussianBlur(each.astype(np.float32), (0, 0), CALM) for each in (back, gloss)]
    return even[0], even[1]


def _dome(head: np.ndarray) -> np.ndarray:
    """(3, h, w): the normals of a head that is round towards its outline."""
    share = np.clip(head / ROUND, 0, 1)
    height = cv2.GaussianBlur(ROUND * np.sqrt(1 - (1 - share) ** 2).astype(np.float32), (0, 0), SOFT)
    across, down = (cv2.Sobel(height, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1)))
    return _unit(np.stack([-across, -down, np.ones_like(height)]))


def _along(flow: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """(3, h, w): the way strands lie on such a surface."""
    angle = np.arctan2(flow[1], flow[0]) / 2
    x, y = np.cos(angle), np.sin(angle)
    return _unit(np.stack([x, y, -(normal[0] * x + normal[1] * y) / np.maximum(normal[2], 0.2)]))


def _unit(vectors: np.ndarray) -> np.ndarray:
    found: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=0, keepdims=True), 1e-6)
    return found.astype(np.float32)
