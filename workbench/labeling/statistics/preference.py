"""Rankings from comparisons: which pictures, or which models that made them, people prefer, with intervals, ties and
the pull of a place on the screen.

One likelihood for all tasks that compare. Two results: Bradley and Terry 1952 with ties after Davidson 1970 and a place
effect after Davidson and Beaver 1977. Most and least of four: Plackett–Luce (Luce 1959, Plackett 1975) with the order
of the two in the middle unknown. Without ties and places the strengths are choix's (a test compares them).
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.errors import StudyError
from workbench.labeling.statistics.judgements import one_task, places
from workbench.labeling.study.tasktypes import find_task, picked
from workbench.metrics.roc import Interval, wilson

SHRINKAGE = 0.05
"""Weight of a normal prior on every strength, which keeps one that always won finite."""
MOST = 400
"""Candidates that one ranking can hold."""
EQUAL = 1e-3
"""Strengths (log units) nearer than this are equal: the fit is not more exact, and what it leaves is chance."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """table: a row per candidate, best first: candidate, strength (log units, mean 0), low, high, first (share of
    bootstrap rounds in which it came first), wins (chance to beat another candidate taken at random), comparisons.

    beats: candidate × candidate, how often the row was preferred; ties count half. ties: their share; None where the
    task has none. leftmost: share of choices that fell on the leftmost place that moves; chance is 1 / places. place:
    log odds by which that place pulls, two results only. judgements, raters: behind it.
    """

    table: pd.DataFrame
    beats: pd.DataFrame
    ties: Interval | None
    leftmost: Interval
    places: int
    place: Interval | None
    judgements: int
    raters: int

    def words(self) -> str:
        """The first place in a sentence, and how sure it is."""
        if len(self.table) < 2:
            return "Only one candidate was compared."
        best, second = self.table.iloc[0], self.table.iloc[1]
        if best["strength"] - second["strength"] < EQUAL:
            level = self.table["candidate"][self.table["strength"] > best["strength"] - EQUAL]
            return f"Nobody is preferred: {', '.join(map(str, level))} come out equal at the top."
        share = self.beats.loc[best["candidate"], second["candidate"]]
        total = share + self.beats.loc[second["candidate"], best["candidate"]]
        against = f" Against {second['candidate']}: {share:g} of {total:g}." if total else ""
        return (
            f"{best['candidate']} is preferred: it comes first in {best['first']:.0%} of the resampled studies and "
            f"beats another candidate with a chance of {best['wins']:.0%}.{against}"
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """Comparisons as arrays. pairs: (n, 2) left and right candidate; outcome: (n,) 0 left, 1 right, 2 tie. fours:
    (m, 4) best, two in the middle, worst. cluster: the item each belongs to."""

    count: int
    pairs: np.ndarray
    outcome: np.ndarray
    fours: np.ndarray
    cluster_pairs: np.ndarray
    cluster_fours: np.ndarray
    has_ties: bool


def rank(rows: pd.DataFrame, items: pd.DataFrame, rounds: int = 300, seed: int = 0) -> Ranking:
    """Rank what was compared in the judgements of one task that ranks.

    rows: judgements that count. items: columns item and pictures, each picture (file, sha256[, source]); a picture's
    source is the candidate, or its file where it has none. Intervals: percentile bootstrap over items. Raises
    StudyError for a task that does not rank, an item without pictures and more than MOST candidates.
    """
    task = find_task(one_task(rows))
    if not task.ranks:
        raise StudyError(f"Ranking: expected judgements of a task that compares, got {task.name}.")
    members = {str(i): [_candidate(one) for one in p] for i, p in zip(items["item"], items["pictures"], strict=True)}
    if lost := sorted(set(rows["item"].astype(str)) - set(members)):
        raise StudyError(f"Ranking: expected the pictures of every item, got none for {', '.join(lost[:5])}.")
    names = sorted({name for item in set(rows["item"].astype(str)) for name in members[item][task.fixed :]})
    if len(names) > MOST:
        raise StudyError(f"Ranking: expected at most {MOST} candidates, got {len(names)}.")
    data = _data(rows, members, {name: n for n, name in enumerate(names)}, task.fixed, task.picks)
    best = _fit(data)
    drawn = np.array([_fit(_resampled(data, rng), best) for rng in _generators(rounds, seed)])
    return _ranking(rows, names, data, best, drawn)


def _candidate(picture: Sequence[str]) -> str:
    return str(picture[2]) if len(picture) > 2 and picture[2] else str(picture[0])


def _data(
    rows: pd.DataFrame, members: Mapping[str, list[str]], index: Mapping[str, int], fixed: int, picks: int
) -> _Data:
    place, _ = places(rows)
    pairs, outcome, fours, first, second = [], [], [], [], []
    clusters = {item: n for n, item in enumerate(dict.fromkeys(rows["item"].astype(str)))}
    swapped = rows["swapped"].astype(bool).to_numpy()
    for n, (item, answer) in enumerate(zip(rows["item"].astype(str), rows["answer"].astype(str), strict=True)):
        here, chosen = [index[name] for name in members[item][fixed:]], [one - fixed for one in picked(answer)]
        if picks == 2:
            middle = [one for one in range(len(here)) if one not in chosen]
            fours.append([here[chosen[0]], *(here[one] for one in middle), here[chosen[1]]])
            second.append(clusters[item])
            continue
        left = (chosen[0] if place[n] == 0 else 1 - chosen[0]) if chosen else int(swapped[n])
        left = n % 2 if chosen and place[n] < 0 else left  # imported: where it stood is unknown, and must not count
        pairs.append([here[left], here[1 - left]])
        outcome.append(2 if not chosen else int(chosen[0] != left))
        first.append(clusters[item])
    empty = np.zeros((0, 2), int), np.zeros((0, 4), int)
    return _Data(
        len(index),
        np.array(pairs, int) if pairs else empty[0],
        np.array(outcome, int),
        np.array(fours, int) if fours else empty[1],
        np.array(first, int),
        np.array(second, int),
        2 in outcome,
    )


def _fit(data: _Data, start: np.ndarray | None = None) -> np.ndarray:
    """Strengths, mean 0, then the place effect and the log of the tie parameter: (count + 2,)."""
    from scipy.optimize import minimize

    begin = np.zeros(data.count + 2) if start is None else start
    found = minimize(_loss, begin, args=(data,), jac=True, method="L-BFGS-B").x
    found[: data.count] -= found[: data.count].mean()
    return np.asarray(found)


def _loss(values: np.ndarray, data: _Data) -> tuple[float, np.ndarray]:
    strengths = values[: data.count]
    loss = SHRINKAGE * float(strengths @ strengths)
    slope = np.zeros_like(values)
    slope[: data.count] = 2 * SHRINKAGE * strengths
    loss += 1e-3 * float(values[data.count :] @ values[data.count :])
    slope[data.count :] += 2e-3 * values[data.count :]
    for part in (_pairs_loss, _fours_loss):
        more, change = part(values, data)
        loss, slope = loss + more, slope + change
    return loss, slope


def _pairs_loss(values: np.ndarray, data: _Data) -> tuple[float, np.ndarray]:
    """Minus the log likelihood of two results, after Davidson: left, right and tie have the weights a, b and ν√(ab)."""
    slope = np.zeros_like(values)
    if not len(data.pairs):
        return 0.0, slope
    left, right = data.pairs.T
    a, b = values[left] + values[data.count], values[right]
    tie = (a + b) / 2 + values[data.count + 1] if data.has_ties else np.full(len(a), -np.inf)
    logits = np.stack([a, b, tie], axis=1)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    rows = np.arange(len(a))
    loss = -float(np.log(np.maximum(shares[rows, data.outcome], 1e-300)).sum())
    error = shares.copy()
    error[rows, data.outcome] -= 1
    toward_a, toward_b = error[:, 0] + error[:, 2] / 2, error[:, 1] + error[:, 2] / 2
    np.add.at(slope, left, toward_a)
    np.add.at(slope, right, toward_b)
    slope[data.count] = toward_a.sum()
    slope[data.count + 1] = error[:, 2].sum() if data.has_ties else 0.0
    return loss, slope


def _fours_loss(values: np.ndarray, data: _Data) -> tuple[float, np.ndarray]:
    """Minus the log of the chance of both orders that have this best and this worst."""
    slope = np.zeros_like(values)
    if not len(data.fours):
        return 0.0, slope
    orders = [data.fours, data.fours[:, [0, 2, 1, 3]]]
    chances, slopes = zip(*(_order(values, order) for order in orders), strict=True)
    together = np.logaddexp(*chances)
    for chance, change, order in zip(chances, slopes, orders, strict=True):
        np.add.at(slope, order, -np.exp(chance - together)[:, None] * change)
    return -float(together.sum()), slope


def _order(values: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log chance of whole orders, best first, (m,), and its slope by place, (m, 4)."""
    at = values[order]
    chance, slope = np.zeros(len(order)), np.zeros(order.shape)
    for first in range(order.shape[1] - 1):
        rest = at[:, first:]
        total = np.logaddexp.reduce(rest, axis=1)
        chance += at[:, first] - total
        slope[:, first] += 1
        slope[:, first:] -= np.exp(rest - total[:, None])
    return chance, slope


