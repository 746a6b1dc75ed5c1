"""Where the eyes look, from each iris against its eye's corners. Arithmetic on the mesh, no networks.

An eye is a ball that turns behind its lids. In the head's frame its middle lies at a fixed place from the corners; the
iris is seen where the line of sight leaves the ball (as in Wang and Sung, "Study on eye gaze estimation", IEEE SMC-B
2002). Adult eyes are so alike that the ball's size goes by the width between the corners.
"""

import numpy as np

from workbench.geometry import turn
from workbench.signs import Gaze
from workbench.values import Face, Pose

CORNERS = ((33, 133), (362, 263))
"""Each eye's corners, from the image's left to its right."""
IRIS = (468, 473)
BALL = np.array([0.27, 0.248])
"""How far the iris moves across and down, in widths between the eye's corners, for the sine of the angle. A real iris
moves 0.38 (10 mm of 26), but the corners that the iris network finds follow it part of the way: fitted on drawn eyes.
"""
BEHIND, BELOW, INWARD = 0.18, -0.07, -0.047
"""Where the eye's middle lies from the middle between its corners, in the same widths: fitted on drawn eyes and on 700
portraits that look into the camera, heads turned and not, which agree within 0.04."""

CLOSED = 0.12
"""Lid gap over eye width below which an iris is guessed, not seen."""


def gaze(face: Face) -> Gaze | None:
    """Where the face looks; None without landmarks, or with both eyes closed.

    One eye alone is trusted where the other is closed. `errors.GAZE_WORDS` says how far it was off where the truth was
    drawn.
    """
    if face.mesh is None or face.pose is None or face.eyes_open is None:
        return None
    rotation = turn(face.pose)
    rays = [_ray(face.mesh, side, rotation) for side, gap in enumerate(face.eyes_open) if gap >= CLOSED]
    if not rays:
        return None
    mean = np.mean(rays, axis=0)
    mean /= np.linalg.norm(mean)
    looks = _angles(mean), _angles(rotation.T @ mean)
    apart = None
    if len(rays) == 2:
        apart = float(np.degrees(np.arccos(np.clip(rays[0] @ rays[1], -1, 1))))
    return Gaze(*looks[0], looks[1], apart)


def _ray(mesh: np.ndarray, side: int, rotation: np.ndarray) -> np.ndarray:
    """(3,) unit vector from an eye's middle through its iris, in the photo's axes."""
    corners = mesh[list(CORNERS[side])].astype(np.float64)
    width = max(float(np.linalg.norm(corners[1] - corners[0])), 1e-6)
    inward = INWARD if side == 0 else -INWARD
    middle = corners.mean(axis=0) + width * rotation @ np.array([inward, BELOW, BEHIND])
    seen = (mesh[IRIS[side], :2] - middle[:2]) / (BALL * width)
    length = min(float(np.hypot(*seen)), 0.98)
    seen = seen / max(float(np.hypot(*seen)), 1e-9) * length
    return np.array([*seen, -np.sqrt(1 - length**2)])


def _angles(ray: np.ndarray) -> tuple[float, float]:
    """Yaw and pitch in degrees of a ray that leaves the face."""
    return float(np.degrees(np.arctan2(ray[0], -ray[2]))), float(np.degrees(np.arcsin(np.clip(-ray[1], -1, 1))))


def angle_between(first: Pose | Gaze, second: Pose | Gaze) -> float:
    """Degrees between two directions given by yaw and pitch."""
    rays = []
    for one in (first, second):
        yaw, pitch = np.radians([one.yaw, one.pitch])
        rays.append(np.array([np.sin(yaw) * np.cos(pitch), -np.sin(pitch), -np.cos(yaw) * np.cos(pitch)]))
    return float(np.degrees(np.arccos(np.clip(rays[0] @ rays[1], -1, 1))))
