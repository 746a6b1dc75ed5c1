"""A recogniser on pairs: verification with intervals over people, error rates per group at one threshold, and
identification among many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.errors import BadRequest
from workbench.evaluation.weighing import LEAST, Gap, two_sided
from workbench.metrics import pairs as figures
from workbench.metrics.roc import Interval, auc, auc_replicates, interval, resample, wilson


@dataclass(frozen=True, slots=True, eq=False)
class Verified:
    """One recogniser's scores on pairs. similarity: (n,), more is more alike. threshold: in that unit, None when the
    model has none. sides: ids of both photos of each pair. people: who is on either side."""

    similarity: np.ndarray
    same: np.ndarray
    sides: tuple[tuple[str, str], ...]
    people: tuple[list[str], list[str]]
    threshold: float | None

    def report(self, rounds: int = 1000) -> figures.Report:
        """AUC, EER, TAR at FAR 1 %, and FAR and TAR at the model's threshold."""
        return figures.measure(self.similarity, self.same, self.people, self.threshold, rounds)

    def hardest(self, count: int = 10) -> list[tuple[str, str, bool, float]]:
        """(id, id, same, similarity): the least alike same pairs and the most alike different ones, in turn."""
        order = np.argsort(self.similarity, kind="stable")
        same = [i for i in order if self.same[i]][:count]
        different = [i for i in order[::-1] if not self.same[i]][:count]
        return [(*self.sides[i], bool(self.same[i]), float(self.similarity[i])) for i in (*same, *different)]

    def rates(
        self, groups: Mapping[str, Mapping[str, str]], least: int = LEAST
    ) -> dict[str, tuple[Interval, Interval, int, int]]:
        """ "column: value" → false match rate, false non-match rate (Wilson intervals), different and same pairs, where
        both photos of a pair are of the group; at one threshold for all (Grother et al. 2019, NIST IR 8280, section 3).

        Groups with fewer than `least` same or different pairs are left out. Raises BadRequest without a threshold.
        """
        if self.threshold is None:
            raise BadRequest("This recogniser has no calibrated threshold, so it has no error rates at one.")
        accepted = self.similarity >= self.threshold
        found: dict[str, tuple[Interval, Interval, int, int]] = {}
        for name, inside in self.members(groups).items():
            different, same = inside & ~self.same, inside & self.same
            if different.sum() >= least and same.sum() >= least:
                found[name] = (
                    wilson(int((accepted & different).sum()), int(different.sum())),
                    wilson(int((~accepted & same).sum()), int(same.sum())),
                    int(different.sum()),
                    int(same.sum()),
                )
        return found

    def members(self, groups: Mapping[str, Mapping[str, str]]) -> dict[str, np.ndarray]:
        """ "column: value" → (n,) bool: pairs whose photos are both of that group."""
        first = [groups.get(a, {}) for a, _ in self.sides]
        second = [groups.get(b, {}) for _, b in self.sides]
        names = sorted({(column, value) for row in (*first, *second) for column, value in row.items() if value})
        return {
            f"{column}: {value}": np.array(
                [a.get(column) == value and b.get(column) == value for a, b in zip(first, second, strict=True)]
            )
            for column, value in names
        }


def compare(first: Verified, second: Verified, rounds: int = 1000) -> Gap:
    """AUC of the first minus AUC of the second on the same pairs; people of the first photo are drawn together."""
    draws = resample(len(first.same), rounds, 0, clusters=np.array(first.people[0]))
    gaps = auc_replicates(first.similarity, first.same, draws) - auc_replicates(second.similarity, second.same, draws)
    value = auc(first.similarity, first.same) - auc(second.similarity, second.same)
    return Gap(interval(value, gaps), two_sided(gaps), len(first.same))


@dataclass(frozen=True, slots=True)
class Identified:
    """One photo per person is the gallery, every other photo a probe.

    rank_1: share of probes whose nearest gallery photo is their person's. open_set: share of probes accepted for the
    right person when 1 % of strangers' probes are accepted for anybody (TPIR at FPIR 1 %); each probe is also asked
    with its own person taken out of the gallery. people, probes: how many.
    """

    rank_1: Interval
    open_set: Interval
    people: int
    probes: int


def identify(vectors: Mapping[str, np.ndarray], people: Mapping[str, str], metric: str) -> Identified | None:
    """1:N identification (ISO/IEC 19795-1; Phillips et al. 2011). vectors: id → (d,). people: id → who. None where
    nobody has two photos."""
    from workbench.tasks.recognition import similarities

    gallery: dict[str, str] = {}
    for id_ in sorted(vectors):
        if people.get(id_):
            gallery.setdefault(people[id_], id_)
    probes = [id_ for id_ in sorted(vectors) if people.get(id_) and gallery[people[id_]] != id_]
    if not probes or len(gallery) < 2:
        return None
    names = list(gallery)
    base = np.stack([vectors[gallery[name]] for name in names])
    right, own, strangers = [], [], []
    for probe in probes:
        scores = similarities(np.repeat(vectors[probe][None], len(base), axis=0), base, metric)
        place = names.index(people[probe])
        right.append(int(scores.argmax()) == place)
        own.append(float(scores[place]) if right[-1] else -np.inf)
        strangers.append(float(np.delete(scores, place).max()))
    bound = float(np.quantile(strangers, 0.99))
    return Identified(
        wilson(sum(right), len(probes)),
        wilson(sum(score >= bound for score in own), len(probes)),
        len(gallery),
        len(probes),
    )


def known_people(ids: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """id → who, without the unknown."""
    return {id_: name for id_, name in zip(ids, names, strict=True) if name}
