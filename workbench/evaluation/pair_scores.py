"""How alike recognisers find the pictures of a study's items: the scores that a report sets beside people's answers.

The one place where a study meets models; raters never see what comes out of it. Scores are kept in the data folder, one
file per study and recogniser, so that a picture is looked at once.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest, WorkbenchError
from workbench.images import decode
from workbench.labeling.study.items import inside
from workbench.labeling.study.study import Study
from workbench.settings import Settings
from workbench.tasks.detection import find_faces
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.recognition import FaceRecogniser, embed, similarity
from workbench.values import Embedding, Face

_KEPT = ["item", "first", "second", "score", "note"]


class Models(Protocol):
    """Where models are asked for: the workbench."""

    @property
    def settings(self) -> Settings:
        """How this process runs."""

    def specs(self, task: str) -> tuple[ModelSpec, ...]:
        """All rows of a task."""

    def spec(self, model_id: str, task: str = "") -> ModelSpec:
        """The row of this id."""

    def available(self, model_id: str) -> bool:
        """Whether its files are here."""

    def finder(self) -> FaceFinder:
        """The face finder."""

    def recogniser(self, model_id: str) -> FaceRecogniser:
        """The loaded recogniser."""


def recognisers(bench: Models) -> tuple[str, ...]:
    """Ids of the recognisers whose weights are here, default first."""
    return tuple(spec.id for spec in bench.specs("recognition") if bench.available(spec.id))


def score_items(
    study: Study,
    items: pd.DataFrame,
    models: Sequence[str],
    bench: Models,
    tell: Callable[[str], None] = lambda words: None,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A table with column item and one per recogniser, higher meaning more alike, NaN where a face was not found; and
    notes on those.

    items: as `Store.items` gives them, two pictures each. models: catalogue ids. tell: is told what happens, now and
    then. Of several faces in a picture the one nearest to its middle counts. Raises BadRequest for a study that shows
    other than two pictures, ModelMissing for a recogniser that is not on this machine.
    """
    if study.task.images != 2:
        raise BadRequest(f"Recognisers score pairs; study {study.name!r} shows {study.task.images} pictures at once.")
    table, notes = pd.DataFrame({"item": items["item"].astype(str)}), list[str]()
    faces: dict[str, tuple[np.ndarray, Face] | str] = {}
    for model_id in dict.fromkeys(models):
        bench.spec(model_id, "recognition")
        path = bench.settings.data / "scores" / f"{study.name}-{model_id}.csv"
        kept = _kept(path)
        known = set(zip(kept["item"], kept["first"], kept["second"], strict=True))
        new = [row for row in _pairs(items) if (row[0], row[1][1], row[2][1]) not in known]
        if new:
            tell(f"{model_id}: {len(new)} pairs")
            kept = pd.concat([kept, _scored(study, new, model_id, bench, faces)], ignore_index=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            kept.to_csv(path, index=False)
        now = pd.DataFrame([(item, first[1], second[1]) for item, first, second in _pairs(items)], columns=_KEPT[:3])
        found = now.merge(kept, on=_KEPT[:3], how="left")
        table[model_id] = found["score"].to_numpy(dtype=float)
        notes += [f"{model_id}, item {row.item}: {row.note}" for row in found.itertuples() if row.note]
    return table, tuple(notes)


def _pairs(items: pd.DataFrame) -> list[tuple[str, tuple[str, str], tuple[str, str]]]:
    return [
        (str(item), tuple(first), tuple(second))
        for item, (first, second) in zip(items["item"], items["pictures"], strict=True)
    ]


def _kept(path: Path) -> pd.DataFrame:
    if not path.is_file():
        return pd.DataFrame(columns=_KEPT)
    return pd.read_csv(
        path, dtype={name: str for name in _KEPT if name != "score"}, keep_default_na=False, na_values={"score": [""]}
    )


def _scored(
    study: Study,
    pairs: Sequence[tuple[str, tuple[str, str], tuple[str, str]]],
    model_id: str,
    bench: Models,
    faces: dict[str, tuple[np.ndarray, Face] | str],
) -> pd.DataFrame:
    model = bench.recogniser(model_id)
    vectors: dict[str, Embedding | str] = {}
    for picture in {picture for _, first, second in pairs for picture in (first, second)}:
        file, sha256 = picture
        if sha256 not in faces:
            faces[sha256] = _face(study.folder, file, bench)
        vectors[sha256] = _vector(faces[sha256], model)
    rows = []
    for item, (_, first), (_, second) in pairs:
        one, two = vectors[first], vectors[second]
        if isinstance(one, Embedding) and isinstance(two, Embedding):
            rows.append((item, first, second, similarity(one, two), ""))
        else:
            rows.append(
                (item, first, second, float("nan"), next(reason for reason in (one, two) if isinstance(reason, str)))
            )
    return pd.DataFrame(rows, columns=_KEPT)


def _face(folder: Path, file: str, bench: Models) -> tuple[np.ndarray, Face] | str:
    """A picture and the face nearest to its middle; or why there is none."""
    try:
        photo = decode(inside(folder, file), bench.settings)
        found = find_faces(photo, bench.finder())
    except WorkbenchError as error:
        return str(error)
    middle = np.array(photo.shape[1::-1]) / 2
    nearest = sorted(found, key=lambda face: float(np.linalg.norm((face.box[:2] + face.box[2:]) / 2 - middle)))
    return (photo, nearest[0]) if nearest else f"no face was found in {Path(file).name}"


def _vector(face: tuple[np.ndarray, Face] | str, model: object) -> Embedding | str:
    if isinstance(face, str):
        return face
    try:
        return embed(*face, model)  # type: ignore[arg-type]
    except WorkbenchError as error:
        return str(error)
