"""Where a model looks over many faces: maps brought into one frame, averaged, compared with people and with one
another.

After Gaya-Morey et al., "Unveiling the Human-like Similarities of Automatic Facial Expression Recognition" (2024): one
heatmap per expression and model in a normalised face, its overlap with the regions people look at, and a dendrogram of
the models.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from workbench.errors import BadRequest
from workbench.explanation.agreement import chance_iou, correlation, iou, table_of
from workbench.explanation.human_masks import LOOK_AT, human_mask
from workbench.geometry import ARCFACE_112, apply, compose, invert, similarity
from workbench.images import warp
from workbench.values import Face

FRAME = 128
"""Side of the common frame in pixels."""
_MARGIN = 1.15
"""How much wider than ArcFace's crop the frame is, so that forehead and chin are in it."""

PAPER_IOU = (0.2702, 0.2066, 0.3269)
"""Average, worst and best network of the paper's twelve (abstract); its masks and its threshold are not published."""


def frame_matrix(face: Face) -> np.ndarray:
    """(2, 3), photo to the common frame: eyes, nose and mouth corners as near as a similarity brings them to one
    template."""
    template = ((ARCFACE_112 - 56) / _MARGIN + 56) * FRAME / 112
    return similarity(face.points, template)


def to_frame(values: np.ndarray, chip_matrix: np.ndarray, face: Face) -> np.ndarray:
    """(FRAME, FRAME) float32: a chip's map in the common frame, as it is; 0 where the model sees nothing."""
    return warp(
        values.astype(np.float32), compose(frame_matrix(face), invert(chip_matrix)), (FRAME, FRAME), "black"
    ).astype(np.float32)


def in_frame(values: np.ndarray, chip_matrix: np.ndarray, face: Face) -> np.ndarray:
    """(FRAME, FRAME) float32: what of a chip's map is positive, in the common frame, its sum 1 (0 for an empty map)."""
    warm = to_frame(np.maximum(values, 0), chip_matrix, face)
    total = float(warm.sum())
    return warm / total if total > 0 else np.zeros_like(warm)


def mesh_in_frame(face: Face) -> np.ndarray | None:
    """(478, 2) float64 mesh points in the common frame; None for a face without landmarks."""
    return None if face.mesh is None else apply(frame_matrix(face), face.mesh[:, :2].astype(np.float64))


class Average:
    """The running mean of maps (FRAME, FRAME) and meshes of one expression and one model or method."""

    def __init__(self) -> None:
        """Empty: no faces yet."""
        self._heat = np.zeros((FRAME, FRAME))
        self._mesh = np.zeros((478, 2))
        self.faces, self._meshes = 0, 0

    def add(self, heat: np.ndarray, mesh: np.ndarray | None) -> None:
        """One more face; an empty map counts as a face that marks nothing."""
        self._heat += heat
        self.faces += 1
        if mesh is not None:
            self._mesh += mesh
            self._meshes += 1

    @property
    def heat(self) -> np.ndarray:
        """(FRAME, FRAME) float32 mean map, its peak 1. Raises BadRequest when no face was added."""
        if not self.faces:
            raise BadRequest("There is no face to average over.")
        mean = self._heat / self.faces
        return (mean / mean.max() if mean.max() > 0 else mean).astype(np.float32)

    @property
    def mesh(self) -> np.ndarray | None:
        """(478, 2) mean mesh, or None when no face had one."""
        return self._mesh / self._meshes if self._meshes else None


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One global heatmap and how human-like it is. who: model or model and method. iou, correlation: NaN where people
    have no mask. mesh: (478, 2) of the mean face, in the heatmap's pixels; None when no face had one."""

    who: str
    expression: str
    faces: int
    heat: np.ndarray
    iou: float
    chance: float
    correlation: float
    mesh: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Overview:
    """Global heatmaps of a folder. rows: by expression, then by who. missing: photos that gave no map, with the
    reason."""

    rows: tuple[Row, ...]
    missing: tuple[tuple[str, str], ...] = ()

    @property
    def mean_iou(self) -> float:
        """The mean overlap with the human masks over all rows that have one; NaN when none has."""
        known = [row.iou for row in self.rows if np.isfinite(row.iou)]
        return float(np.mean(known)) if known else float("nan")

    def of(self, expression: str) -> tuple[Row, ...]:
        """The rows of one expression."""
        return tuple(row for row in self.rows if row.expression == expression)


def summarise(averages: dict[tuple[str, str], Average], missing: Sequence[tuple[str, str]] = ()) -> Overview:
    """The overview of averages by (expression, who). Raises BadRequest when there are none."""
    if not averages:
        raise BadRequest(
            "No face in these photos could be explained: " + "; ".join(f"{name}: {why}" for name, why in missing[:3])
        )
    return Overview(tuple(_row(*key, average) for key, average in sorted(averages.items())), tuple(missing))


def _row(expression: str, who: str, average: Average) -> Row:
    heat, mesh = average.heat, average.mesh
    if mesh is None or expression not in LOOK_AT:
        return Row(who, expression, average.faces, heat, float("nan"), float("nan"), float("nan"), mesh)
    mask = human_mask(mesh, FRAME, expression)
    return Row(
        who,
        expression,
        average.faces,
        heat,
        iou(heat, mask),
        chance_iou(mask),
        correlation(heat, mask.astype(np.float32)),
        mesh,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """Which heatmaps are alike. names: as given. links: (n − 1, 4), SciPy's linkage. order: leaves from left to right.

    table: (n, n) normalised correlation of every two.
    """

    names: tuple[str, ...]
    links: np.ndarray
    order: tuple[int, ...]
    table: np.ndarray


def tree(names: Sequence[str], maps: Sequence[np.ndarray]) -> Tree:
    """The dendrogram of some maps: average linkage over one minus normalised correlation. Raises BadRequest for fewer
    than two."""
    if len(maps) < 2 or len(names) != len(maps):
        raise BadRequest(
            f"A dendrogram needs two heatmaps or more and a name for each, got {len(maps)} maps and {len(names)} names."
        )
    table = table_of(correlation, maps)
    distance = np.clip(1 - table, 0, None)
    np.fill_diagonal(distance, 0)
    links = linkage(squareform(distance, checks=False), method="average")
    return Tree(tuple(names), links, tuple(int(leaf) for leaf in leaves_list(links)), table)
