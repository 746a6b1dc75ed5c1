"""The faces of a folder as one value: where each is, its vector, and a small picture of it.

Knows no model: vectors are numbers here, compared as their recogniser says.
"""

import base64
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from workbench.errors import BadRequest
from workbench.thresholds import Metric

SIDE = 112
"""Pixels of a face's small picture, laid on its recogniser's template."""
_CHUNK = 512


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """Faces of photos, in the order of their photos.

    photos: (n,) names below the folder. boxes: (n, 4) left, top, right, bottom in pixels of the photo. vectors: (n, d)
    float32. metric: how they are compared. threshold: of one person, in the metric's own unit; None when nobody
    calibrated it. pictures: (n,) small JPEGs. failed: (photo, why) that gave no face.
    """

    photos: tuple[str, ...]
    boxes: np.ndarray
    vectors: np.ndarray
    metric: Metric
    threshold: float | None
    model: str
    pictures: tuple[bytes, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "metric", Metric.of(self.metric))
        n = len(self.photos)
        if self.boxes.shape != (n, 4) or self.vectors.ndim != 2 or len(self.vectors) != n:
            raise BadRequest(f"Faces: expected {n} boxes and vectors, got {self.boxes.shape} and {self.vectors.shape}.")
        if not np.isfinite(self.vectors).all():
            raise BadRequest("Faces: a vector holds numbers that are not finite.")

    def __len__(self) -> int:
        return len(self.photos)

    @property
    def places(self) -> np.ndarray:
        """(n, d) float32 points whose plain distance orders faces as the recogniser does: for the cosine on the unit
        sphere."""
        return on_sphere(self.vectors, self.metric)

    @property
    def reach(self) -> float | None:
        """The threshold as a plain distance of `places`."""
        return None if self.threshold is None else as_distance(self.threshold, self.metric)

    def only(self, rows: np.ndarray) -> "Faces":
        """The faces of these numbers, in this order."""
        chosen = [int(row) for row in rows]
        return Faces(
            tuple(self.photos[i] for i in chosen),
            self.boxes[chosen],
            self.vectors[chosen],
            self.metric,
            self.threshold,
            self.model,
            tuple(self.pictures[i] for i in chosen) if self.pictures else (),
            self.failed,
        )


def names(faces: Faces) -> tuple[str, ...]:
    """(n,) every face's name: its photo's, and where the photo has several, its number there, counted from 1."""
    count: dict[str, int] = {}
    for photo in faces.photos:
        count[photo] = count.get(photo, 0) + 1
    seen: dict[str, int] = {}
    found = []
    for photo in faces.photos:
        seen[photo] = seen.get(photo, 0) + 1
        found.append(photo if count[photo] == 1 else f"{photo}#{seen[photo]}")
    return tuple(found)


def on_sphere(vectors: np.ndarray, metric: Metric) -> np.ndarray:
    """(n, d) float32 points whose plain distance is monotone in the metric: 2 − 2 cos = distance²."""
    found = np.asarray(vectors, np.float32)
    if metric is Metric.L2:
        return found
    scaled: np.ndarray = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
    return scaled


def as_distance(score: float, metric: Metric) -> float:
    """A score in the metric's own unit as a plain distance of `places`."""
    return float(np.sqrt(max(2 - 2 * score, 0.0))) if metric is Metric.COSINE else float(score)


def as_score(distance: float, metric: Metric) -> float:
    """The way back."""
    return 1 - distance * distance / 2 if metric is Metric.COSINE else float(distance)


def distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n, m) float32 plain distances."""
    squares = (first**2).sum(1)[:, None] + (second**2).sum(1)[None] - 2 * first @ second.T
    found: np.ndarray = np.sqrt(np.maximum(squares, 0.0))
    return found


def nearest(points: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, k) the nearest points of each, itself first, and their distances; in pieces, so that memory grows with n."""
    k = min(k, len(points))
    order, far = np.empty((len(points), k), np.int64), np.empty((len(points), k), np.float32)
    for start in range(0, len(points), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(points)))
        there = distances(points[rows], points)
        there[np.arange(len(rows)), rows] = -1.0  # itself first, also among copies
        chosen = np.argpartition(there, k - 1, axis=1)[:, :k]
        by = np.take_along_axis(there, chosen, 1)
        sorting = np.lexsort((chosen, by), axis=1)
        order[rows] = np.take_along_axis(chosen, sorting, 1)
        far[rows] = np.maximum(np.take_along_axis(by, sorting, 1), 0.0)
    return order, far


def from_rows(rows: Iterable[Mapping[str, Any]], model: str, metric: Metric, threshold: float | None) -> Faces:
    """Faces from the rows of the step `people`. Raises BadRequest where no photo shows a face that can be compared."""
    photos, boxes, vectors, pictures, failed = [], [], [], [], []
    for row in rows:
        if row.get("error"):
            failed.append((str(row["file"]), str(row["error"])))
            continue
        photos.append(str(row["file"]))
        boxes.append([float(row[side]) for side in ("left", "top", "right", "bottom")])
        vectors.append(np.frombuffer(base64.b64decode(str(row["embedding"])), "<f4"))
        pictures.append(base64.b64decode(str(row["picture"])))
    if not photos:
        why = f" {failed[0][0]}: {failed[0][1]}" if failed else ""
        raise BadRequest(f"No photo shows a face that can be compared.{why}")
    return Faces(
        tuple(photos),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.stack(vectors).astype(np.float32),
        metric,
        threshold,
        model,
        tuple(pictures),
        tuple(failed),
    )


def picture(chip: np.ndarray) -> bytes:
    """A face's chip as a small JPEG."""
    stream = io.BytesIO()
    Image.fromarray(chip).resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(stream, "JPEG", quality=85)
    return stream.getvalue()
