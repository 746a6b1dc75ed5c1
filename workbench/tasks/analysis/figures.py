"""What the mesh's geometry can say of an expression, in its own words and units: how high the brows are, how far the
lip corners are drawn. These are distances, not action units: those take a model that was taught them.
"""

from collections.abc import Mapping

import numpy as np

from workbench.tasks.head_pose import in_head
from workbench.values import Face

USUAL: Mapping[str, tuple[float, float]] = {
    "brow raise": (0.215, 0.287),
    "brows apart": (0.318, 0.392),
    "lip corner pull": (0.012, 0.099),
    "mouth width": (0.564, 0.798),
    "jaw drop": (0.666, 0.778),
}
"""Where the middle 80 % of 568 portraits that face the camera lie, by figure; many of them smile."""


def figures(face: Face) -> dict[str, float]:
    """Distances of a face's mesh, turned upright, in widths between the outer eye corners; empty without landmarks.

    brow raise: of the brows' middles over the line of the eye corners. brows apart: between the inner ends of the
    brows. lip corner pull: of the lip corners over the middle of the closed lips' line, positive upward. mouth width.
    jaw drop: from the nose's base to the chin.
    """
    if face.mesh is None:
        return {}
    head = in_head(face.mesh)
    eyes = float(head[[33, 133, 362, 263], 1].mean())
    lips = float(head[[13, 14], 1].mean())
    return {
        "brow raise": eyes - float(head[[105, 66, 334, 296], 1].mean()),
        "brows apart": float(head[336, 0] - head[107, 0]),
        "lip corner pull": lips - float(head[[61, 291], 1].mean()),
        "mouth width": float(np.linalg.norm(head[291] - head[61])),
        "jaw drop": float(head[152, 1] - head[2, 1]),
    }


def word(name: str, value: float) -> str:
    """Where a figure lies among portraits: "low", "usual" or "high"; "" where it is not known."""
    if name not in USUAL:
        return ""
    low, high = USUAL[name]
    return "low" if value < low else "high" if value > high else "usual"
