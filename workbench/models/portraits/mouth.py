"""The colours of a drawn mouth: lips that are greyer than the skin around them and bluish or greenish teeth are what a
search through colours leaves, not what people have.
"""

import cv2
import numpy as np

from workbench.mesh import LIPS_INNER, LIPS_OUTER, OVAL, polygon

REDDER = 5.0
"""How far lips lie above the skin on the axis from green to red of CIELAB, at least; in photos it is 5 to 20."""

WARM = 2.0
"""The least of teeth on the axis from blue to yellow; on the other axis it is 0."""

SOFT = 1.2
"""Deviation, in pixels, of the edge of what is changed."""


def natural(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 RGB, with lips at least `REDDER` than the skin and no blue or green between them.

    points: (468, 2) of the mesh, in pixels. Nothing but the mouth changes, and nothing at all in one that has its
    colours. Lightness stays.
    """
    shape = picture.shape[:2]
    whole, inner, face = (polygon(points, path, shape) for path in (LIPS_OUTER, LIPS_INNER, OVAL))
    lips, skin = (whole > 127) & (inner < 128), (face > 127) & (whole < 128)
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    change = np.zeros((*shape, 2), np.float32)
    if lips.any() and skin.any():
        change[lips, 0] = max(0.0, float(np.median(lab[skin][:, 1])) + REDDER - float(lab[lips][:, 1].mean()))
    within = inner > 127
    change[within] = np.maximum(0, np.array((0, WARM), np.float32) - lab[within][:, 1:])
    if not change.any():
        return picture
    lab[..., 1:] += cv2.GaussianBlur(change, (0, 0), SOFT)
    drawn = np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255, 0, 255).round().astype(np.uint8)
    touched = cv2.dilate(whole, np.ones((9, 9), np.uint8)) > 0
    return np.where(touched[..., None], drawn, picture)
