"""What a mesh says of its head: where it points, how wide eyes and mouth are open. Arithmetic on 478 points, no
networks."""

import numpy as np

from workbench.geometry import pose_of, umeyama
from workbench.values import Pose

MIDDLE = {
    10: (0.0, -0.585, -0.308),
    151: (0.0, -0.398, -0.332),
    9: (0.0, -0.205, -0.341),
    168: (0.0, -0.017, -0.305),
    6: (0.0, 0.082, -0.347),
    195: (0.0, 0.249, -0.456),
    1: (0.0, 0.509, -0.505),
    2: (0.0, 0.57, -0.309),
}
SIDES = {
    (33, 263): (-0.5, 0.026, -0.037),
    (133, 362): (-0.203, 0.052, -0.101),
    (127, 356): (-0.822, 0.036, 0.551),
    (234, 454): (-0.81, 0.195, 0.622),
    (67, 297): (-0.418, -0.551, -0.209),
    (103, 332): (-0.594, -0.487, -0.071),
    (54, 284): (-0.707, -0.39, 0.088),
    (98, 327): (-0.207, 0.534, -0.217),
    (50, 280): (-0.578, 0.391, -0.07),
    (21, 251): (-0.778, -0.266, 0.245),
    (93, 323): (-0.797, 0.359, 0.649),
}
"""Mean places of mesh points that jaw, lids and brows do not move, in widths between the outer eye corners.

The generalised Procrustes mean of 763 portraits' meshes, made symmetric, as it looked at the camera on average: that is
where yaw, pitch and roll are 0. Pairs give the image-left point; the other is its mirror.
"""

INDICES = (*MIDDLE, *(point for pair in SIDES for point in pair))
HEAD = np.array([*MIDDLE.values(), *((sign * x, y, z) for x, y, z in SIDES.values() for sign in (1, -1))])

LIDS = (
    ((33, 133), ((160, 144), (159, 145), (158, 153))),
    ((362, 263), ((385, 380), (386, 374), (387, 373))),
)
"""For each eye, from the image's left: its corners, and points of the upper and lower lid above each other."""


def head_pose(mesh: np.ndarray) -> Pose:
    """Where the head points, from its (478, 3) mesh.

    The rotation that brings the mean head nearest to the mesh in the least squares (Umeyama, PAMI 1991), under weak
    perspective: a face off the middle of a wide-angle photo seems turned outward.
    """
    _, rotation, _ = umeyama(HEAD, mesh[list(INDICES)])
    return pose_of(rotation)


def in_head(mesh: np.ndarray) -> np.ndarray:
    """(468, 3) float64: a mesh (468 or 478, 3) in the frame of the mean head: turned to the camera, in widths between
    the outer eye corners."""
    points = mesh[:468].astype(np.float64)
    scale, rotation, shift = umeyama(HEAD, points[list(INDICES)])
    return np.asarray((points - shift) @ rotation / scale)


def eyes_open(mesh: np.ndarray) -> tuple[float, float]:
    """Lid gap over eye width, image left and image right: about 0.3 open (0.2 to 0.4 in most portraits), near 0.1
    closed.

    The eye aspect ratio of Soukupová and Čech, "Real-time eye blink detection using facial landmarks", CVWW 2016, with
    three gaps and distances in space.
    """
    left, right = (
        float(np.mean([_distance(mesh, *gap) for gap in gaps]) / max(_distance(mesh, *corners), 1e-6))
        for corners, gaps in LIDS
    )
    return left, right


def mouth_open(mesh: np.ndarray) -> float:
    """Gap between the lips over the mouth's width, in space: 0 closed, about 0.5 and more wide open."""
    return _distance(mesh, 13, 14) / max(_distance(mesh, 61, 291), 1e-6)


def _distance(mesh: np.ndarray, first: int, second: int) -> float:
    return float(np.linalg.norm(mesh[first] - mesh[second]))
