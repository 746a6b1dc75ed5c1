"""Photos in, photos out, and the geometry between a photo and its crops. Pixels and matrices only: knows nothing of models.

A matrix is (2, 3) float64 and takes photo points (x, y), with (0, 0) the centre of the top-left pixel, to crop points.
"""

import cv2
import numpy as np

BORDERS = {"replicate": cv2.BORDER_REPLICATE, "black": cv2.BORDER_CONSTANT, "reflect": cv2.BORDER_REFLECT_101}


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (..., 2) taken through a (2, 3) matrix."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def invert(matrix: np.ndarray) -> np.ndarray:
    """The (2, 3) matrix of the way back."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.concatenate([linear, -linear @ matrix[:, 2:]], axis=1)


def compose(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The (2, 3) matrix that does `first`, then `second`."""
    return np.concatenate([second[:, :2] @ first[:, :2], second[:, :2] @ first[:, 2:] + second[:, 2:]], axis=1)


def square_crop(centre: np.ndarray, side: float, angle: float, size: int) -> np.ndarray:
    """The matrix of a square crop: `side` photo pixels around `centre`, turned `angle` radians clockwise, to `size` pixels."""
    cos, sin = np.cos(angle) * size / side, np.sin(angle) * size / side
    linear = np.array([[cos, sin], [-sin, cos]])
    middle = np.full(2, (size - 1) / 2)
    return np.concatenate([linear, (middle - linear @ np.asarray(centre, np.float64))[:, None]], axis=1)


def warp(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], border: str = "replicate") -> np.ndarray:
    """The crop of `size` (width, height) that `matrix` takes out of the image, bilinear.

    Where the crop shrinks the photo more than twofold, its part of the photo is averaged down first, so that nothing
    aliases. border: what lies outside the photo: "replicate", "black" or "reflect".
    """
    factor = int(1 / np.sqrt(max(abs(np.linalg.det(matrix[:, :2])), 1e-12)))
    if factor >= 2:
        image, matrix = _averaged(image, matrix, size, factor)
    return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=BORDERS[border])


def _averaged(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], factor: int) -> tuple[np.ndarray, np.ndarray]:
    """The part of the image under the crop, `factor` times smaller, and the matrix from there to the crop."""
    height, width = image.shape[:2]
    corners = apply(invert(matrix), np.array([[0, 0], [size[0], 0], [0, size[1]], size], np.float64))
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int) - factor, 0, (max(width - factor, 0), max(height - factor, 0)))
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 2 * factor, (left + 1, top + 1), (width, height))
    columns, rows = (right - left) // factor, (bottom - top) // factor
    if not columns or not rows:
        return image, matrix
    part = image[top : top + rows * factor, left : left + columns * factor]
    back = np.array([[factor, 0, left + (factor - 1) / 2], [0, factor, top + (factor - 1) / 2]], np.float64)
    return cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA), compose(matrix, back)
