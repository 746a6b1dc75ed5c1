"""From many answers to one: majority, one-coin and full Dawid–Skene, Bradley–Terry, and the chance that a pair is the
same.

Every function takes counted judgements (see `judgements.counted`); none decides whose answers count.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import choix
import numpy as np
import pandas as pd

from workbench.errors import StudyError
from workbench.labeling.statistics.judgements import kinds, one_task
from workbench.labeling.study.tasktypes import find_task

POOLING = 20.0
"""Votes by which a rater's use of six levels is drawn to everyone's; on simulated studies 10 to 50 gave the same, 0
clearly worse."""


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """Who answered what, as numbers. item, rater, answer: (n,) int, places in `items`, `raters` and `classes`."""

    items: tuple[str, ...]
    raters: tuple[str, ...]
    classes: tuple[str, ...]
    item: np.ndarray
    rater: np.ndarray
    answer: np.ndarray

    def counts(self) -> np.ndarray:
        """(items, classes) int: votes of every item for every class."""
        width = len(self.classes)
        return np.bincount(self.item * width + self.answer, minlength=len(self.items) * width).reshape(
            len(self.items), width
        )


@dataclass(frozen=True, slots=True, eq=False)
class Consensus:
    """What Dawid–Skene believes.

    items, raters, classes: names. posterior: (items, classes) float64, rows sum to 1. prior: (classes,). confusion:
    (raters, classes, answers): the chance that a rater gives an answer when a class is true. fit: log-likelihood after
    each round, rising.
    """

    items: tuple[str, ...]
    raters: tuple[str, ...]
    classes: tuple[str, ...]
    posterior: np.ndarray
    prior: np.ndarray
    confusion: np.ndarray
    fit: tuple[float, ...]

    def labels(self) -> pd.Series:
        """Item to its likeliest class; of equal ones (to nine digits) the first by name."""
        likeliest = self.posterior.round(9).argmax(axis=1)
        return pd.Series([self.classes[i] for i in likeliest], index=list(self.items), dtype=object)

    def probability(self, name: str) -> pd.Series:
        """Item to the posterior of one class."""
        if name not in self.classes:
            raise StudyError(f"Consensus: expected a class among {', '.join(self.classes)}, got {name!r}.")
        return pd.Series(self.posterior[:, self.classes.index(name)], index=list(self.items))


def votes(rows: pd.DataFrame, answers: pd.Series | None = None) -> Votes:
    """Judgements as numbers; `answers` (aligned with rows) replaces the coarse classes of `kinds`.

    Raises StudyError when there is no judgement.
    """
    if not len(rows):
        raise StudyError("Aggregation: expected at least one judgement, got none.")
    given = (kinds(rows) if answers is None else answers).astype(str).to_numpy()
    items, item = np.unique(rows["item"].astype(str).to_numpy(), return_inverse=True)
    raters, rater = np.unique(rows["rater"].astype(str).to_numpy(), return_inverse=True)
    classes, answer = np.unique(given, return_inverse=True)
    return Votes(tuple(items.tolist()), tuple(raters.tolist()), tuple(classes.tolist()), item, rater, answer)


def majority(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per item: label (None on a tie), share of the votes it got, votes, tied.

    A tie is told, not tossed: a coin here would look like knowledge later.
    """
    cast = votes(rows)
    counts = cast.counts()
    top = counts.max(axis=1)
    tied = (counts == top[:, None]).sum(axis=1) > 1
    labels = [None if tie else cast.classes[i] for tie, i in zip(tied, counts.argmax(axis=1), strict=True)]
    total = counts.sum(axis=1)
    columns = {"label": pd.Series(labels, dtype=object), "share": top / total, "votes": total, "tied": tied}
    return pd.DataFrame(columns).set_index(pd.Index(cast.items, name="item"))


