"""Looks over a photo until its faces are found: first the whole, then closer and turned, only as far as that seems
useful.

A candidate counts when the mesh network agrees that it is a face. Knows nothing of poses or of who is asking.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from workbench.detections import Detections, blend, join, overlap
from workbench.errors import ManyFaces
from workbench.images import shrink
from workbench.mesh import Mesh
from workbench.watch import look

WINDOW = 256
"""What the back detector sees at once, in pixels."""

CLOSER = (512, 1024, 2048, 4096)
"""The longer sides a photo is brought to for closer looks through windows, in pixels; none is larger than the photo."""

FARTHEST = 2048
"""A photo in which nothing was found yet is looked at this closely, and not more: it most likely holds no face."""

SMALL = 26
"""A face of fewer pixels than this in one look calls for the next, closer one: others may be smaller still."""

POSSIBLE, LIKELY = 0.3, 0.5
"""Detector scores that are worth a mesh: of the possible ones the mesh must be beyond doubt."""

FIRM = 0.9999
"""A mesh score beyond doubt. Real faces that fit score more; the tip of a rocket scored 0.9996."""

CROWD = 8
"""As many faces in one look call for one more, closer one: a face or two in a crowd may have been too faint."""

MOST = 2000
"""Faces of one photo; more are refused in words, never left out: one request must not keep a server for an hour."""

TURNS = tuple(np.radians(angle) for angle in (90, -90, 180, 45, -45, 135, -135))


@dataclass(frozen=True, slots=True)
class Bar:
    """What a look's likely candidates must reach. The more candidates a look brings, the higher it is.

    mesh: score of the mesh. certain: detector score that needs no mesh (a profile, a mask); above 1: none does.
    """

    mesh: float
    certain: float


WHOLE, CLOSER_OR_TURNED = Bar(mesh=0.5, certain=0.75), Bar(mesh=0.9, certain=2)


class FaceFinder(Protocol):
    """What the search needs of a detector."""

    def detect(self, image: np.ndarray, threshold: float = 0.5) -> Detections:
        """Candidates of the whole picture, best first."""

    def glance(self, image: np.ndarray, threshold: float = 0.5) -> Detections:
        """Candidates of a window."""

    def outline(self, image: np.ndarray, box: np.ndarray, keypoints: np.ndarray, turn: float = 0.0) -> Mesh:
        """The mesh of one candidate, without irises."""

    def refine(self, image: np.ndarray, mesh: Mesh) -> Mesh:
        """The mesh with irises."""


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A face that was found. box: (4,), around its mesh where there is one. keypoints: (6, 2) of the detector. own:
    (4,), the detector's box."""

    box: np.ndarray
    keypoints: np.ndarray
    score: float
    mesh: Mesh | None
    own: np.ndarray | None = None

    @property
    def size(self) -> float:
        """The longer side of the box."""
        return float((self.box[2:] - self.box[:2]).max())

    @property
    def lies(self) -> bool:
        """Whether its eyes are far from level: then other faces may be turned too."""
        if self.mesh is None:
            return False
        across, down = self.mesh.points[263, :2] - self.mesh.points[33, :2]
        return bool(abs(np.arctan2(down, across)) > np.radians(50))


def search(image: np.ndarray, finder: FaceFinder) -> list[Sighting]:
    """Every face of the photo, in no particular order. Raises ManyFaces for more than 2,000."""
    found = _looked(image, finder, finder.detect(image, POSSIBLE), [], WHOLE)
    if not found:
        found = _looked(image, finder, _framed(image, finder), [], WHOLE)
    if not found or any(face.lies for face in found):
        found = _looked(image, finder, _turned(image, finder), found, CLOSER_OR_TURNED)
    return _closer(image, finder, found)


def _closer(image: np.ndarray, finder: FaceFinder, found: list[Sighting]) -> list[Sighting]:
    """What closer looks add. Their number of windows grows with the square of the side that small faces call for."""
    longest, seen_at, once_more = max(image.shape[:2]), WINDOW, True
    for side in _sides(longest):
        if not found and side > FARTHEST:
            break
        if not _may_hide_more(found, seen_at / longest):
            if len(found) < CROWD or not once_more:
                break
            once_more = False
        found = _looked(image, finder, _through_windows(image, finder, side), found, CLOSER_OR_TURNED)
        seen_at = side
    return found


def _sides(longest: int) -> Iterator[int]:
    """The sides of closer looks at a photo: those that are smaller, and the photo's own where it is not far above."""
    smaller = [side for side in CLOSER if side <= longest]
    own = [longest] if longest < CLOSER[-1] and longest > 1.25 * (smaller[-1] if smaller else WINDOW) else []
    return iter([*smaller, *own])


def _may_hide_more(found: list[Sighting], scale: float) -> bool:
    return not found or min(face.size for face in found) * scale < SMALL