def _resampled(data: _Data, rng: np.random.Generator) -> _Data:
    """Items drawn with replacement, each with all its judgements."""
    clusters = 1 + max(data.cluster_pairs.max(initial=-1), data.cluster_fours.max(initial=-1))
    times = np.bincount(rng.integers(clusters, size=clusters), minlength=clusters)
    pairs = np.repeat(np.arange(len(data.pairs)), times[data.cluster_pairs]) if len(data.pairs) else np.zeros(0, int)
    fours = np.repeat(np.arange(len(data.fours)), times[data.cluster_fours]) if len(data.fours) else np.zeros(0, int)
    return _Data(
        data.count,
        data.pairs[pairs],
        data.outcome[pairs],
        data.fours[fours],
        data.cluster_pairs[pairs],
        data.cluster_fours[fours],
        data.has_ties,
    )


def _generators(rounds: int, seed: int) -> list[np.random.Generator]:
    return [np.random.default_rng(one) for one in np.random.SeedSequence(seed).spawn(rounds)]


def _ranking(rows: pd.DataFrame, names: list[str], data: _Data, best: np.ndarray, drawn: np.ndarray) -> Ranking:
    strengths, many = best[: data.count], drawn[:, : data.count]
    low, high = np.percentile(many, [2.5, 97.5], axis=0)
    beats = _beats(data)
    chance = 1 / (1 + np.exp(strengths[None, :] - strengths[:, None]))
    np.fill_diagonal(chance, 0.0)
    seen = np.bincount(np.concatenate([data.pairs.ravel(), data.fours.ravel()]), minlength=data.count)
    table = pd.DataFrame(
        {
            "candidate": names,
            "strength": strengths,
            "low": low,
            "high": high,
            "first": leading(many).mean(axis=0),
            "wins": chance.sum(axis=1) / max(data.count - 1, 1),
            "comparisons": seen,
        }
    ).iloc[by_strength(strengths, names)]
    table = table.reset_index(drop=True)
    where, count = places(rows)
    chosen = where[where >= 0]
    pull = drawn[:, data.count]
    place = None
    if len(data.pairs):
        place = Interval(float(best[data.count]), *(float(one) for one in np.percentile(pull, [2.5, 97.5])))
    has_tie = any(answer.key == "tie" for answer in find_task(one_task(rows)).answers)
    return Ranking(
        table,
        pd.DataFrame(beats, index=names, columns=names),
        wilson(int((data.outcome == 2).sum()), len(data.outcome)) if has_tie else None,
        wilson(int((chosen == 0).sum()), len(chosen)),
        count,
        place,
        len(rows),
        int(rows["rater"].nunique()),
    )


