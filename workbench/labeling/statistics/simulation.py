"""Raters whose reliability is known because it was made: for trying out a study, its rules and every statistic before
anyone is paid.

A rater perceives evidence for "same": half of d′ for or against, plus what makes the pair hard for everyone, plus
private noise (equal-variance signal detection, Green and Swets 1966), and cuts it into levels of confidence. What comes
out is simulated and must be called so.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.errors import StudyError
from workbench.labeling.statistics.judgements import COLUMNS, kinds
from workbench.labeling.study.certainty import is_certain
from workbench.labeling.study.tasktypes import display_order, find_task

CUTS = (-1.2, -0.5, 0.0, 0.5, 1.2)
"""Where evidence turns into the next of the six levels of same/different, in units of private noise, before the rater's
own bias."""


@dataclass(frozen=True, slots=True)
class SimulatedRater:
    """One made-up rater. kind: careful, random, one_answer, alternating, hasty or one_side.

    sensitivity: d′ without the pair's own difficulty. bias: added to the evidence, above 0 says "same" more often.
    seconds: median response time.
    """

    name: str
    kind: str = "careful"
    sensitivity: float = 2.5
    bias: float = 0.0
    seconds: float = 4.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How the simulated study is run. per_item: raters per item. gold, repeats: share of a rater's items added as such.

    hardness: standard deviation of the evidence that all raters of a pair share; 0 makes their errors independent.
    block: items per block.
    """

    per_item: int = 5
    gold: float = 0.08
    repeats: float = 0.05
    hardness: float = 0.6
    block: int = 30


def make_raters(careful: int, random: int = 0, seed: int = 0, **others: int) -> list[SimulatedRater]:
    """A crowd: careful raters of varying skill (d′ 1.2 to 3.8) and bias, and so many of each bad kind; shuffled
    names."""
    rng = np.random.default_rng(seed)
    wanted = (
        ["careful"] * careful
        + ["random"] * random
        + [kind for kind, count in sorted(others.items()) for _ in range(count)]
    )
    unknown = set(wanted) - {"careful", "random", "one_answer", "alternating", "hasty", "one_side"}
    if unknown:
        raise StudyError(f"Simulation: unknown kinds of rater: {', '.join(sorted(unknown))}.")
    names = rng.permutation([f"r{number:03d}" for number in range(len(wanted))])
    return [
        SimulatedRater(
            str(name),
            kind,
            float(rng.uniform(1.2, 3.8)),
            float(rng.normal(0, 0.25)),
            0.25 if kind == "hasty" else float(rng.lognormal(np.log(4.0), 0.3)),
        )
        for name, kind in zip(names, wanted, strict=True)
    ]


def simulate(
    items: pd.DataFrame,
    raters: Sequence[SimulatedRater],
    plan: Plan | None = None,
    seed: int = 0,
    study: str = "simulated",
) -> pd.DataFrame:
    """The judgements of a same/different study. items: columns item and same (bool), optionally group and ease (added
    to d′).

    Every item gets `plan.per_item` different raters, least-filled first; gold and repeats are mixed in as the plan
    says. Raises StudyError when there are fewer raters than an item needs.
    """
    plan = plan or Plan()
    if len(raters) < plan.per_item:
        raise StudyError(f"Simulation: expected at least {plan.per_item} raters, got {len(raters)}.")
    rng = np.random.default_rng(seed)
    shared = rng.normal(0, plan.hardness, len(items))
    gold = rng.choice(len(items), max(1, round(plan.gold * len(items))), replace=False)
    shared[gold] = np.where(items["same"].to_numpy(dtype=bool)[gold], 1.0, -1.0)  # gold is chosen to be plain
    shown = [
        _session(rater, number, items, shared, plan, gold, rng, study)
        for rater, number in _assign(len(items), raters, plan, gold, rng)
    ]
    return pd.concat(shown, ignore_index=True)[["label", "seed", *COLUMNS]]


def _assign(n: int, raters: Sequence[SimulatedRater], plan: Plan, gold: np.ndarray, rng: np.random.Generator):  # type: ignore[no-untyped-def]
    load = np.zeros(len(raters))
    lists: list[list[int]] = [[] for _ in raters]
    ordinary = np.setdiff1d(np.arange(n), gold)
    for item in rng.permutation(ordinary):
        for chosen in np.lexsort((rng.random(len(raters)), load))[: plan.per_item]:
            lists[chosen].append(int(item))
            load[chosen] += 1
    return list(zip(raters, lists, strict=True))


