"""What the sub-tabs of Protection share: the photo with its chosen face and parts, the recognisers and their roles,
makeup from JSON."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.bench import Workbench
from workbench.errors import BadRequest, ModelMissing
from workbench.images import encode_jpeg, within
from workbench.makeup import looks
from workbench.makeup.looks import Look
from workbench.photo import Found
from workbench.ui.common.faces import find_in
from workbench.ui.common.masks import parsing_of
from workbench.ui.common.widgets import results
from workbench.ui.protection.views import close_up
from workbench.values import Face, Parsing


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """A photo as it waits in the session: its faces found at its own size, its parts known. folder: where its pictures
    are written."""

    found: Found
    parsing: Parsing | None
    folder: Path

    @property
    def image(self) -> np.ndarray:
        """(H, W, 3) uint8."""
        return self.found.image

    @property
    def faces(self) -> tuple[Face, ...]:
        """Largest first, in the pixels of `image`."""
        return self.found.faces

    def file(self, word: str, folder: str = "") -> Path:
        """Where a result is written: the photo's name and a word, in a folder of its own where one is named."""
        place = self.folder / folder
        place.mkdir(mode=0o700, exist_ok=True)
        return place / f"{self.found.photo.stem}_{word}"


def ready(bench: Workbench, source: Any, *, whole: bool = False) -> Ready:
    """Read a photo, find its faces, parse them or take the mask as it was corrected.

    whole: at its own resolution, however large; otherwise reduced to the working size, with the same faces in the same
    order.

    Raises BadRequest (empty box), BadImage, NoFace.
    """
    found = find_in(bench, source)
    found = found if whole else within(found, bench.settings.working_side)
    spec = bench.first("parsing")
    parsing = parsing_of(bench, found.image, found.faces, spec.id) if bench.available(spec.id) else None
    return Ready(found, parsing, results(bench.settings))


def recognisers(bench: Workbench) -> list[tuple[str, str]]:
    """(title, id) of the recognisers here that have gradients and a calibrated threshold; none is an empty list."""
    from workbench.protection.roles import calibrated_here

    try:
        here = calibrated_here(bench.specs("recognition"), bench.available, bench.threshold)
    except ModelMissing:
        return []
    return [(bench.spec(model).title, model) for model in here]


def proposed_roles(bench: Workbench) -> tuple[list[str], list[str]]:
    """Whom to attack and who judges when the person has not chosen."""
    from workbench.protection.roles import usual_roles

    return usual_roles([model for _, model in recognisers(bench)])


def roles(bench: Workbench, attacked: Any, judges: Any, all_in: bool) -> tuple[list[str], list[str]]:
    """The asked roles, checked. all_in: everybody is attacked and nobody judges. Raises BadRequest, ModelMissing."""
    from workbench.protection.roles import calibrated_here, checked_roles

    here = calibrated_here(bench.specs("recognition"), bench.available, bench.threshold)
    return (here, []) if all_in else checked_roles(here, [*map(str, attacked or ())], [*map(str, judges or ())])


def look_of(name: Any, makeup: Any) -> Look:
    """A look by name with the changes of the screen's JSON: {"intensities": {"lip": 0.8}, "shades": {"lip": "red"}}.
    Raises BadRequest."""
    look = looks.find(str(name or "none"))
    try:
        asked = json.loads(makeup) if isinstance(makeup, str) and makeup.strip() else makeup or {}
    except (ValueError, RecursionError) as error:
        raise BadRequest(
            'makeup: expected JSON such as {"intensities": {"lip": 0.8}, "shades": {"lip": "red"}}.'
        ) from error
    if not isinstance(asked, dict) or not all(
        isinstance(asked.get(key, {}), dict) for key in ("intensities", "shades")
    ):
        raise BadRequest('makeup: expected JSON such as {"intensities": {"lip": 0.8}, "shades": {"lip": "red"}}.')
    amounts = asked.get("intensities", {})
    if not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in amounts.values()):
        raise BadRequest("makeup: intensities are numbers from 0 to 1.")
    return looks.adjusted(look, amounts, {region: str(shade) for region, shade in asked.get("shades", {}).items()})


def pair(folder: Path, before: np.ndarray, after: np.ndarray, face: Face, name: str) -> tuple[str, str]:
    """Close-ups of a face before and after, as files for the slider. The first is written once per folder and face."""
    paths = folder / f"before-{int(face.box[0])}-{int(face.box[1])}.jpg", folder / f"{name}.jpg"
    if not paths[0].is_file():
        paths[0].write_bytes(encode_jpeg(close_up(before, face), 94))
    paths[1].write_bytes(encode_jpeg(close_up(after, face), 94))
    return str(paths[0]), str(paths[1])
