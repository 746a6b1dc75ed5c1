"""The made-up person that a photo may be made to resemble, by number."""

from typing import Any

import numpy as np

from workbench import checks
from workbench.bench import Workbench
from workbench.values import Face


def show_target(bench: Workbench, aim: str, target: Any) -> Any:
    """The picture of a made-up person."""
    if aim != "impersonate":
        return None
    return made_up_person(bench, target)[0]


def made_up_person(bench: Workbench, target: Any) -> tuple[np.ndarray, Face]:
    """Picture and face of a number's person. Raises BadRequest, NoFace, ModelMissing."""
    from workbench.protection.targets import draw_target

    number = checks.whole("target", target, -(2**31), 2**31, "the whole number of a made-up person")
    return draw_target(bench.generator(), bench.finder(), number)
