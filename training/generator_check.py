"""Measures an identity-conditioned generator by a recogniser that took no part in making or choosing its pictures.

Two sets of references: held-out faces of the GAN, and people of whom two photos are at hand (the first is the
reference, the second the one compared with). Every picture is found and aligned as a user's photo is; one without a
face counts as unlike.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training import lfw
from training.generator_samples import HELD_OUT, join, shard
from workbench.bench import Workbench
from workbench.metrics import pairs as pairs_of
from workbench.metrics.roc import Interval, auc, interval
from workbench.tasks.detection import find_faces

JUDGE, CONDITIONER = "sface", "dlib"

Draw = Callable[[np.ndarray, int], list[np.ndarray]]
"""(n, 128) vectors and a seed to n pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """vectors: (n, 128) of the conditioning recogniser, of what is told. judged, own: (n, d) of the second one and (n,
    128) of the first, of what is compared with.
    """

    vectors: np.ndarray
    judged: np.ndarray
    own: np.ndarray

    def __len__(self) -> int:
        return len(self.vectors)

    def some(self, rows: slice) -> "References":
        """These rows."""
        return References(self.vectors[rows], self.judged[rows], self.own[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """What the recognisers see in m pictures of each of n people. judged: (n, m, d) unit length, own: (n, m, 128); NaN:
    no face."""

    judged: np.ndarray
    own: np.ndarray

    @property
    def faces(self) -> float:
        """The share of pictures with a face."""
        return float(np.isfinite(self.own[..., 0]).mean())


def synthetic(bench: Workbench, folder: Path, count: int, first: int = HELD_OUT) -> References:
    """The first held-out faces of the GAN, of three shards at most, the reference being what is compared with."""
    samples = join([shard(bench, folder, seed) for seed in range(first, first + min(3, 1 + count // 400))])
    return References(samples.vectors[:count], samples.judged[:count], samples.vectors[:count])


def real(bench: Workbench, data: Path, work: Path, even: bool) -> References:
    """People with two photos, of the half that choices are made on (even) or the other: told the first, compared with
    the second."""
    crops = lfw.read(data, work, bench)
    vectors, judged = (lfw.outputs(crops, model, work, bench) for model in (CONDITIONER, JUDGE))
    rows: dict[str, list[int]] = {}
    for row, file in enumerate(crops.files):
        rows.setdefault(pairs_of.person(file), []).append(row)
    pairs = np.array(
        [found[:2] for name, found in sorted(rows.items()) if len(found) > 1 and pairs_of.even(name) == even]
    )
    return References(vectors[pairs[:, 0]], judged[pairs[:, 1]], vectors[pairs[:, 1]])


def look(bench: Workbench, pictures: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(n, d) of the second recogniser and (n, 128) of the first for n pictures; rows of NaN where no face is found."""
    finder, judge, conditioner = bench.finder(), bench.model(JUDGE), bench.model(CONDITIONER)
    judged, own = (np.full((len(pictures), size), np.nan, np.float32) for size in (128, 128))
    seen = [(row, picture, find_faces(picture, finder, limit=1)) for row, picture in enumerate(pictures)]
    kept = [(row, picture, faces[0]) for row, picture, faces in seen if faces and faces[0].mesh is not None]
    rows = [row for row, *_ in kept]
    if rows:
        judged[rows] = judge.batch(np.stack([judge.align(picture, face) for _, picture, face in kept]))
        own[rows] = conditioner.batch(np.stack([conditioner.align(picture, face) for _, picture, face in kept]))
    return judged, own


def sheet(bench: Workbench, references: References, draw: Draw, count: int, together: int = 2) -> Sheet:
    """`count` pictures of everybody, drawn some people at a time; the n-th call's seed is n."""
    judged, own = [], []
    for seed, start in enumerate(range(0, len(references), together)):
        pictures = draw(np.repeat(references.vectors[start : start + together], count, axis=0), seed)
        seen = look(bench, pictures)
        judged.append(seen[0].reshape(-1, count, seen[0].shape[1]))
        own.append(seen[1].reshape(-1, count, seen[1].shape[1]))
    return Sheet(np.concatenate(judged), np.concatenate(own))


@dataclass(frozen=True, slots=True)
class Figures:
    """own, impostor: mean cosine by the second recogniser to the person told, and to others. auc: that own outscores
    other.
    accepted: share of pictures above its threshold at FAR 1 %. near: share of pictures whom the conditioner takes for
    the person.
    diversity: mean distance (1 − cosine) among one person's pictures, over half the mean distance of different
    references.
    """

    own: Interval
    impostor: Interval
    auc: Interval
    accepted: Interval
    near: Interval
    diversity: Interval
    faces: float
    people: int
    pictures: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON: every interval as [value, low, high]."""
        found: dict[str, Any] = {"faces": round(self.faces, 4), "people": self.people, "pictures": self.pictures}
        for name in ("own", "impostor", "auc", "accepted", "near", "diversity"):
            value = getattr(self, name)
            found[name] = [round(float(x), 4) for x in (value.value, value.low, value.high)]
        return found

    def __str__(self) -> str:
        names = ("own", "impostor", "auc", "accepted", "near", "diversity")
        return " ".join(f"{name} {getattr(self, name)}" for name in names) + f" faces {self.faces:.3f}"


def measure(seen: Sheet, references: References, thresholds: tuple[float, float], rounds: int = 300) -> Figures:
    """The figures of a sheet, with 95 % intervals over people. thresholds: of the second recogniser, and of the first
    (a distance)."""
    missing = ~np.isfinite(seen.judged[..., 0])
    cosines = np.einsum("nmd,kd->nmk", np.nan_to_num(seen.judged), references.judged)
    cosines[missing] = -1
    near = (np.nan_to_num(np.linalg.norm(seen.own - references.own[:, None], axis=2), nan=9) <= thresholds[1]).mean(1)
    count = len(references)
    own = np.stack([cosines[row, :, row] for row in range(count)])
    other = cosines.mean(1)
    between = references.judged @ references.judged.T
    within = np.einsum("nmd,nkd->nmk", np.nan_to_num(seen.judged), np.nan_to_num(seen.judged))
    first, second = np.triu_indices(own.shape[1], 1)
    spread = (1 - within[:, first, second]).mean(1)

    def values(rows: np.ndarray) -> list[float]:
        different = rows[:, None] != rows[None]
        columns = cosines[rows][:, :, rows].transpose(0, 2, 1)[different]
        scores = np.concatenate([own[rows].ravel(), columns.ravel()])
        same = np.concatenate([np.ones(own[rows].size), np.zeros(columns.size)])
        apart = 1 - between[np.ix_(rows, rows)][different].mean()
        accepted = (own[rows] >= thresholds[0]).mean()
        mean = other[np.ix_(rows, rows)][different].mean()
        return [
            own[rows].mean(),
            mean,
            auc(scores, same),
            accepted,
            near[rows].mean(),
            spread[rows].mean() / (apart / 2),
        ]

    rng = np.random.default_rng(0)
    drawn = np.array([values(rng.integers(0, count, count)) for _ in range(rounds)])
    means = [interval(value, drawn[:, column]) for column, value in enumerate(values(np.arange(count)))]
    return Figures(means[0], means[1], means[2], means[3], means[4], means[5], seen.faces, count, own.shape[1])


def frechet(first: np.ndarray, second: np.ndarray) -> float:
    """The Fréchet distance of two sets of vectors (n, d) taken as normal (Heusel et al., arXiv 1706.08500, eq. 6); here
    of a recogniser's vectors, so that it is a proxy and no FID.
    """
    means = [vectors.mean(0) for vectors in (first, second)]
    spreads = [np.cov(vectors.astype(np.float64), rowvar=False) for vectors in (first, second)]
    values, basis = np.linalg.eigh(spreads[0])
    root = basis @ np.diag(np.sqrt(np.clip(values, 0, None))) @ basis.T
    shared = np.sqrt(np.clip(np.linalg.eigvalsh(root @ spreads[1] @ root), 0, None)).sum()
    return float(((means[0] - means[1]) ** 2).sum() + np.trace(spreads[0]) + np.trace(spreads[1]) - 2 * shared)


def frechet_of(seen: Sheet, faces: np.ndarray) -> dict[str, float]:
    """The Fréchet distance between the second recogniser's vectors of a sheet and of held-out faces (n, d) of the GAN,
    beside what two halves of those faces have.
    """
    drawn = seen.judged.reshape(-1, seen.judged.shape[2])
    drawn = drawn[np.isfinite(drawn[:, 0])]
    half = len(faces) // 2
    return {
        "to_faces": round(frechet(drawn, faces), 4),
        "between_halves": round(frechet(faces[:half], faces[half:]), 4),
    }
