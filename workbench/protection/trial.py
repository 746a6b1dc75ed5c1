"""One round of an evaluation: a batch of people protected in every way that is compared, and read by every recogniser.

Methods: clean (nothing), look (the makeup alone), search (ours), noise (pixel noise as visible as ours, by SSIM).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbench import images
from workbench.makeup.looks import Look
from workbench.protection.evaluation import CLEAN, Rows, Subject
from workbench.protection.fields import ToneField
from workbench.protection.judge import TREATMENTS, Reader, opened
from workbench.protection.outcome import QUALITY, measured, placed
from workbench.protection.pixel_noise import pixel_noise
from workbench.protection.scene import Scene, make_scene
from workbench.protection.search import Stage, search
from workbench.protection.strength import Strength
from workbench.protection.views import View, views
from workbench.tasks.face_search import FaceFinder
from workbench.values import Embedding
from workbench.watch import Watch

BRIEF = {"JPEG 75": TREATMENTS["JPEG 75"]}
"""What baselines are read after; the full set is for the search and the untouched photo."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What an evaluation holds fixed: models by id, the sets that are attacked, the finder, strength, look, and where
    rows go.

    baselines: also evaluate the look alone and pixel noise. target: for impersonation, vectors by model id of somebody
    made up.
    """

    models: Mapping[str, Any]
    attacked: Sequence[tuple[str, ...]]
    finder: FaceFinder
    strength: Strength
    look: Look
    rows: Rows
    baselines: bool = True
    target: Mapping[str, Embedding] | None = None

    def wanted(self) -> list[tuple[str, tuple[str, ...]]]:
        """Method and attacked recognisers of every row a person gets."""
        searched = [
            (method, names)
            for names in self.attacked
            for method in (("search", "noise") if self.baselines else ("search",))
        ]
        return [(CLEAN, ()), *([("look", ())] if self.baselines else []), *searched]

    def missing(self, name: str) -> bool:
        """Whether a person lacks a row."""
        return any((name, method, "+".join(names)) not in self.rows for method, names in self.wanted())

    def run(
        self,
        subjects: Sequence[Subject],
        watch: Watch | None = None,
        keep: Callable[[Subject, str, np.ndarray], None] | None = None,
    ) -> None:
        """Make and keep all rows of a batch. keep: called with every protected photo."""
        watch = watch or Watch()
        scene = make_scene(
            [one.photo for one in subjects], [one.face for one in subjects], [one.parsing for one in subjects]
        )
        for number, (method, names) in enumerate(self.wanted()):
            part = watch.part(number / len(self.wanted()), (number + 1) / len(self.wanted()))
            if all((one.pair.person, method, "+".join(names)) in self.rows for one in subjects):
                continue
            started = time.perf_counter()
            stages = self._made(method, scene, [self.models[name] for name in names], subjects, part)
            seconds = (time.perf_counter() - started) / len(subjects)
            for (kind, stage), (row, one) in product(stages.items(), enumerate(subjects)):
                part.check()
                photo = one.photo if method == CLEAN else placed(one.photo, scene, stage, row)
                look = one.photo if method == CLEAN else placed(one.photo, scene, stage, row, painted=False)
                if keep:
                    keep(one, "-".join((kind, *names)), photo)
                figures = measured(one.photo, opened(images.encode_jpeg(photo, QUALITY)), scene, row, look)
                self.rows.add(self._row(one, kind, names, photo, figures, seconds))

    def _made(
        self, method: str, scene: Scene, attacked: Sequence[Any], subjects: Sequence[Subject], watch: Watch
    ) -> dict[str, Stage]:
        """By the name of its rows, what a method made: of a search every level it climbed over."""
        if method == CLEAN:
            return {method: _still(scene, scene.pixels)}
        field = ToneField(scene, self.strength.bounds, self.look)
        if method == "look":
            return {method: _still(scene, field.base)}
        seen = views(attacked, scene)
        if method == "noise":
            alike = torch.tensor([self._alike(one, attacked) for one in subjects])
            return {method: _still(scene, pixel_noise(scene, seen, alike, watch=watch))}
        found = search(field, scene, seen, self.strength.plan, self._targets(seen, len(scene)), watch)
        return {f"search at {stage.level:g}": stage for stage in found.stages[:-1]} | {method: found.last}

    def _alike(self, one: Subject, attacked: Sequence[Any]) -> float:
        """The likeness that our own search left this person with the same surrogates."""
        key = one.pair.person, "search", "+".join(model.spec.id for model in attacked)
        found: float = self.rows.rows[key]["ssim"]
        return found

    def _targets(self, seen: Sequence[View], count: int) -> list[Tensor] | None:
        if self.target is None:
            return None
        return [torch.from_numpy(self.target[view.model.spec.id].vector)[None].expand(count, -1) for view in seen]

    def _row(
        self,
        one: Subject,
        method: str,
        names: Sequence[str],
        photo: np.ndarray,
        figures: Mapping[str, float],
        seconds: float,
    ) -> dict[str, Any]:
        saved = opened(images.encode_jpeg(photo, QUALITY))
        reader = Reader(
            list(self.models.values()),
            self.finder,
            one.face.box,
            (photo.shape[1], photo.shape[0]),
            self.target or one.others,
        )
        treatments = TREATMENTS if method in (CLEAN, "search") else BRIEF
        scores = {"saved": reader.scores(photo if method == CLEAN else saved)}
        scores |= {
            kind: reader.scores(treat(photo if method == CLEAN else saved)) for kind, treat in treatments.items()
        }
        return {
            "person": one.pair.person,
            "aim": "dodge" if self.target is None else "impersonate",
            "method": method,
            "attacked": list(names),
            "scores": _rounded(scores),
            **{key: round(value, 4) for key, value in figures.items()},
            "seconds": round(seconds, 2),
        }


def _still(scene: Scene, pixels: Tensor) -> Stage:
    """Painted canvases as a stage of no level, whose changes all count as seen."""
    nothing = torch.zeros(len(scene))
    return Stage(0.0, pixels, scene.pixels, scene.pixels, None, nothing, nothing[:, None])


def _rounded(scores: Mapping[str, dict[str, float] | None]) -> dict[str, dict[str, float] | None]:
    return {
        kind: None if found is None else {name: round(score, 5) for name, score in found.items()}
        for kind, found in scores.items()
    }
