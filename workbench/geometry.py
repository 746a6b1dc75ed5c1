"""Between a photo and its crops: matrices and points, no pixels. Reached as part of `images`.

A matrix is (2, 3) float64 and takes photo points (x, y), with (0, 0) the centre of the top-left pixel, to crop points.
"""

import numpy as np

from workbench.errors import BadRequest
from workbench.values import Face, Pose

ARCFACE_112 = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
"""Where a 112-pixel crop wants eyes, nose tip and mouth corners, in the order of Face.points (ArcFace, arXiv
1801.07698)."""

DLIB_POINTS = (263, 362, 33, 133, 2)
"""Mesh points of dlib's five: image-right eye outer and inner corner, image-left outer and inner, base of the nose."""

DLIB_MEAN = np.array(
    [
        (0.8595674595992, 0.2134981538014),
        (0.6460604764104, 0.2289674387677),
        (0.1205750620789, 0.2137274526848),
        (0.3340850613712, 0.2290642403242),
        (0.4901123135679, 0.6277975316475),
    ]
)
"""Mean place of the five in a unit square around the face (dlib/image_transforms/interpolation.h,
get_face_chip_details)."""

DLIB_CHIP_150 = (0.25 + DLIB_MEAN) / 1.5 * 150
"""Where dlib's 150-pixel chip with padding 0.25 wants the five."""

ALIGNED = 0.08
"""A photo counts as an aligned crop when no corner of its face's quad is farther than this share of its side from the
frame's."""


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (..., 2) taken through a (2, 3) matrix."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def invert(matrix: np.ndarray) -> np.ndarray:
    """The (2, 3) matrix of the way back. Raises BadRequest for one that maps everything onto a line."""
    if not abs(np.linalg.det(matrix[:, :2])) > 1e-12:
        raise BadRequest("The crop has no area: expected points that lie apart, got some that coincide.")
    linear = np.linalg.inv(matrix[:, :2])
    return np.concatenate([linear, -linear @ matrix[:, 2:]], axis=1)


def compose(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The (2, 3) matrix that does `first`, then `second`."""
    return np.concatenate([second[:, :2] @ first[:, :2], second[:, :2] @ first[:, 2:] + second[:, 2:]], axis=1)


def square_crop(centre: np.ndarray, side: float, angle: float, size: int) -> np.ndarray:
    """The matrix of a square crop: `side` photo pixels around `centre`, turned `angle` radians clockwise, to `size`
    pixels."""
    cos, sin = np.cos(angle) * size / side, np.sin(angle) * size / side
    linear = np.array([[cos, sin], [-sin, cos]])
    middle = np.full(2, (size - 1) / 2)
    return np.concatenate([linear, (middle - linear @ np.asarray(centre, np.float64))[:, None]], axis=1)


def stretch(shape: tuple[int, ...], size: int) -> np.ndarray:
    """The matrix that stretches a whole photo of `shape` (height, width, ...) to a square of `size` pixels."""
    across, down = size / shape[1], size / shape[0]
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2]])


def similarity(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The (2, 3) rotation, scaling and shift that brings `source` points (n, 2) nearest to `target` in the least
    squares.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 1991, eqs. 40–43.
    Raises BadRequest when the source points coincide.
    """
    scale, rotation, shift = umeyama(source, target)
    return np.concatenate([scale * rotation, shift[:, None]], axis=1)


def umeyama(source: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale, rotation (d, d) and shift (d,) of the same least-squares fit in any number of dimensions."""
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if source.shape != target.shape or source.ndim != 2:
        raise BadRequest(f"Expected as many source as target points, got {source.shape} and {target.shape}.")
    here, there = source.mean(axis=0), target.mean(axis=0)
    spread = ((source - here) ** 2).sum() / len(source)
    if not spread > 1e-12:
        raise BadRequest("The points coincide; expected eyes, nose and mouth at different places.")
    u, strength, vt = np.linalg.svd((target - there).T @ (source - here) / len(source))
    sign = np.ones(source.shape[1])
    sign[-1] = np.sign(np.linalg.det(u) * np.linalg.det(vt)) or 1.0
    rotation = u @ np.diag(sign) @ vt
    scale = float((strength * sign).sum() / spread)
    return scale, rotation, there - scale * rotation @ here


def celeba_quad(points: np.ndarray, size: int) -> np.ndarray:
    """The matrix of the square around a face that CelebA-HQ's aligned pictures show, to `size` pixels.

    points: (5, 2), as Face.points. Karras et al., arXiv 1710.10196, appendix C. Raises BadRequest when the points
    coincide.
    """
    points = np.asarray(points, np.float64)
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    across, down = points[1] - points[0], mouth - eyes
    direction = across + np.array([down[1], -down[0]])
    half = max(2.0 * np.hypot(*across), 1.8 * np.hypot(*down))
    if not np.hypot(*direction) > 1e-6 or not half > 1e-6:
        raise BadRequest("The face's points coincide; expected eyes and mouth at different places.")
    return square_crop(eyes + 0.1 * down, 2 * half, float(np.arctan2(direction[1], direction[0])), size)


def face_window(face: Face, shape: tuple[int, ...], size: int) -> np.ndarray:
    """The matrix of the square that parsers trained on CelebA-HQ want to see, to `size` pixels.

    A photo of `shape` that already is such an aligned crop is taken whole, so that it is not resampled askew.
    """
    matrix = celeba_quad(face.points, size)
    return stretch(shape, size) if aligned(matrix, shape, size) else matrix


def aligned(matrix: np.ndarray, shape: tuple[int, ...], size: int, tolerance: float = ALIGNED) -> bool:
    """Whether the square that `matrix` takes out of a photo of `shape` is about the whole photo.

    tolerance: how far the corners may lie apart, in sides of the photo.
    """
    height, width = shape[:2]
    if abs(height - width) > 0.05 * max(height, width):
        return False
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float64)
    apart = apply(invert(matrix), corners * size - 0.5) - (corners * (width, height) - 0.5)
    return bool(np.abs(apart).max() <= tolerance * max(height, width))


def turn(pose: Pose) -> np.ndarray:
    """The (3, 3) rotation of a head: from its own axes (x to the image's right, y down, z away from the camera) to the
    photo's."""
    y, p, r = np.radians([pose.yaw, pose.pitch, pose.roll])
    yaw = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    pitch = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    roll = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return yaw @ pitch @ roll


def pose_of(rotation: np.ndarray) -> Pose:
    """The head pose of a (3, 3) rotation; the way back from `turn`."""
    return Pose(
        yaw=float(np.degrees(np.arctan2(-rotation[0, 2], rotation[2, 2]))),
        pitch=float(np.degrees(np.arcsin(np.clip(rotation[1, 2], -1, 1)))),
        roll=float(np.degrees(np.arctan2(rotation[1, 0], rotation[1, 1]))),
    )


def face_unit(face: Face) -> float:
    """The distance between the eyes in photo pixels; for profiles, whose eyes draw together, 0.87 of that from eyes to
    mouth."""
    points = face.points.astype(np.float64)
    across, down = points[1] - points[0], points[3:].mean(0) - points[:2].mean(0)
    return max(float(np.hypot(*across)), 0.87 * float(np.hypot(*down)))
