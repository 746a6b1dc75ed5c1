"""The faces of one picture of a clip: a quick look at every picture, a thorough one at every twelfth.

Quick is one look at the whole picture (YuNet); thorough is the search of a photo, closer and turned, which also finds
what lies on its side, fills the picture, or is half covered. Faint candidates are kept: a track may need them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.detections import Detections, join, overlap
from workbench.errors import ManyFaces
from workbench.images import shrink
from workbench.tasks.detection import MOUTH
from workbench.tasks.face_search import FaceFinder, search
from workbench.values import Face

QUICK = "yunet"
"""The finder that sees a whole picture in one look."""
FAINT, FIRM = 0.15, 0.4
"""Scores from which a candidate may belong to a track, and from which it is a face by itself."""
EVERY = 12
"""Pictures between two thorough looks."""
LEAST, MOST = 960, 2048
"""The longer side that is looked at quickly: three quarters of the picture's, within these."""
SAME = 0.4
"""Intersection over union from which two candidates are one face."""


@dataclass(frozen=True, slots=True, eq=False)
class Eyes:
    """Who looks. quick: sees a whole picture in one look. thorough: is searched with, as for a photo; None: never."""

    quick: FaceFinder
    thorough: FaceFinder | None = None
    every: int = EVERY

    def look(self, image: np.ndarray, number: int) -> Detections:
        """The candidates of a clip's picture of this number, from `FAINT` on, in its pixels."""
        found = [quick_look(image, self.quick, FAINT)]
        if self.thorough is not None and number % self.every == 0:
            found.append(thorough_look(image, self.thorough))
        return merged(found)


def quick_look(image: np.ndarray, finder: FaceFinder, threshold: float) -> Detections:
    """One look at the whole picture, and one from far away for faces that fill it."""
    side = min(MOST, max(LEAST, max(image.shape[:2]) * 3 // 4))
    near, far = shrink(image, side), shrink(image, side // 4)
    looks = [
        finder.detect(small, threshold).moved(1 / scale, (0.5 / scale - 0.5,) * 2)
        if scale < 1
        else finder.detect(small, threshold)
        for small, scale in (near, far)
    ]
    large = (looks[1].boxes[:, 2:] - looks[1].boxes[:, :2]).max(axis=1, initial=0) > 0.25 * max(image.shape[:2])
    return merged([looks[0], looks[1].take(np.flatnonzero(large))])


def thorough_look(image: np.ndarray, finder: FaceFinder) -> Detections:
    """What the search of a photo finds; in a picture of thousands of faces nothing."""
    try:
        found = search(image, finder)
    except ManyFaces:
        return join([])
    return join(
        [
            Detections(
                face.box[None].astype(np.float32),
                face.keypoints[None].astype(np.float32),
                np.full(1, face.score, np.float32),
            )
            for face in found
        ]
    )


def merged(looks: Sequence[Detections]) -> Detections:
    """All candidates of several looks, each face once: the surest sighting of it."""
    rest = join(list(looks))
    kept: list[int] = []
    for place in np.argsort(-rest.scores, kind="stable"):
        if not kept or overlap(rest.boxes[place], rest.boxes[kept]).max() < SAME:
            kept.append(int(place))
    return rest.take(np.array(kept, int))


def face_of(box: np.ndarray, keypoints: np.ndarray, score: float) -> Face:
    """A face without landmarks. box: (4,). keypoints: (6, 2) as in `Detections`."""
    eyes, nose, mouth = keypoints[:2], keypoints[2], keypoints[3]
    half = MOUTH * (eyes[1] - eyes[0])
    points = np.stack([eyes[0], eyes[1], nose, mouth - half, mouth + half])
    return Face(box.astype(np.float32), points.astype(np.float32), float(score))
