"""Drawn pictures on disk, more than fit on a sheet: drawn in rounds, each written at once, so that a stopped run goes
on.

A folder belongs to one plan, kept in plan.json; another plan is refused rather than mixed in.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from workbench.batch import write_atomically
from workbench.errors import BadRequest
from workbench.generation import marking
from workbench.generation.sitters import EachSees
from workbench.images import decode
from workbench.portraits import PortraitModel, Recipe
from workbench.settings import Settings
from workbench.watch import Watch

PLAN = "plan.json"
ROUND = 8
"""Pictures drawn together."""


def begin(folder: Path, plan: Mapping[str, Any]) -> None:
    """Take a folder for a plan, or find that it is already taken for the same one. Raises BadRequest for any other
    content."""
    kept = folder / PLAN
    if kept.is_file():
        if json.loads(kept.read_text()) != json.loads(json.dumps(plan)):
            raise BadRequest(
                f"{folder} was begun with other choices. Choose another folder, or the same choices to go on with it."
            )
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise BadRequest(f"{folder} is not empty. Choose another folder.")
    write_atomically(kept, (json.dumps(plan, indent=1) + "\n").encode())


def fill(
    folder: Path,
    vectors: np.ndarray,
    model: PortraitModel,
    model_id: str,
    recipe: Recipe,
    watch: Watch | None = None,
    first: int = 0,
    views: Sequence[PortraitModel] = (),
) -> list[Path]:
    """A marked PNG per row of (n, d) vectors, portrait-0001.png and so on; those that are there stay. The files, in
    order. first: how many pictures, of other variants, lie before them. views: the model as it sees each row, where it
    must see a photo of each.

    Round k, of eight pictures, is drawn from seed + k, so that a run that goes on gives the pictures it would have
    given.
    """
    watch = watch or Watch()
    files = [folder / f"{name(first + number)}.png" for number in range(len(vectors))]
    for start in range(0, len(files), ROUND):
        these = files[start : start + ROUND]
        watch.tell(start / len(files), f"{start} of {len(files)} pictures")
        if all(file.is_file() for file in these):
            continue
        now = replace(recipe, seed=recipe.seed + start // ROUND)
        part = watch.part(start / len(files), (start + len(these)) / len(files))
        drawer = EachSees(views[start : start + ROUND]) if views else model
        for file, data in zip(these, drawn(vectors[start : start + ROUND], now, drawer, model_id, part), strict=True):
            write_atomically(file, data)
    watch.tell(1.0, "drawn")
    return files


def name(number: int) -> str:
    """What picture `number`, from 0, is called."""
    return f"portrait-{number + 1:04d}"


def drawn(
    vectors: np.ndarray, recipe: Recipe, model: PortraitModel, model_id: str, watch: Watch | None = None
) -> list[bytes]:
    """One round: a marked PNG for each of (n, d) vectors."""
    told = {"steps": recipe.steps, "guidance": recipe.guidance} | recipe.scene.made
    return [
        marking.png(picture, marking.drawn(model_id, recipe.seed, picture=place, **told))
        for place, picture in enumerate(model(vectors, recipe, watch), 1)
    ]


class Files(Sequence[np.ndarray]):
    """Pictures that are read when asked for: thousands need not fit into memory."""

    def __init__(self, files: Sequence[Path], settings: Settings) -> None:
        """files: in order."""
        self._files, self._read = files, _reader(settings)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, number: Any) -> Any:
        return self._read(self._files[number])


def _reader(settings: Settings) -> Callable[[Path], np.ndarray]:
    return lambda path: decode(path, settings)
