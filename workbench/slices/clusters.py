"""Heatmaps of one answer in clusters: photos that are judged for the same reason lie together, and a reason that has
nothing to do with the face stands apart.

Spectral clustering of heatmaps as SpRAy does it (Lapuschkin et al., Nature Communications 2019, "Methods"; ViRelAy,
Anders et al., arXiv 2106.13200, browses the same): maps made small, neighbours, the normalised Laplacian, k-means in
its first vectors. How many clusters is decided by their silhouette. Arrays only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.errors import BadRequest
from workbench.explanation.overview import FRAME

SMALL = 16
"""Maps are compared at so many places across and down."""
LEAST = 8
"""Fewer maps of one answer make no clusters."""
MOST = 5
"""Clusters of one answer."""
APART = 0.35
"""Share of the heat that lies elsewhere than in the answer's other photos, from which a cluster is named."""
CLEAR, NEAREST = 0.2, 5
"""Clusters whose mean silhouette is lower are none; neighbours a map has at least."""
OUTSIDE = 1.0
"""Times what chance would put outside the face, from which a cluster is named for that."""


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Photos of one answer whose maps are alike.

    rows: their places among all photos. heat: (FRAME, FRAME) float32, their mean map, its peak 1. apart: 0..1, the
    share of the heat that would have to move to make it the mean of the answer's other photos; 0 where there are none,
    and for the answer's main reason. outside: share of the heat off the face, over what an even map has there.
    """

    answer: str
    rows: tuple[int, ...]
    heat: np.ndarray
    apart: float
    outside: float

    @property
    def suspicious(self) -> bool:
        """Whether somebody should look: the minor reason of an answer that is unlike the others' or lies off the
        face."""
        return self.apart >= APART or (self.apart > 0 and self.outside >= OUTSIDE)


def clustered(
    heats: np.ndarray, answers: Sequence[str], face: np.ndarray | None = None, seed: int = 0
) -> tuple[Cluster, ...]:
    """The clusters of every answer, the most suspicious first.

    heats: (n, FRAME, FRAME) maps in the common frame, none negative. answers: what the model said of each. face:
    (FRAME, FRAME) bool, where faces are.
    """
    inside = np.ones((FRAME, FRAME), bool) if face is None else face
    found: list[Cluster] = []
    for answer in sorted(set(answers)):
        rows = np.flatnonzero(np.array(answers, object) == answer)
        groups = grouped(heats[rows], seed) if len(rows) >= LEAST else np.zeros(len(rows), int)
        for group in range(int(groups.max()) + 1):
            mine, others = rows[groups == group], rows[groups != group]
            found.append(_cluster(heats, answer, mine, others, inside))
    return tuple(sorted(found, key=lambda each: (-int(each.suspicious), -each.apart * len(each.rows))))


def _cluster(heats: np.ndarray, answer: str, mine: np.ndarray, others: np.ndarray, inside: np.ndarray) -> Cluster:
    mean = heats[mine].mean(axis=0)
    smaller = len(mine) <= len(others)
    apart = moved(mean, heats[others].mean(axis=0)) if len(others) and smaller else 0.0
    total, even = float(mean.sum()), float((~inside).mean())
    off = float(mean[~inside].sum()) / total / even if total > 0 and even > 0 else 0.0
    peak = float(mean.max())
    heat = (mean / peak if peak > 0 else mean).astype(np.float32)
    return Cluster(answer, tuple(int(row) for row in mine), heat, apart, off)


def moved(first: np.ndarray, second: np.ndarray) -> float:
    """0..1: the total variation between two maps, each brought to a sum of 1; 0 where one is empty."""
    one, two = float(first.sum()), float(second.sum())
    return float(0.5 * np.abs(first / one - second / two).sum()) if one > 0 and two > 0 else 0.0


def grouped(heats: np.ndarray, seed: int = 0) -> np.ndarray:
    """(n,) the cluster of every map, from 0, the largest first: as many as part best, one where none part clearly."""
    places = small(heats)
    distance = _far(places)
    _, vectors = np.linalg.eigh(_laplacian(distance))
    best, chosen = CLEAR, np.zeros(len(places), int)
    for count in range(2, min(MOST, len(places) // 4) + 1):
        labels = _parted(vectors[:, :count], seed)
        clear = silhouette(distance, labels)
        if clear > best:
            best, chosen = clear, labels
    order = np.argsort(-np.bincount(chosen), kind="stable")
    place = np.empty(len(order), int)
    place[order] = np.arange(len(order))
    found: np.ndarray = place[chosen]
    return found


def _parted(embedded: np.ndarray, seed: int) -> np.ndarray:
    """(n,) k-means of the rows, each brought to length 1 (Ng, Jordan and Weiss, NeurIPS 2001)."""
    from scipy.cluster.vq import kmeans2

    rows = embedded / np.maximum(np.linalg.norm(embedded, axis=1, keepdims=True), 1e-12)
    _, labels = kmeans2(rows, embedded.shape[1], minit="++", seed=np.random.default_rng(seed), iter=50, missing="warn")
    return np.unique(labels, return_inverse=True)[1]


def silhouette(distance: np.ndarray, labels: np.ndarray) -> float:
    """The mean silhouette, -1..1, of clusters over (n, n) distances (Rousseeuw, J. Comput. Appl. Math. 1987); -1 for
    fewer than two."""
    names = np.unique(labels)
    if len(names) < 2:
        return -1.0
    sums = np.stack([distance[:, labels == name].sum(axis=1) for name in names], axis=1)
    counts = np.array([(labels == name).sum() for name in names], float)
    own = labels[:, None] == names[None]
    inside = (sums / np.maximum(counts - 1, 1))[own]
    outside = np.where(own, np.inf, sums / counts).min(axis=1)
    alone = (counts == 1)[np.searchsorted(names, labels)]
    return float(np.where(alone, 0.0, (outside - inside) / np.maximum(np.maximum(inside, outside), 1e-12)).mean())


def small(heats: np.ndarray) -> np.ndarray:
    """(n, SMALL²) float64: maps at few places, roots of shares, so that their distance is Hellinger's."""
    side = heats.shape[-1] // SMALL
    blocks = heats.reshape(len(heats), SMALL, side, SMALL, side).sum(axis=(2, 4)).reshape(len(heats), -1)
    return np.sqrt(blocks / np.maximum(blocks.sum(axis=1, keepdims=True), 1e-12))