def _session(rater, items_of, items, shared, plan, gold, rng, study):  # type: ignore[no-untyped-def]
    own = np.array(items_of, dtype=int)
    tests = rng.choice(gold, min(len(gold), max(1, round(plan.gold * len(own)))), replace=False)
    order = rng.permutation(np.concatenate([own, tests]))
    again = rng.choice(own, min(len(own), max(1, round(plan.repeats * len(own)))), replace=False)
    chosen = np.concatenate([order, again])
    repeat = np.arange(len(chosen)) >= len(order)
    rows = items.iloc[chosen]
    truth = rows["same"].to_numpy(dtype=bool)
    keys, values = _answers(
        rater, truth, shared[chosen], rows["ease"].to_numpy() if "ease" in rows else np.zeros(len(rows)), rng
    )
    kind = np.array([key.split("_")[0] for key in keys])
    seconds = rater.seconds * rng.lognormal(0, 0.35, len(chosen)) * (1 + 0.3 * (np.abs(values) < 2))
    starts = np.cumsum(seconds + 0.3) - seconds
    begin = pd.Timestamp("2026-01-05T09:00:00Z")
    task, seeds = find_task("same_different"), rng.integers(0, 2**31, len(chosen))
    is_gold = np.isin(chosen, gold)
    correct = np.where(is_gold, (kind == "same") == truth, None)
    return pd.DataFrame(
        {
            "label": [f"{rater.name}-{i:05d}" for i in range(len(chosen))],
            "seed": seeds,
            "study": study,
            "item": rows["item"].astype(str).to_numpy(),
            "rater": rater.name,
            "task_type": "same_different",
            "answer": keys,
            "value": values,
            "correct": pd.Series(correct, dtype=object).to_numpy(),
            "is_gold": is_gold,
            "is_repeat": repeat,
            "repeat_of": np.where(repeat, rows["item"].astype(str).to_numpy(), ""),
            "swapped": [display_order(task, int(seed)) != [0, 1] for seed in seeds],
            "response_ms": np.round(1000 * seconds),
            "shown_at": begin + pd.to_timedelta(starts, unit="s"),
            "answered_at": begin + pd.to_timedelta(starts + seconds, unit="s"),
            "flags": "",
            "block": np.arange(len(chosen)) // plan.block,
            "group": rows["group"].astype(str).to_numpy() if "group" in rows else "",
            "propensity": 1.0,
            "supersedes": "",
        }
    )


def _answers(rater, truth, shared, ease, rng):  # type: ignore[no-untyped-def]
    levels = find_task("same_different").answers
    sensitivity = np.maximum(rater.sensitivity + ease, 0)
    evidence = np.where(truth, 1, -1) * sensitivity / 2 + shared + rater.bias + rng.normal(0, 1, len(truth))
    place = np.searchsorted(CUTS, evidence)
    if rater.kind in ("random", "hasty"):
        place = rng.integers(0, len(levels), len(truth))
    if rater.kind == "one_answer":
        place = np.full(len(truth), len(levels) - 1)
    if rater.kind == "alternating":
        place = np.where(np.arange(len(truth)) % 2 == 0, 0, len(levels) - 1)
    return np.array([levels[i].key for i in place]), np.array([levels[i].value for i in place])


