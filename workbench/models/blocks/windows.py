"""Which square of the photo each face network wants to see: from a face's points to the matrix photo → chip.

A window is a function from a Face to a (2, 3) matrix, as `geometry` defines it. Geometry only: no pixels, no networks.
"""

from collections.abc import Callable

import numpy as np

from workbench.errors import BadRequest
from workbench.geometry import ARCFACE_112, DLIB_MEAN, DLIB_POINTS, face_unit, similarity, square_crop
from workbench.values import Face

Window = Callable[[Face], np.ndarray]
"""From a face to the matrix that takes photo points to chip points."""


def arcface(size: int = 112, margin: float = 1.0) -> Window:
    """The ArcFace template in a chip of `size` pixels; margin 1.25 shows a quarter more on every side."""
    middle = (ARCFACE_112 - 56) / margin + 56
    template = middle * size / 112
    return lambda face: similarity(face.points, template)


def dlib_chip(size: int, padding: float) -> Window:
    """dlib's face chip: its mean face grown by `padding` on every side. Raises BadRequest for a face without
    landmarks."""
    template = (padding + DLIB_MEAN) / (2 * padding + 1) * size

    def window(face: Face) -> np.ndarray:
        if face.mesh is None:
            raise BadRequest(
                "This model aligns by eye corners: expected a face with landmarks, got one without. Use a sharper photo."  # noqa: E501
            )
        return similarity(face.mesh[list(DLIB_POINTS), :2], template)

    return window


def upright_square(size: int, width: float, drop: float = 0.11) -> Window:
    """A square turned upright: `width` eye distances wide, its centre `drop` of that below the eyes.

    For profiles the eye distance shrinks; then 0.87 of the distance from eyes to mouth stands in. Width 2.45 and drop
    0.11 give about the square that OpenCV's frontal face cascade draws.
    """

    def window(face: Face) -> np.ndarray:
        points = face.points.astype(np.float64)
        eyes, mouth = points[:2].mean(0), points[3:].mean(0)
        across, down = points[1] - points[0], mouth - eyes
        direction = across + np.array([down[1], -down[0]])
        length = float(np.hypot(*direction))
        if not length > 1e-6:
            raise BadRequest("The face's points coincide; expected eyes and mouth at different places.")
        direction /= length
        side = width * max(float(np.hypot(*across)), 0.87 * float(np.hypot(*down)))
        centre = eyes + drop * side * np.array([-direction[1], direction[0]])
        return square_crop(centre, side, float(np.arctan2(direction[1], direction[0])), size)

    return window


def eyes_and_mouth(size: int, row: float, down: float) -> Window:
    """A square turned until the eyes lie level: their middle in the middle column of row `row`, the mouth `down` rows
    below it.

    Raises BadRequest for a face whose points coincide or whose mouth is not below its eyes.
    """

    def window(face: Face) -> np.ndarray:
        points = face.points.astype(np.float64)
        eyes, mouth = points[:2].mean(0), points[3:].mean(0)
        angle = float(np.arctan2(*(points[1] - points[0])[::-1]))
        below = np.array([-np.sin(angle), np.cos(angle)])
        length = float((mouth - eyes) @ below)
        if not length > 1e-6:
            raise BadRequest("The mouth is not below the eyes; expected a face seen from in front.")
        side = size * length / down
        centre = eyes + ((size - 1) / 2 - row) * length / down * below
        return square_crop(centre, side, angle, size)

    return window


def mtcnn_box(size: int, grow: float = 1.0) -> Window:
    """The upright box MTCNN draws around a face, stretched to a square of `size` pixels, as FaceNet saw its faces.

    grow: how much wider and higher than that box, around its centre.

    A face that MTCNN found has its box, cut as facenet-pytorch cuts it: whole pixels, none left of or above the photo.
    For any other face it is guessed from the points, as fitted to MTCNN's boxes on 147 photos: intersection over union
    0.86 in the median, 0.68 at the 5th percentile.
    """

    def window(face: Face) -> np.ndarray:
        if face.mtcnn is not None:
            return _stretched(np.trunc(np.maximum(face.mtcnn.astype(np.float64), 0)), size, grow)
        points, unit = face.points.astype(np.float64), face_unit(face)
        if not unit > 1e-6:
            raise BadRequest("The face's points coincide; expected eyes and mouth at different places.")
        middle = (points[:2].mean(0) + points[3:].mean(0)) / 2
        centre = middle + np.array([-1.26 * (points[2] - middle)[0], -0.17 * unit])
        across, down = size / (2.24 * grow * unit), size / (3.03 * grow * unit)
        shift = (size - 1) / 2 - centre * (across, down)
        return np.array([[across, 0, shift[0]], [0, down, shift[1]]])

    return window


def _stretched(box: np.ndarray, size: int, grow: float) -> np.ndarray:
    """The matrix of a box (left, top, right, bottom; edges of pixels), grown, to a square of `size` pixels."""
    middle, sides = (box[:2] + box[2:]) / 2, np.maximum(box[2:] - box[:2], 1) * grow
    share = size / sides
    shift = (size - 1) / 2 - (middle - 0.5) * share
    return np.array([[share[0], 0, shift[0]], [0, share[1], shift[1]]])
