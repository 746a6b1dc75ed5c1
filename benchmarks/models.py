"""How long every model whose weights are on this machine takes for one face: what the README's table shows as time.

    python benchmarks/models.py [--record] [--threads 2] [--runs 15]

One face (NASA's astronaut), found beforehand; alignment and everything behind the network included. Detection: the
whole photo.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from measure import milliseconds, record_speed, report
from skimage import data

from workbench.bench import Workbench
from workbench.catalog import MODELS
from workbench.catalog.spec import ModelSpec
from workbench.tasks.detection import find_faces, one_face
from workbench.values import Face


def work_of(spec: ModelSpec, model: Any, image: np.ndarray, face: Face) -> tuple[Callable[[], Any], str] | None:
    """What is timed for a model, and for what; None for tasks that have a benchmark of their own."""
    calls: dict[str, tuple[Callable[[], Any], str]] = {
        "detection": (lambda: find_faces(image, model), "a photo"),
        "parsing": (lambda: model(image, face), "a face"),
        "expression": (lambda: model.scores(image, face), "a face"),
        "attributes": (lambda: model.scores(image, face), "a face"),
        "recognition": (lambda: model.embed(image, face), "a face"),
        "quality": (lambda: model.score(image, face), "a face"),
        "generation": (lambda: model(1, 0), "a picture"),
    }
    return calls.get(spec.task)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--record", action="store_true", help="keep the times for the README's table: on a quiet machine only"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    bench, image = Workbench.from_env(), data.astronaut()
    face = one_face(image, bench.finder())
    rows: list[dict[str, Any]] = []
    for spec in MODELS.values():
        found = (
            work_of(spec, bench.model(spec.id), image, face)
            if bench.available(spec.id) and spec.task != "portrait"
            else None
        )
        if found:
            time = milliseconds(found[0], arguments.runs)
            rows.append(
                {
                    "model": spec.id,
                    "for": found[1],
                    "ms": time["median"],
                    "fastest": time["min"],
                    "slowest": time["max"],
                }
            )
    report("models", rows)
    if arguments.record:
        record_speed({row["model"]: (row["ms"], row["for"]) for row in rows})


if __name__ == "__main__":
    main()
