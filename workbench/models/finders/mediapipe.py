"""BlazeFace, the 468-point face mesh and its iris refinement, run through LiteRT.

Bazarevsky et al., arXiv 1907.05047 (detector); Kartynnik et al., arXiv 1907.06724 (mesh); Ablavatski et al.,
arXiv 2006.11341 (iris). What a photo's faces are is decided in `tasks/detection.py`; here single pictures meet single
networks.
"""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from workbench.catalog.spec import ModelSpec
from workbench.detections import Detections, blend, join
from workbench.images import apply, compose, invert, shrink, square_crop, warp
from workbench.mesh import Mesh
from workbench.models.files.litert import Network, load_network
from workbench.models.finders import blazeface
from workbench.values import MESH_POINTS

MESH_SIDE, IRIS_SIDE = 192, 64
MESH_MARGIN, IRIS_MARGIN = 1.5, 2.3
"""Crop side over the detector's box, and over the distance between an eye's corners."""

# fmt: off
EYE_CONTOURS = (
    (
        33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173, 130, 25, 110, 24, 23, 22, 26, 112, 243, 247, 30, 29,  # noqa: E501
        27, 28, 56, 190, 226, 31, 228, 229, 230, 231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189, 35, 124, 46, 53, 52, 65, 143,  # noqa: E501
        111, 117, 118, 119, 120, 121, 128, 245, 156, 70, 63, 105, 66, 107, 55, 193,
    ),
    (
        263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398, 359, 255, 339, 254, 253, 252, 256, 341, 463, 467,  # noqa: E501
        260, 259, 257, 258, 286, 414, 446, 261, 448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442, 441, 413, 265, 353, 276, 283,  # noqa: E501
        282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465, 383, 300, 293, 334, 296, 336, 285, 417,
    ),
)
# fmt: on
"""The mesh points that the iris network's 71 points replace, in its order: lids, three rings around them, the brow."""

CORNERS = ((33, 133), (362, 263))
"""Each eye's corners in the mesh, from the image's left to its right."""