def _laplacian(distance: np.ndarray) -> np.ndarray:
    """(n, n) I - D^-1/2 W D^-1/2 over each map's nearest, weighted by closeness (Zelnik-Manor and Perona, 2004)."""
    n = len(distance)
    near = min(max(NEAREST, n // 4), n - 1)
    reach = np.maximum(np.sort(distance, axis=1)[:, near], 1e-9)
    weight = np.exp(-(distance**2) / np.outer(reach, reach))
    keep = distance <= reach[:, None]
    weight = np.where(keep | keep.T, weight, 1e-6)
    np.fill_diagonal(weight, 0.0)
    root = 1 / np.sqrt(np.maximum(weight.sum(axis=1), 1e-12))
    laplacian: np.ndarray = np.eye(n) - root[:, None] * weight * root[None]
    return laplacian


def _far(places: np.ndarray) -> np.ndarray:
    squares = (places**2).sum(axis=1)
    distance: np.ndarray = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * places @ places.T, 0))
    np.fill_diagonal(distance, 0.0)
    return distance


LEAST_FOR_UMAP = 5
"""With fewer neighbours it has no graph to lay out."""


def layout(vectors: np.ndarray, way: str = "pca") -> np.ndarray:
    """(n, 2) places of vectors (n, d) on a map. way: "pca", or "umap" (McInnes et al., arXiv 1802.03426), which needs
    the extra `map` and five vectors. Raises BadRequest for another way, too few, or where umap is not installed."""
    if way == "pca":
        middle = vectors - vectors.mean(axis=0)
        left, strength, _ = np.linalg.svd(middle, full_matrices=False)
        places = np.zeros((len(vectors), 2))
        places[:, : min(2, len(strength))] = (left * strength)[:, :2]
        return places
    if way != "umap":
        raise BadRequest(f"map: expected pca or umap, got {str(way)[:40]!r}.")
    try:
        import umap
    except ImportError:
        raise BadRequest("UMAP is not installed. Run: pip install 'face-workbench[map]', or choose pca.") from None
    if len(vectors) < LEAST_FOR_UMAP:
        raise BadRequest(f"UMAP needs at least {LEAST_FOR_UMAP} photos, got {len(vectors)}; choose pca.")
    near = min(15, len(vectors) - 1)
    found: np.ndarray = umap.UMAP(n_neighbors=near, random_state=0, n_jobs=1).fit_transform(vectors)
    return found.astype(np.float64)
