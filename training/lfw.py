"""Reads the data set of press-photo crops the scorers are measured on: 1,246 grey faces of 705 people, with pairs and
expressions.

The people are split in two by the SHA-256 of their names: whatever is chosen (thresholds, crops) is chosen on the even
half, so that the figures of the odd half are of people nothing was fitted to. Photos without a face are counted, never
dropped silently.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from workbench import images
from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.tasks.detection import find_faces
from workbench.values import Face

WORDS = {"happiness": "happy", "sadness": "sad"}
"""Expressions the data set calls otherwise than we do."""


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """files: those with a face, sorted. faces: the largest with landmarks of each. missed: files without one. folder:
    where they are."""

    folder: Path
    files: tuple[str, ...]
    faces: tuple[Face, ...]
    missed: tuple[str, ...]

    def image(self, file: str, bench: Workbench) -> np.ndarray:
        """A photo as RGB."""
        return images.decode(self.folder / "images" / file, bench.settings)


def read(folder: Path, work: Path, bench: Workbench) -> Crops:
    """The photos and their faces; faces are found once and kept in `work`. Raises BadRequest when the folder is
    another."""
    if not (folder / "pairs.csv").is_file() or not (folder / "images").is_dir():
        raise BadRequest(f"{folder} should hold images/, pairs.csv and expressions.csv.")
    files = sorted(path.name for path in (folder / "images").iterdir())
    kept = work / "faces.npz"
    if not kept.is_file():
        _find(folder, files, kept, bench)
    with np.load(kept, allow_pickle=False) as found:
        if found["files"].tolist() != files:
            raise BadRequest(f"{kept} belongs to other photos; delete it.")
        rows = {name: found[name] for name in ("box", "points", "score", "mesh", "mesh_score")}
    seen = [index for index in range(len(files)) if rows["score"][index] > 0]
    faces = [
        Face(rows["box"][i], rows["points"][i], float(rows["score"][i]), rows["mesh"][i], float(rows["mesh_score"][i]))
        for i in seen
    ]
    missed = tuple(files[i] for i in range(len(files)) if rows["score"][i] == 0)
    return Crops(folder, tuple(files[i] for i in seen), tuple(faces), missed)


def _find(folder: Path, files: Sequence[str], kept: Path, bench: Workbench) -> None:
    finder = bench.finder()
    rows: dict[str, list[Any]] = {name: [] for name in ("box", "points", "score", "mesh", "mesh_score")}
    for file in tqdm(files, desc="faces", unit="photo"):
        found = [
            face
            for face in find_faces(images.decode(folder / "images" / file, bench.settings), finder)
            if face.mesh is not None
        ]
        blank = (np.zeros(4), np.zeros((5, 2)), 0.0, np.zeros((478, 3)), 0.0)
        face = found[0] if found else None
        values = blank if face is None else (face.box, face.points, face.score, face.mesh, face.mesh_score)
        for name, value in zip(rows, values, strict=True):
            rows[name].append(value)
    kept.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {name: np.array(row, np.float32) for name, row in rows.items()}
    np.savez_compressed(kept, files=np.array(files), **arrays)


def outputs(crops: Crops, model_id: str, work: Path, bench: Workbench) -> np.ndarray:
    """(n, k) float32: what a scorer says of every file, made once and kept in `work`."""
    kept = work / f"{model_id}.npy"
    if not kept.is_file():
        model = bench.model(model_id)
        chips = [
            model.crop(crops.image(file, bench), face) for file, face in zip(crops.files, crops.faces, strict=True)
        ]
        rounds = [model.batch(np.stack(chips[at : at + 32])) for at in tqdm(range(0, len(chips), 32), desc=model_id)]
        np.save(kept, np.concatenate(rounds))
    found: np.ndarray = np.load(kept, allow_pickle=False)
    if len(found) != len(crops.files):
        raise BadRequest(f"{kept} belongs to other photos; delete it.")
    return found


def listed_pairs(folder: Path) -> list[tuple[str, str, bool]]:
    """The pairs of pairs.csv: file, file, whether it is one person."""
    with (folder / "pairs.csv").open() as stream:
        return [(row["file_a"], row["file_b"], row["same"] == "1") for row in csv.DictReader(stream)]


def labels(folder: Path) -> dict[str, str]:
    """The expression students saw in each labelled file, in our words."""
    with (folder / "expressions.csv").open() as stream:
        return {row["file"]: WORDS.get(row["expression"], row["expression"]) for row in csv.DictReader(stream)}