def one_coin(cast: Votes, rounds: int = 100, tolerance: float = 1e-6, smoothing: float = 0.01) -> Consensus:
    """Dawid–Skene with one number per rater: the chance of being right, all mistakes alike (Zhang et al. 2016, section
    2).

    smoothing: votes added to each rater's right and wrong answers. Stops when the mean log-likelihood of an item gains
    less than `tolerance`, or after `rounds`. Steadier than the full model when raters gave few answers.
    """
    width = len(cast.classes)

    def confusion(posterior: np.ndarray) -> np.ndarray:
        right = (
            np.bincount(cast.rater, weights=posterior[cast.item, cast.answer], minlength=len(cast.raters)) + smoothing
        )
        total = np.bincount(cast.rater, minlength=len(cast.raters)) + 2 * smoothing
        accuracy = (right / total)[:, None, None]
        eye = np.eye(width)[None]
        return np.asarray(accuracy * eye + (1 - accuracy) / max(width - 1, 1) * (1 - eye))

    counts = cast.counts()
    return _expectation_maximisation(
        cast, cast.classes, counts / counts.sum(axis=1, keepdims=True), confusion, rounds, tolerance
    )


def dawid_skene(
    cast: Votes,
    rounds: int = 100,
    tolerance: float = 1e-6,
    smoothing: float = 0.01,
    pooling: float = 0.0,
    latent: Mapping[str, str] | None = None,
) -> Consensus:
    """Dawid and Skene 1979: each rater has a confusion matrix; EM from the shares of the votes.

    smoothing: votes added to each cell. pooling: votes added to each row as all raters together spread theirs, so that
    a rater with few answers is taken for an average one. latent: answer to the class it speaks for, when answers are
    finer than classes (six levels of confidence for same and different); the posterior is then over those classes.
    Raises StudyError for an answer without one.
    """
    names = tuple(sorted(set(latent.values()))) if latent else cast.classes
    missing = [answer for answer in cast.classes if latent and answer not in latent]
    if missing:
        raise StudyError(f"Dawid–Skene: expected a class for every answer, got none for {', '.join(missing)}.")
    member = np.array([names.index(latent[answer] if latent else answer) for answer in cast.classes])
    shape = (len(cast.raters), len(cast.classes))

    def confusion(posterior: np.ndarray) -> np.ndarray:
        cell = cast.rater * shape[1] + cast.answer
        layers = [
            np.bincount(cell, weights=posterior[cast.item, t], minlength=shape[0] * shape[1]).reshape(shape)
            for t in range(len(names))
        ]
        matrix = np.stack(layers, axis=1) + smoothing
        everyone = matrix.sum(axis=0)
        matrix = matrix + pooling * everyone / everyone.sum(axis=1, keepdims=True)
        return np.asarray(matrix / matrix.sum(axis=2, keepdims=True))

    start = cast.counts() @ np.eye(len(names))[member]
    return _expectation_maximisation(
        cast, names, start / start.sum(axis=1, keepdims=True), confusion, rounds, tolerance
    )


def _expectation_maximisation(cast, names, posterior, estimate, rounds, tolerance):  # type: ignore[no-untyped-def]
    fit: list[float] = []
    for _ in range(rounds):
        confusion = estimate(posterior)
        prior = posterior.mean(axis=0)
        log_vote = np.log(np.maximum(confusion, 1e-300))[cast.rater, :, cast.answer]
        joint = np.log(np.maximum(prior, 1e-300)) + np.stack(
            [np.bincount(cast.item, weights=log_vote[:, t], minlength=len(cast.items)) for t in range(len(names))],
            axis=1,
        )
        evidence = np.logaddexp.reduce(joint, axis=1)
        posterior = np.exp(joint - evidence[:, None])
        fit.append(float(evidence.sum()))
        if len(fit) > 1 and abs(fit[-1] - fit[-2]) < tolerance * len(cast.items):
            break
    return Consensus(cast.items, cast.raters, tuple(names), posterior, prior, confusion, tuple(fit))