def simulate_choices(
    members: dict[str, tuple[str, str, str]],
    places: dict[str, np.ndarray],
    raters: Sequence[SimulatedRater],
    task: str = "triplet",
    per_item: int = 5,
    noise: float = 0.3,
    seed: int = 0,
) -> pd.DataFrame:
    """The judgements of a triplet or odd-one-out study over faces that lie at `places` in a space (image id to (d,)).

    Likeness is minus the distance; a careful rater adds Gumbel noise of scale `noise` and takes the largest, which is a
    Luce choice. A rater of kind one_side always takes the leftmost, one of kind random any.
    """
    shape = find_task(task)
    rng = np.random.default_rng(seed)
    rows = []
    for item, images in members.items():
        for index in rng.choice(len(raters), per_item, replace=False):
            rater, turn = raters[int(index)], int(rng.integers(2**31))
            order = display_order(shape, turn)
            likeness = _likeness(task, [places[image] for image in images]) + rng.gumbel(0, noise, 3 - shape.fixed)
            chosen = int(likeness.argmax())
            if rater.kind == "random":
                chosen = int(rng.integers(len(likeness)))
            if rater.kind == "one_side":
                chosen = order[shape.fixed] - shape.fixed
            answer, swapped = f"image_{chosen + 1 + shape.fixed}", order != list(range(shape.images))
            rows.append((item, rater.name, answer, swapped, turn, 1000 * rater.seconds * rng.lognormal(0, 0.35)))
    table = pd.DataFrame(rows, columns=["item", "rater", "answer", "swapped", "seed", "response_ms"])
    table["answered_at"] = pd.Timestamp("2026-01-05T09:00:00Z") + pd.to_timedelta(np.arange(len(table)), unit="s")
    table = table.assign(
        study="simulated",
        task_type=task,
        value=np.nan,
        correct=None,
        is_gold=False,
        is_repeat=False,
        repeat_of="",
        supersedes="",
    )
    table = table.assign(
        shown_at=table["answered_at"],
        flags="",
        block=0,
        group="",
        propensity=1.0,
        label=[f"c{i:06d}" for i in range(len(table))],
    )
    return table[["label", "seed", *COLUMNS]]


def _likeness(task: str, at: Sequence[np.ndarray]) -> np.ndarray:
    def near(i: int, j: int) -> float:
        return -float(np.linalg.norm(at[i] - at[j]))

    return np.array([near(0, 1), near(0, 2)]) if task == "triplet" else np.array([near(1, 2), near(0, 2), near(0, 1)])


def stopped(
    table: pd.DataFrame, classes: int = 2, certain: float = 0.95, least: int = 3, accuracy: float = 0.8
) -> pd.DataFrame:
    """The judgements that would have been asked for had each item been retired when certain, in the order given: what
    `[assignment] certain` does, for a table in which every item has all its raters."""
    kind = kinds(table)
    keep = np.zeros(len(table), bool)
    for places in table.reset_index(drop=True).groupby("item", sort=False).indices.values():
        counts: Counter[str] = Counter()
        for place in places:
            keep[place] = True
            counts[str(kind.iloc[place])] += 1
            if is_certain(counts, classes, accuracy, least, certain):
                break
    return table[keep]


def simulate_preferences(
    members: Mapping[str, Sequence[str]],
    strengths: Mapping[str, float],
    raters: Sequence[str],
    task: str,
    per_item: int = 5,
    ties: float = 0.0,
    left: float = 0.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Judgements of a study that compares. members: item to its candidates, a reference of `fixed` places before them
    left out. Raters add Gumbel noise to the strengths, so that strengths are log odds; `left` pulls to the leftmost
    place; a difference under `ties` is a tie where the task has one."""
    shape = find_task(task)
    rng = np.random.default_rng(seed)
    rows = []
    for item, candidates in members.items():
        for index in rng.choice(len(raters), min(per_item, len(raters)), replace=False):
            turn = int(rng.integers(2**31))
            order = display_order(shape, turn)
            felt = np.array([strengths[name] for name in candidates]) + rng.gumbel(size=len(candidates))
            felt[order[shape.fixed] - shape.fixed] += left
            names = [f"image_{n + 1 + shape.fixed}" for n in np.argsort(-felt)]
            answer = names[0] if shape.picks == 1 else f"{names[0]}>{names[-1]}"
            if ties and abs(felt[0] - felt[-1]) < ties:
                answer = "tie"
            rows.append((item, raters[int(index)], answer, order != list(range(shape.images)), turn))
    table = pd.DataFrame(rows, columns=["item", "rater", "answer", "swapped", "seed"])
    table["answered_at"] = pd.Timestamp("2026-01-05T09:00:00Z") + pd.to_timedelta(np.arange(len(table)), unit="s")
    table = table.assign(
        study="simulated", task_type=task, value=np.nan, correct=None, is_gold=False, is_repeat=False, repeat_of=""
    )
    table = table.assign(
        supersedes="", shown_at=table["answered_at"], flags="", block=0, group="", propensity=1.0, response_ms=3000.0
    )
    return table.assign(label=[f"p{i:06d}" for i in range(len(table))])[["label", "seed", *COLUMNS]]
