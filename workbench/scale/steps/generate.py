"""A portrait drawn from a row of vectors, as `generate` keeps it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from workbench.bench import Workbench
from workbench.generation.album import ROUND, drawn
from workbench.portraits import PortraitModel, Recipe, Wishes
from workbench.scale.step import Outcome, Step, Work
from workbench.scenes import Scene
from workbench.watch import Watch


def settle(bench: Workbench, options: Mapping[str, Any]) -> Step:
    """options: model, seed, steps, guidance, prompt, width (of a vector), vectors (their sha256), photo and face (empty
    for a model that looks at none)."""
    spec = bench.spec(str(options["model"]), "portrait")
    models = (spec.id, *([bench.first("detection").id] if options["photo"] else []))
    return Step("generate", dict(options), models, ("seed", "picture"), lambda bench: _open(bench, options), (".png",))


def _open(bench: Workbench, options: Mapping[str, Any]) -> Work:
    model_id = str(options["model"])
    model = _seeing(bench, bench.portrait(model_id), options)
    recipe = Recipe(
        options["seed"],
        options["steps"],
        options["guidance"],
        options["prompt"],
        Wishes(**options.get("wishes", {})),
        Scene(**options.get("scene", {})),
    )
    kept: dict[int, list[bytes]] = {}

    def work(name: str, data: bytes, watch: Watch) -> Outcome:
        number, place = divmod(int(name.rpartition("-")[2]) - 1, ROUND)
        now = replace(recipe, seed=recipe.seed + number)
        if number not in kept:
            kept.clear()
            kept[number] = drawn(np.frombuffer(data, np.float32).reshape(-1, options["width"]), now, model, model_id)
        return Outcome(({"seed": now.seed, "picture": place + 1},), {".png": kept[number][place]})

    return work


def _seeing(bench: Workbench, model: Any, options: Mapping[str, Any]) -> PortraitModel:
    from workbench.generation.references import seen
    from workbench.images import decode

    if not options["photo"]:
        found: PortraitModel = model
        return found
    path = Path(str(options["photo"]))
    return seen(model, [(path.name, decode(path, bench.settings))], bench.finder(), options["face"])