def probability_same(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per pair of a same/different study: votes, same (votes), by_votes, by_raters.

    by_votes: (same + 1) / (votes + 2), the posterior mean under a flat prior. by_raters: the Dawid–Skene posterior over
    same and different from all six levels of confidence, so that a reliable rater's certainty weighs more.
    """
    if one_task(rows) != "same_different":
        raise StudyError(f"P(same): expected judgements of a same_different study, got {one_task(rows)}.")
    coarse = votes(rows)
    same = (
        coarse.counts()[:, coarse.classes.index("same")]
        if "same" in coarse.classes
        else np.zeros(len(coarse.items), dtype=int)
    )
    total = np.bincount(coarse.item, minlength=len(coarse.items))
    table = pd.DataFrame(
        {"votes": total, "same": same, "by_votes": (same + 1) / (total + 2)}, index=pd.Index(coarse.items, name="item")
    )
    latent = {answer.key: answer.kind for answer in find_task("same_different").answers}
    fine = votes(rows, rows["answer"])
    consensus = dawid_skene(fine, smoothing=0.1, pooling=POOLING, latent={key: latent[key] for key in fine.classes})
    table["by_raters"] = consensus.probability("same") if "same" in consensus.classes else 0.0
    return table


def bradley_terry(
    rows: pd.DataFrame, members: Mapping[str, tuple[str, str, str]], shrinkage: float = 0.01
) -> pd.DataFrame:
    """How alike two faces are, from triplets and odd-one-out choices: one row per unordered pair of faces that was ever
    compared.

    Columns: first, second, strength (natural log units, mean 0 within a component), comparisons, component. members:
    item to its three images in the item's own order; for a triplet the first is the reference. Triplet: the chosen
    image's pair with the reference beats the other's (Bradley and Terry 1952). Odd one out: the pair left beats both
    pairs with the odd one (Luce choice, top-1 Plackett–Luce).
    shrinkage: choix's `alpha`, keeps a pair that always won finite. Strengths of different components cannot be
    compared. Raises StudyError for other tasks and for items without members.
    """
    task = one_task(rows)
    if task not in ("triplet", "odd_one_out"):
        raise StudyError(f"Bradley–Terry: expected judgements of triplet or odd_one_out, got {task}.")
    lost = sorted(set(rows["item"].astype(str)) - set(members))
    if lost:
        raise StudyError(f"Bradley–Terry: expected the images of every item, got none for {', '.join(lost[:5])}.")
    choices = [
        _choice(task, members[str(item)], int(answer[-1]) - 1)
        for item, answer in zip(rows["item"], rows["answer"], strict=True)
    ]
    pairs = sorted({pair for won, beaten in choices for pair in (won, *beaten)})
    place = {pair: i for i, pair in enumerate(pairs)}
    data = [(place[won], tuple(place[pair] for pair in beaten)) for won, beaten in choices]
    strength = choix.ilsr_top1(len(pairs), data, alpha=shrinkage, max_iter=1000)
    component = _components(len(pairs), data)
    seen = np.bincount([i for won, beaten in data for i in (won, *beaten)], minlength=len(pairs))
    table = pd.DataFrame(pairs, columns=["first", "second"])
    table["strength"], table["comparisons"], table["component"] = strength, seen, component
    table["strength"] -= table.groupby("component")["strength"].transform("mean")
    return table


def _choice(
    task: str, images: tuple[str, str, str], chosen: int
) -> tuple[tuple[str, str], tuple[tuple[str, str], ...]]:
    def pair(i: int, j: int) -> tuple[str, str]:
        first, second = sorted((images[i], images[j]))
        return first, second

    if task == "triplet":
        return pair(0, chosen), (pair(0, 3 - chosen),)
    first, second = (i for i in range(3) if i != chosen)
    return pair(first, second), (pair(first, chosen), pair(second, chosen))


def _components(n: int, data: list[tuple[int, tuple[int, ...]]]) -> np.ndarray:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = np.array([(won, other) for won, beaten in data for other in beaten])
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1])