def _framed(image: np.ndarray, finder: FaceFinder) -> Detections:
    """Candidates of the photo in a wide frame, for faces that fill it."""
    small, scale = shrink(image, 2 * WINDOW)
    edge = max(small.shape) // 4
    framed = cv2.copyMakeBorder(small, edge, edge, edge, edge, cv2.BORDER_CONSTANT)
    return finder.glance(framed, POSSIBLE).moved(1, (-edge, -edge)).moved(1 / scale, (0.5 / scale - 0.5,) * 2)


def _turned(image: np.ndarray, finder: FaceFinder) -> Detections:
    """Candidates of the photo turned by quarters."""
    small, scale = shrink(image, 2 * WINDOW)
    looks = [
        _turned_back(finder.glance(np.ascontiguousarray(np.rot90(small, quarters)), LIKELY), quarters, small.shape[:2])
        for quarters in (1, 2, 3)
    ]
    return blend(join(looks)).moved(1 / scale, (0.5 / scale - 0.5,) * 2)


def _turned_back(found: Detections, quarters: int, shape: tuple[int, ...]) -> Detections:
    """Detections of np.rot90(photo, quarters) in the photo's own pixels. shape: (height, width) of the photo."""
    height, width = shape
    points = np.concatenate([found.boxes.reshape(-1, 2, 2), found.keypoints], axis=1)
    x, y = points[..., 0], points[..., 1]
    back = {1: (width - 1 - y, x), 2: (width - 1 - x, height - 1 - y), 3: (y, height - 1 - x)}[quarters]
    points = np.stack(back, axis=-1)
    boxes = np.concatenate([points[:, :2].min(axis=1), points[:, :2].max(axis=1)], axis=1)
    return Detections(boxes, points[:, 2:], found.scores)


def _through_windows(image: np.ndarray, finder: FaceFinder, side: int) -> Detections:
    """Candidates of the photo brought to `side`, seen through overlapping windows."""
    small, scale = shrink(image, side)
    looks = []
    for top in _starts(small.shape[0]):
        for left in _starts(small.shape[1]):
            look()
            seen = finder.glance(small[top : top + WINDOW, left : left + WINDOW], POSSIBLE)
            looks.append(seen.moved(1, (left, top)))
    return blend(join(looks).moved(1 / scale, (0.5 / scale - 0.5,) * 2))


def _starts(length: int) -> Iterator[int]:
    """Where windows begin so that neighbours share at least a quarter and the last ends at the edge."""
    count = max(1, -(-(length - WINDOW) // (WINDOW * 3 // 4)) + 1)
    return (round(step * max(length - WINDOW, 0) / max(count - 1, 1)) for step in range(count))


def _looked(
    image: np.ndarray, finder: FaceFinder, candidates: Detections, known: list[Sighting], bar: Bar
) -> list[Sighting]:
    """The known faces and the candidates that are faces too. Of two sightings of one face the surer counts."""
    faces = list(known)
    for index in range(len(candidates)):
        look()
        box, keypoints, score = candidates.boxes[index], candidates.keypoints[index], float(candidates.scores[index])
        if any(face.score >= score for face in _covering(box, faces)):
            continue
        face = _confirm(image, finder, box, keypoints, score, bar)
        if face is not None:
            rivals = _covering(face.box, faces)
            if all(rival.score < score for rival in rivals):
                faces = [*(other for other in faces if other not in rivals), face]
        if len(faces) > MOST:
            raise ManyFaces(
                f"Expected at most {MOST:,} faces in a photo, found more. Cut it in pieces.", count=len(faces)
            )
    return faces


def _confirm(
    image: np.ndarray, finder: FaceFinder, box: np.ndarray, keypoints: np.ndarray, score: float, bar: Bar
) -> Sighting | None:
    mesh = finder.outline(image, box, keypoints)
    if (
        score >= LIKELY and mesh.score < FIRM
    ):  # the keypoints of a face upside down are wrong, and its mesh may half fit
        mesh = _turned_mesh(image, finder, box, keypoints) or mesh
    if mesh.score >= (bar.mesh if score >= LIKELY else FIRM):
        flat = mesh.points[:, :2]
        return Sighting(np.concatenate([flat.min(axis=0), flat.max(axis=0)]), keypoints, score, mesh, box)
    return Sighting(box, keypoints, score, None, box) if score >= bar.certain else None


def _turned_mesh(image: np.ndarray, finder: FaceFinder, box: np.ndarray, keypoints: np.ndarray) -> Mesh | None:
    """The first mesh beyond doubt among crops turned otherwise than the keypoints say."""
    meshes = (finder.outline(image, box, keypoints, turn) for turn in TURNS)
    return next((mesh for mesh in meshes if mesh.score >= FIRM), None)


def _covering(box: np.ndarray, faces: list[Sighting]) -> list[Sighting]:
    """The faces that the box is another sighting of: much the same as theirs, or mostly inside it, or around it."""
    if not faces:
        return []
    boxes = np.stack([face.box for face in faces])
    shared = np.clip(np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]), 0, None).prod(axis=1)
    smaller = np.minimum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), (box[2:] - box[:2]).prod())
    same = (overlap(box, boxes) >= 0.4) | (shared >= 0.6 * smaller)
    return [face for face, is_same in zip(faces, same, strict=True) if is_same]
