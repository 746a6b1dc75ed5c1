"""From a folder to its slices: photos with truth as `evaluation` reads them, or photos alone."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench import images
from workbench.errors import BadRequest
from workbench.evaluation.folders import photos_in
from workbench.evaluation.layouts import read_truth
from workbench.evaluation.truth import Case, read_groups
from workbench.settings import Settings
from workbench.slices.clusters import Cluster
from workbench.slices.page import clusters_of
from workbench.slices.table import Rows, gather
from workbench.watch import Watch


def cases_in(folder: Path) -> tuple[Case, ...]:
    """The photos of a folder, with labels and groups where a layout of `evaluation` or a groups.csv tells them. Raises
    BadRequest where there is no photo."""
    try:
        truth = read_truth(folder)
        cases = truth.cases if truth.kind == "labels" else tuple(replace(case, label="") for case in truth.cases)
    except BadRequest:
        cases = tuple(Case(path.relative_to(folder).as_posix(), path) for path in photos_in(folder))
    if not cases:
        raise BadRequest(f"{folder.name} holds no photo.")
    groups = folder / "groups.csv"
    return read_groups(groups, cases)[0] if groups.is_file() else cases


def slices(
    folder: Path,
    finder: Any,
    model: Any,
    recogniser: Any,
    settings: Settings,
    *,
    method: str = "occlusion",
    knobs: Mapping[str, Any] | None = None,
    seed: int = 0,
    watch: Watch | None = None,
) -> tuple[Rows, tuple[Cluster, ...]]:
    """A folder asked about, and the clusters of its reasons, the most suspicious first. Raises what `cases_in` and
    `gather` raise."""
    cases = cases_in(folder)
    found = gather(
        cases, lambda case: images.read(case.photo, settings).image, finder, model, recogniser,
        method=method, knobs=knobs, seed=seed, watch=watch,
    )  # fmt: skip
    return found, clusters_of(found, seed)
