"""Reads a saved photo as a stranger would: decode, find the face again, align again, score again.

Every figure that is shown comes from here and from nothing else: never from the canvas the search worked on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from PIL import Image

from workbench import images
from workbench.detections import overlap
from workbench.tasks.detection import find_faces
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.recognition import FaceRecogniser, embed, score
from workbench.values import Embedding, Face, Reading

OVERLAP = 0.3
"""Intersection over union from which a found face counts as the one that was protected."""

Treatment = Callable[[np.ndarray], np.ndarray]


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """The photo after being saved as JPEG and opened again."""
    return opened(images.encode_jpeg(image, quality))


def opened(data: bytes) -> np.ndarray:
    """The pixels of a JPEG that was made here."""
    return np.array(Image.open(BytesIO(data)).convert("RGB"))


def resized(image: np.ndarray, scale: float, way: int = cv2.INTER_AREA) -> np.ndarray:
    """The photo at another size."""
    size = max(8, round(image.shape[1] * scale)), max(8, round(image.shape[0] * scale))
    made: np.ndarray = cv2.resize(image, size, interpolation=way)
    return made


def screenshot(image: np.ndarray) -> np.ndarray:
    """The photo as shown on a screen at three quarters of its size and captured there: resampled and compressed."""
    return jpeg(resized(image, 0.75, cv2.INTER_LINEAR), 85)


def blurred(image: np.ndarray) -> np.ndarray:
    """The photo blurred by a two hundredth of its shorter side."""
    made: np.ndarray = cv2.GaussianBlur(image, (0, 0), max(0.5, min(image.shape[:2]) / 200))
    return made


TREATMENTS: Mapping[str, Treatment] = {
    "JPEG 75": lambda image: jpeg(image, 75),
    "half size": lambda image: resized(image, 0.5),
    "blur": blurred,
    "screenshot": screenshot,
}
"""What is done to a saved photo before it is scored again, by name."""


def find_again(image: np.ndarray, where: np.ndarray, finder: FaceFinder) -> Face | None:
    """The face with landmarks that lies where one was; where: its box (4,) in this picture's pixels. None: not found
    again."""
    return nearest(find_faces(image, finder), where)


def nearest(found: Sequence[Face], where: np.ndarray) -> Face | None:
    """Of faces that were found, the one with landmarks that lies where one was; None: none does."""
    faces = [face for face in found if face.mesh is not None]
    if not faces:
        return None
    shared = overlap(where, np.stack([face.box for face in faces]))
    return faces[int(shared.argmax())] if shared.max() >= OVERLAP else None


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """Scores pictures of one face against one other face, by every recogniser that is asked.

    box: (4,) of the face in the original photo of `size` (width, height). others: the vector it is compared with, by
    model id.
    """

    models: Sequence[FaceRecogniser]
    finder: FaceFinder
    box: np.ndarray
    size: tuple[int, int]
    others: Mapping[str, Embedding]

    def scores(self, image: np.ndarray) -> dict[str, float] | None:
        """By model id, the score of this picture's face; None when the face is not found again."""
        scale = np.array([image.shape[1] / self.size[0], image.shape[0] / self.size[1]] * 2)
        face = find_again(image, self.box * scale, self.finder)
        if face is None:
            return None
        return {name(model): score(embed(image, face, model), self.others[name(model)]) for model in self.models}

    def readings(
        self, before: np.ndarray, data: bytes, judges: Sequence[str], treatments: Mapping[str, Treatment] = TREATMENTS
    ) -> tuple[Reading, ...]:
        """What every recogniser says of the saved file `data`; judges: ids of those the search never saw."""
        return self.read(before, opened(data), judges, treatments)

    def read(
        self,
        before: np.ndarray,
        saved: np.ndarray,
        judges: Sequence[str],
        treatments: Mapping[str, Treatment] = TREATMENTS,
    ) -> tuple[Reading, ...]:
        """The same of the pixels of a saved file."""
        clean, now = self.scores(before), self.scores(saved)
        survived = {kind: self.scores(treat(saved)) for kind, treat in treatments.items()}
        return tuple(self._reading(model, clean, now, survived, judges) for model in self.models)

    def _reading(
        self,
        model: Any,
        clean: dict[str, float] | None,
        now: dict[str, float] | None,
        survived: Mapping[str, dict[str, float] | None],
        judges: Sequence[str],
    ) -> Reading:
        known = name(model)
        return Reading(
            model=known,
            role="judge" if known in judges else "surrogate",
            metric=model.metric,
            threshold=float(model.threshold),
            before=(clean or {}).get(known, float("nan")),
            after=None if now is None else now[known],
            survival={kind: None if scores is None else scores[known] for kind, scores in survived.items()},
        )


def name(model: Any) -> str:
    """A recogniser's id."""
    known: str = model.spec.id
    return known


def vectors(image: np.ndarray, face: Face, models: Sequence[FaceRecogniser]) -> dict[str, Embedding]:
    """By model id, the vector of one face."""
    return {name(model): embed(image, face, model) for model in models}