class _Detector:
    def __init__(self, path: Path, side: int, layers: tuple[tuple[int, int], ...]) -> None:
        self.side = side
        self._anchors = blazeface.anchors(side, layers)
        count = len(self._anchors)
        self._network = load_network(path, (1, side, side, 3), ((1, count, 16), (1, count, 1)))

    def outputs(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Regression (n, 16), logits (n,) and the scale from photo to input, for the image fitted into the top-left
        corner."""
        fitted, scale = _fitted(image, self.side)
        square = np.full((self.side, self.side, 3), -1, np.float32)
        square[: fitted.shape[0], : fitted.shape[1]] = fitted.astype(np.float32) / 127.5 - 1
        regression, logits = self._network(square[None])
        return regression[0], logits[0, :, 0], scale

    def __call__(self, image: np.ndarray, threshold: float) -> Detections:
        regression, logits, scale = self.outputs(image)
        found = blazeface.decode(regression, logits, self._anchors, self.side, threshold)
        return found.moved(1 / scale, (-0.5, -0.5))


class FaceFinder:
    """Candidates of a picture, and the mesh of one candidate."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        """files: `back` and `full` range detectors, `mesh`, `iris`. Raises BadWeights when one of them is another
        network."""
        self._back = _Detector(files["back"], 256, ((16, 2), (32, 6)))
        self._full = _Detector(files["full"], 192, ((4, 1),))
        self._mesh: Network = load_network(files["mesh"], (1, MESH_SIDE, MESH_SIDE, 3), ((1, 1, 1, 1404), (1, 1, 1, 1)))
        self._iris: Network = load_network(files["iris"], (1, IRIS_SIDE, IRIS_SIDE, 3), ((1, 213), (1, 15)))

    def detect(self, image: np.ndarray, threshold: float = 0.5) -> Detections:
        """Every candidate either detector sees in the whole picture, one per face, best first."""
        small, scale = _fitted(image, self._back.side)  # shrinking a large photo costs more than either network: once
        found = join([self._back(small, threshold), self._full(small, threshold)])
        return blend(found).moved(1 / scale, (0.5 / scale - 0.5,) * 2)

    def glance(self, image: np.ndarray, threshold: float = 0.5) -> Detections:
        """What the back detector alone sees, one per face, best first. It sees the smaller faces of the two."""
        return blend(self._back(image, threshold))

    def outline(self, image: np.ndarray, box: np.ndarray, keypoints: np.ndarray, turn: float = 0.0) -> Mesh:
        """The mesh, without irises, of the face in `box` (left, top, right, bottom).

        Its crop is upright by the eyes, the first two of `keypoints`, and turned on by `turn` radians. While the face
        turns out to sit otherwise in the crop, it is cropped again from its mesh, at most three times.
        """
        eyes = keypoints[1] - keypoints[0]
        crop = _face_crop((box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).max()), _angle(eyes) + turn)
        points, score = self._mesh_in(image, crop)
        for _ in range(3):
            again = _crop_of(points)
            if score < 0.5 or _apart(crop, again) <= 0.12:
                break
            crop = again
            points, score = self._mesh_in(image, crop)
        return Mesh(points, score)

    def refine(self, image: np.ndarray, mesh: Mesh) -> Mesh:
        """The same mesh with the irises and with the lids, eye rings and brows as the iris network sees them."""
        return Mesh(self._with_irises(image, mesh.points), mesh.score)

    def mesh(self, image: np.ndarray, box: np.ndarray, keypoints: np.ndarray) -> Mesh:
        """The whole mesh of one candidate: `outline`, then `refine`."""
        return self.refine(image, self.outline(image, box, keypoints))

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """What the four networks say of one picture, before any decoding.

        back_boxes (896, 16), back_logits (896,), full_boxes (2304, 16), full_logits (2304,): the picture fitted into
        the top-left corner of the input. mesh (468, 3), mesh_logit (1,), eye (71, 3), iris (5, 3): the picture
        stretched to the input.
        """
        back, full = self._back.outputs(image), self._full.outputs(image)
        mesh, logit = self._mesh(_unit(cv2.resize(image, (MESH_SIDE, MESH_SIDE), interpolation=cv2.INTER_AREA)))
        eye, iris = self._iris(_unit(cv2.resize(image, (IRIS_SIDE, IRIS_SIDE), interpolation=cv2.INTER_AREA)))
        named = {"back_boxes": back[0], "back_logits": back[1], "full_boxes": full[0], "full_logits": full[1]}
        return named | {
            "mesh": mesh.reshape(-1, 3),
            "mesh_logit": logit.ravel(),
            "eye": eye.reshape(-1, 3),
            "iris": iris.reshape(-1, 3),
        }

    def _mesh_in(self, image: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, float]:
        """468 points in photo pixels, and the face probability, of one crop."""
        output, logit = self._mesh(_unit(warp(image, matrix, (MESH_SIDE, MESH_SIDE))))
        points = output.reshape(-1, 3)
        flat = apply(invert(matrix), points[:, :2] - 0.5)
        depth = points[:, 2:] / np.sqrt(abs(np.linalg.det(matrix[:, :2])))
        return np.concatenate([flat, depth], axis=1), float(1 / (1 + np.exp(-logit.item())))

    def _with_irises(self, image: np.ndarray, points: np.ndarray) -> np.ndarray:
        """478 points: lids refined and irises added. An iris lies as deep as its eye's corners."""
        full = np.concatenate([points, np.zeros((MESH_POINTS - len(points), 3))])
        for side, (corners, contour) in enumerate(zip(CORNERS, EYE_CONTOURS, strict=True)):
            start, end = points[list(corners), :2]
            first = MESH_POINTS - 10 + 5 * side
            matrix = square_crop(
                (start + end) / 2, IRIS_MARGIN * max(_length(end - start), 1e-3), _angle(end - start), IRIS_SIDE
            )
            if side == 1:
                matrix = compose(np.array([[-1.0, 0, IRIS_SIDE - 1], [0, 1, 0]]), matrix)
            eye, iris = self._iris(_unit(warp(image, matrix, (IRIS_SIDE, IRIS_SIDE))))
            back = invert(matrix)
            full[list(contour), :2] = apply(back, eye.reshape(-1, 3)[:, :2] - 0.5)
            full[first : first + 5, :2] = apply(back, iris.reshape(-1, 3)[:, :2] - 0.5)
            full[first : first + 5, 2] = points[list(corners), 2].mean()
        return full.astype(np.float32)


def _fitted(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """The picture with its longer side brought to `side`, and the scale."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale <= 1:
        return shrink(image, side)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), scale


def _unit(crop: np.ndarray) -> np.ndarray:
    return (crop.astype(np.float32) / 255.0)[None]


def _length(vector: np.ndarray) -> float:
    return float(np.hypot(vector[0], vector[1]))


def _angle(vector: np.ndarray) -> float:
    return float(np.arctan2(vector[1], vector[0]))


def _face_crop(centre: np.ndarray, size: float, angle: float) -> np.ndarray:
    return square_crop(centre, max(size, 1e-3) * MESH_MARGIN, angle, MESH_SIDE)


def _crop_of(points: np.ndarray) -> np.ndarray:
    """The crop a mesh asks for: its own upright box, 1.5 times as large."""
    angle = _angle(points[263, :2] - points[33, :2])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    upright = points[:, :2] @ turn.T
    low, high = upright.min(axis=0), upright.max(axis=0)
    return _face_crop(turn.T @ ((low + high) / 2), float((high - low).max()), angle)


def _apart(first: np.ndarray, second: np.ndarray) -> float:
    """How far the corners of two crops lie apart at most, in sides of the first."""
    corners = np.array([[0, 0], [MESH_SIDE, 0], [0, MESH_SIDE], [MESH_SIDE, MESH_SIDE]], np.float64)
    moved = apply(compose(first, invert(second)), corners) - corners
    return float(np.hypot(moved[:, 0], moved[:, 1]).max()) / MESH_SIDE


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> FaceFinder:
    """The face finder. It runs on the processor whatever the device. Raises BadWeights for damaged files."""
    return FaceFinder(files)