def by_strength(strengths: np.ndarray, names: Sequence[str]) -> list[int]:
    """Places of the candidates, strongest first; equal ones (to EQUAL) by name, so that no order is left to chance."""
    falling = sorted(range(len(names)), key=lambda place: -strengths[place])
    steps = [0, *(strengths[a] - strengths[b] >= EQUAL for a, b in itertools.pairwise(falling))]
    level = dict(zip(falling, np.cumsum(steps[: len(falling)]), strict=True))
    return sorted(falling, key=lambda place: (level[place], names[place]))


def leading(many: np.ndarray) -> np.ndarray:
    """Each candidate's share of the first place: (rounds, candidates) strengths → the same, rows sum to 1; equal ones
    share it."""
    first = many > many.max(axis=1, keepdims=True) - EQUAL
    return np.asarray(first / first.sum(axis=1, keepdims=True))


def _beats(data: _Data) -> np.ndarray:
    """How often the row was preferred to the column: (count, count); of four, best beats all and worst loses to all."""
    beats = np.zeros((data.count, data.count))
    for (left, right), outcome in zip(data.pairs, data.outcome, strict=True):
        beats[left, right] += (1.0, 0.0, 0.5)[outcome]
        beats[right, left] += (0.0, 1.0, 0.5)[outcome]
    for one, *middle, last in data.fours:
        for other in (*middle, last):
            beats[one, other] += 1
        for other in middle:
            beats[other, last] += 1
    return beats
