"""Puts faces together into people, three ways; every face that is like no other stays alone (-1).

`linkage`: plain agglomerative clustering with average linkage. `density`: HDBSCAN (Campello, Moulavi and Sander 2013),
its groups cut where no two faces are within the recogniser's reach. `structure`: the structure space of Ada-NETS (Wang
et al. 2022, section 3.1: neighbours that agree on each other), cut likewise; its learned part has no weights to use.
How far one person's faces may be apart was chosen on half of the people of docs/people.md and measured on the others.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workbench.errors import BadRequest
from workbench.people.faces import Faces, distances, nearest

METHODS = ("linkage", "density", "structure")
MOST_LINKED = 12_000
"""Faces that average linkage takes: it holds the distances of all pairs."""
MOST = 200_000
STRICTER = {"linkage": 0.9, "density": 0.85, "structure": 0.8}
"""Share of the threshold's distance up to which faces are one person: it accepts one of a hundred pairs of strangers,
which in a folder of a thousand faces are thousands."""
AGREED = 0.7
"""Structure distance up to which two faces are neighbours that agree."""
_CHUNK = 512
SHARE = 0.3
"""Ada-NETS's λ: how much the plain distance counts beside the neighbourhoods (section 4.1)."""


@dataclass(frozen=True, slots=True)
class Way:
    """How faces are put together. strictness: factor on the distance up to which two faces may be one person; 1: as
    measured for this method, less: smaller and purer groups. least: faces below which a group is not one. neighbours:
    of the structure space. Raises BadRequest for what cannot be."""

    method: str = "linkage"
    strictness: float = 1.0
    least: int = 2
    neighbours: int = 10

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise BadRequest(f"method: expected one of {', '.join(METHODS)}, got {str(self.method)[:40]!r}.")
        if not 0.2 <= self.strictness <= 3:
            raise BadRequest(f"strictness: expected 0.2 to 3, got {self.strictness}.")
        if not 2 <= self.least <= 1000 or not 2 <= self.neighbours <= 500:
            raise BadRequest("least: expected 2 to 1000 faces; neighbours: 2 to 500.")


def group(faces: Faces, way: Way) -> np.ndarray:
    """(n,) int: the group of each face, from 0, largest first (then by the first face); -1: alone.

    Raises BadRequest for a recogniser without a threshold and for more faces than the method takes.
    """
    if faces.reach is None:
        raise BadRequest(
            f"{faces.model} has no calibrated threshold, so nobody knows how far apart one person's faces may be. "
            "Make one with: face-workbench models calibrate ID FOLDER"
        )
    if len(faces) > MOST:
        raise BadRequest(f"Expected at most {MOST:,} faces, got {len(faces):,}.")
    if len(faces) < 2:
        return np.full(len(faces), -1)
    reach = faces.reach * STRICTER[way.method] * way.strictness
    ways: dict[str, Callable[[np.ndarray, float, Way], np.ndarray]] = {
        "density": _by_density,
        "structure": _by_structure,
        "linkage": _by_linkage,
    }
    return in_order(ways[way.method](faces.places.astype(np.float64), reach, way), way.least)


def in_order(found: np.ndarray, least: int = 2) -> np.ndarray:
    """Groups numbered from 0, largest first, then by their first face; those of fewer than `least` faces dissolved."""
    kept = [np.flatnonzero(found == number) for number in np.unique(found[found >= 0])]
    kept = sorted((rows for rows in kept if len(rows) >= least), key=lambda rows: (-len(rows), rows[0]))
    numbers = np.full(len(found), -1)
    for number, rows in enumerate(kept):
        numbers[rows] = number
    return numbers


def _by_density(points: np.ndarray, reach: float, way: Way) -> np.ndarray:
    from sklearn.cluster import HDBSCAN

    if len(points) < way.least:
        return np.full(len(points), -1)
    model = HDBSCAN(min_cluster_size=way.least, min_samples=1, algorithm="kd_tree", copy=True)
    found: np.ndarray = model.fit(points).labels_
    return _cut(points.astype(np.float32), found, reach)


def _cut(points: np.ndarray, found: np.ndarray, reach: float) -> np.ndarray:
    """Groups taken apart where no face of one part is within `reach` of the other: a density has no end of its own."""
    parts, count = np.full(len(points), -1), 0
    for number in np.unique(found[found >= 0]):
        rows = np.flatnonzero(found == number)
        links = [
            np.argwhere(distances(points[rows[i : i + _CHUNK]], points[rows]) <= reach) + np.array([i, 0])
            for i in range(0, len(rows), _CHUNK)
        ]
        inside = _connected(len(rows), *np.vstack(links).T)
        parts[rows] = inside + count
        count += int(inside.max()) + 1
    return parts


def _by_structure(points: np.ndarray, reach: float, way: Way) -> np.ndarray:
    order, apart, far = structure(points, way.neighbours)
    rows, columns = np.nonzero((apart <= AGREED) & (far <= reach))
    return _connected(len(points), rows, order[rows, columns])


def _by_linkage(points: np.ndarray, reach: float, way: Way) -> np.ndarray:
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(points) > MOST_LINKED:
        raise BadRequest(
            f"linkage holds the distances of all pairs: expected at most {MOST_LINKED:,} faces, got {len(points):,}. "
            "Take density."
        )
    found: np.ndarray = fcluster(linkage(points, "average"), reach, "distance") - 1
    return found


def structure(points: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, k) neighbours, itself first, their structure distances and their plain ones.

    A structure distance is 0.7 of the Jaccard distance of the enlarged sets of mutual neighbours, and 0.3 of half the
    square of the plain one (for unit vectors 1 − cosine).
    """
    order, far = nearest(points.astype(np.float32), k)
    whole, half = _mutual(order), _mutual(order[:, : max(order.shape[1] // 2, 1)])
    wide = [_enlarged(own, half) for own in whole]
    apart = np.array(
        [[1 - len(wide[i] & wide[j]) / len(wide[i] | wide[j]) for j in row] for i, row in enumerate(order)]
    )
    return order, (1 - SHARE) * apart + SHARE * far.astype(np.float64) ** 2 / 2, far


def _mutual(order: np.ndarray) -> list[set[int]]:
    """Those of a face's neighbours that have it among theirs."""
    near = [set(row.tolist()) for row in order]
    return [{j for j in row if i in near[j]} for i, row in enumerate(near)]


def _enlarged(own: set[int], half: list[set[int]]) -> set[int]:
    """And the half-sized sets of these neighbours that lie in it by two thirds."""
    found = set(own)
    for j in own:
        if 3 * len(half[j] & own) >= 2 * len(half[j]):
            found |= half[j]
    return found


def _connected(n: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n,) the connected part of each of n faces, where faces `first` and `second` are joined."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(first), bool), (first, second)), (n, n))
    found: np.ndarray = connected_components(graph, directed=False)[1]
    return found
