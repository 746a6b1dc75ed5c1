"""A threshold for a recogniser that came without one: from photos of people who are known, a folder per person.

Knows no screen. The file it writes belongs to the person whose data folder it lies in; ours are shipped.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from workbench.batch import write_atomically
from workbench.errors import BadRequest, WorkbenchError
from workbench.images import decode
from workbench.metrics.pairs import pairs
from workbench.metrics.roc import threshold_at_far
from workbench.settings import Settings
from workbench.tasks.detection import find_faces
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.recognition import FaceRecogniser, embed, similarities
from workbench.thresholds import Metric, own_file

FAR = 0.01
LEAST = 1000
"""Pairs of different people; fewer say too little about one in a hundred."""
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".heic")


@dataclass(frozen=True, slots=True)
class Calibration:
    """threshold: in the metric's own unit, where `far` of `pairs` pairs of different people are taken for one."""

    threshold: float
    far: float
    pairs: int
    people: int


def vectors_of(
    folder: Path,
    finder: FaceFinder,
    models: Mapping[str, FaceRecogniser],
    settings: Settings,
    tell: Callable[[str], None] = lambda words: None,
) -> tuple[list[str], dict[str, np.ndarray]]:
    """The name of each photo's person and, by model, (n, d) vectors. folder: a folder per person, its name theirs.

    Of several faces in a photo the largest counts; photos without one are told and left out. Raises BadRequest for a
    folder without photos of two people.
    """
    names: list[str] = []
    found: dict[str, list[np.ndarray]] = {name: [] for name in models}
    for path in sorted(path for path in folder.glob("*/*") if path.suffix.lower() in SUFFIXES):
        try:
            photo = decode(path, settings)
            face = max(find_faces(photo, finder), key=lambda face: float(np.prod(face.box[2:] - face.box[:2])))
            here = {name: embed(photo, face, model).vector for name, model in models.items()}
        except (WorkbenchError, ValueError) as error:
            tell(f"{path.parent.name}/{path.name}: left out, {error or 'no face'}")
            continue
        names.append(path.parent.name)
        for name, vector in here.items():
            found[name].append(vector)
    if len(set(names)) < 2:
        raise BadRequest(f"{folder.name}: expected a folder per person with photos of at least two people, found none.")
    return names, {name: np.array(rows) for name, rows in found.items()}


def calibrate(names: list[str], vectors: np.ndarray, metric: Metric) -> Calibration:
    """The threshold at FAR 1 % over all pairs. Raises BadRequest for fewer than a thousand pairs of two people."""
    first, second, same = pairs(names)
    strangers = int((~same).sum())
    if strangers < LEAST:
        raise BadRequest(
            f"Expected at least {LEAST} pairs of different people to find one in a hundred, got {strangers}. "
            f"Forty-six people, one of them with two photos, are enough."
        )
    scores = similarities(vectors[first], vectors[second], metric)
    found = threshold_at_far(scores, same, FAR)
    return Calibration(float(metric.similarity(found)), FAR, strangers, len(set(names)))


def keep(model_id: str, found: Calibration, settings: Settings) -> Path:
    """Write it into the person's own file, beside those of other models. Returns the file."""
    path = own_file(settings.data)
    known = json.loads(path.read_text()) if path.is_file() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(known | {model_id: asdict(found)}, indent=1).encode())
    return path
