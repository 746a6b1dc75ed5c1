"""How well faces were put together into people, against who they are. Knows numbers only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Share:
    """Precision and recall, 0..1."""

    precision: float
    recall: float

    @property
    def f(self) -> float:
        """Their harmonic mean; 0 when both are."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def bcubed(found: Sequence[int], truth: Sequence[str]) -> Share:
    """BCubed of a grouping (Amigó et al. 2009, section 3.4): the share of a face's group that is its person, and of its
    person's faces that are in its group, both averaged over faces.

    found: (n,) group of each face; -1: in a group of its own. truth: (n,) who it is. Raises BadRequest for none or for
    different lengths.
    """
    table, groups, people = _crossed(found, truth)
    both = table.astype(np.float64) ** 2
    return Share(
        float((both / groups[:, None]).sum() / groups.sum()), float((both / people[None]).sum() / groups.sum())
    )


def pairwise(found: Sequence[int], truth: Sequence[str]) -> Share:
    """The same over pairs of faces: of those put together the share of one person, and of those of one person the share
    put together. Without such pairs: 1."""
    table, groups, people = _crossed(found, truth)
    hits, put, of_one = (float((counts * (counts - 1) // 2).sum()) for counts in (table, groups, people))
    return Share(hits / put if put else 1.0, hits / of_one if of_one else 1.0)


def alone_apart(found: Sequence[int]) -> np.ndarray:
    """(n,) group numbers from 0 in which every face of -1 has one of its own."""
    given = np.asarray(found, np.int64).copy()
    lone = np.flatnonzero(given < 0)
    given[lone] = max(int(given.max(initial=-1)), -1) + 1 + np.arange(len(lone))
    numbers: np.ndarray = np.unique(given, return_inverse=True)[1]
    return numbers


def _crossed(found: Sequence[int], truth: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces of each group and person that have any, and the sizes of the group and of the person of each such cell."""
    if len(found) != len(truth) or not len(truth):
        raise BadRequest(f"Expected a group for each of {len(truth)} faces, got {len(found)}.")
    groups, people = alone_apart(found), np.unique(np.asarray(truth), return_inverse=True)[1]
    table = np.zeros((int(groups.max()) + 1, int(people.max()) + 1), np.int64)
    np.add.at(table, (groups, people), 1)
    return table, table.sum(1), table.sum(0)
