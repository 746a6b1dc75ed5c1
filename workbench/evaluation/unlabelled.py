"""Accuracy and bias of recognisers without labels: the Rapid Test of Caltech's vision lab, rule for rule.

For every person there is a folder of photos that a search gave and nobody verified: most show the person, some show
somebody else. Recognisers that agree on one group of like faces in it vote for who is who, and their error rates are
counted against the vote. Knows scores only, no model.

The rule (caltechvisionlab/frt-rapid-test): confidences normalised by a mixture of two normal distributions, singular
values for the number of groups, squared singular vectors for membership, a gate, and a majority.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.errors import BadRequest

RATIO, MAGNITUDE, MEMBER = 1.5, 4.0, 0.2
"""A gap between singular values; the least of them that is a group; the least weight of a member."""
LEAST_FACES, LEAST_OWN = 8, 5
"""Faces of a person, and how many of them every recogniser must put into the one group."""
BLIND = (
    "Folders without strangers: the scale of the scores then splits the person's own pairs, misses are voted strangers "
    "and miss rates come out far too low.",
    "Hard faces drop out: a face that every recogniser misses is voted a stranger, so its misses count as right "
    "rejections.",
    "Errors that recognisers share are invisible: what most of them get wrong is taken for the truth.",
    "A look-alike that most recognisers take for the person is voted the person.",
    "People in whose folder somebody does not find exactly one group are left out; those are the hard ones.",
    "Strangers are those of the same search and other people searched for: no sample of all strangers.",
)
"""What the test cannot see, a sentence each."""


@dataclass(frozen=True, slots=True, eq=False)
class Voted:
    """One person whose photos passed the gate. own: (n,) bool, voted the person by most. by: recogniser → (n,) bool."""

    person: str
    own: np.ndarray
    by: Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Refused:
    """A person who did not pass, and why."""

    person: str
    why: str


def mixture(values: np.ndarray) -> tuple[float, float]:
    """The means, low and high, of the two normal distributions whose mixture fits values (n,) best. Raises BadRequest
    for fewer than four or equal ones."""
    from sklearn.mixture import GaussianMixture

    given = np.asarray(values, np.float64).reshape(-1, 1)
    if len(given) < 4 or np.ptp(given) == 0:
        raise BadRequest(f"Expected at least four different confidences, got {len(given)}.")
    low, high = sorted(GaussianMixture(n_components=2, random_state=42).fit(given).means_.ravel().tolist())
    return low, high


def normalised(matrices: Sequence[np.ndarray]) -> list[np.ndarray]:
    """One recogniser's confidences for every person, each (n, n), with the mixture's lower mean at 0, its upper at 1,
    clipped, and 1 on the diagonal."""
    low, high = mixture(np.concatenate([each[np.triu_indices(len(each), 1)] for each in matrices]))
    found = []
    for each in matrices:
        scaled = np.clip((np.asarray(each, np.float64) - low) / max(high - low, 1e-12), 0, 1)
        np.fill_diagonal(scaled, 1.0)
        found.append(scaled)
    return found


def groups(confidences: np.ndarray) -> np.ndarray:
    """(n,) int: the group of each face of a symmetric matrix (n, n) of confidences from 0 to 1, -1 for none.

    As the published code clusters by default: memberships are read from the singular vectors as they come, sign turned
    to a positive mean. A face in several groups belongs to the last. Raises BadRequest for no such matrix.
    """
    given = np.asarray(confidences, np.float64)
    if given.ndim != 2 or given.shape[0] != given.shape[1] or not np.allclose(given, given.T):
        raise BadRequest(f"Expected a symmetric matrix of confidences, got shape {given.shape}.")
    vectors, values, _ = np.linalg.svd(given)
    found = np.full(len(given), -1)
    for k in range(count(values)):
        own = vectors[:, k] * np.sign(vectors[:, k].mean())
        found[values[k] * own**2 * np.sign(own) > MEMBER] = k
    return found


def count(values: np.ndarray) -> int:
    """How many groups singular values, largest first, speak for: looked for from the smallest."""
    for i in range(len(values) - 1, 0, -1):
        if values[i - 1] > MAGNITUDE and values[i - 1] > RATIO * values[i]:
            return i
    return 0


def vote(person: str, confidences: Mapping[str, np.ndarray]) -> Voted | Refused:
    """What recognisers agree on for one person's folder. confidences: recogniser → (n, n), normalised, of the same
    faces."""
    sizes = {len(matrix) for matrix in confidences.values()}
    if len(sizes) != 1:
        raise BadRequest(f"{person}: expected the same faces of every recogniser, got {sorted(sizes)}.")
    (n,) = sizes
    if n < LEAST_FACES:
        return Refused(person, f"{n} faces, fewer than {LEAST_FACES}")
    by: dict[str, np.ndarray] = {}
    for model, matrix in confidences.items():
        found = groups(matrix)
        if (many := int(found.max()) + 1) != 1:
            return Refused(person, f"{model} finds {many} groups instead of one")
        by[model] = found >= 0
        if by[model].sum() < LEAST_OWN:
            return Refused(person, f"{model} finds {int(by[model].sum())} faces of the person, fewer than {LEAST_OWN}")
    return Voted(person, np.sum(list(by.values()), axis=0) > len(by) / 2, by)
