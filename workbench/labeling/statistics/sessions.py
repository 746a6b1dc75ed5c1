"""How raters fare over a session: slower, faster or less in step with the others towards its end and after a break;
how long they took, and what that makes their pay.

Lines are of all raters together; intervals draw raters, because another study would have others.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.labeling.statistics.agreement import others
from workbench.labeling.statistics.judgements import given, is_imported, milliseconds
from workbench.metrics.roc import Interval, interval, resample

BINS = 10
"""Steps of a session in the figure."""
AWAY = 300.0
"""Seconds; a longer gap between two answers is a pause, and only so much of it is counted as work."""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """over: a row per step of the session: step (answers so far), judgements, seconds (geometric mean) with low and
    high, agrees (share equal to the majority of the item's others) with its low and high. within: the same by place in
    the block, so since the last break. words: what changes between the first and the last third, in a sentence each."""

    over: pd.DataFrame
    within: pd.DataFrame
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Paid:
    """minutes: median time at work. hourly: the reward over it, None without a reward. least: a tenth of the raters had
    less than this an hour. raters: counted."""

    minutes: Interval
    hourly: Interval | None
    least: float | None
    raters: int


def course(rows: pd.DataFrame, several_classes: bool = True, rounds: int = 200) -> Course | None:
    """The course of sessions; None with fewer than two raters of 2 × BINS answers.

    rows: judgements that count. several_classes: False where answers cannot agree (all of one class).
    """
    rows = rows.sort_values(["rater", "answered_at"], kind="stable")
    many = rows.groupby("rater")["item"].transform("size") >= 2 * BINS
    rows = rows[many]
    if rows["rater"].nunique() < 2:
        return None
    place = rows.groupby("rater").cumcount().to_numpy()
    block = rows.groupby(["rater", "block"]).cumcount().to_numpy()
    agrees = others(rows)["agrees"].to_numpy() if several_classes else np.full(len(rows), np.nan)
    log = np.log(np.maximum(milliseconds(rows), 1) / 1000)
    rater = np.unique(rows["rater"].to_numpy(), return_inverse=True)[1]
    over = _steps(place, rater, log, agrees, rounds)
    within = _steps(block, rater, log, agrees, rounds)
    return Course(over, within, _words(place, rater, log, agrees, rounds))


def paid(judgements: pd.DataFrame, reward: float = 0.0, rounds: int = 300) -> Paid | None:
    """Time at work and pay per hour, over raters with five answers or more; None without any. Imported answers are left
    out.

    reward: for a whole visit, in the study's currency. Gaps over AWAY seconds count as AWAY.
    """
    table = given(judgements)
    table = table[~is_imported(table)]
    shown, answered = (pd.to_datetime(table[name], utc=True) for name in ("shown_at", "answered_at"))
    table = table.assign(shown=shown, answered=answered).sort_values(["rater", "answered"], kind="stable")
    minutes = [_minutes(own) for _, own in table.groupby("rater") if len(own) >= 5]
    if not minutes:
        return None
    worked = np.array(minutes)
    draws = np.random.default_rng(0).integers(len(worked), size=(rounds, len(worked)))
    middle = interval(float(np.median(worked)), np.median(worked[draws], axis=1))
    if not reward:
        return Paid(middle, None, None, len(worked))
    rates = reward / (worked / 60)
    hourly = interval(float(np.median(rates)), np.median(rates[draws], axis=1))
    return Paid(middle, hourly, float(np.quantile(rates, 0.1)), len(worked))


def _minutes(own: pd.DataFrame) -> float:
    first = min((own["answered"].iloc[0] - own["shown"].iloc[0]).total_seconds(), AWAY)
    gaps = own["answered"].diff().dt.total_seconds().iloc[1:].clip(0, AWAY).sum()
    return max((first + float(gaps)) / 60, 1 / 60)


def _steps(place: np.ndarray, rater: np.ndarray, log: np.ndarray, agrees: np.ndarray, rounds: int) -> pd.DataFrame:
    edges = np.unique(np.quantile(place, np.linspace(0, 1, BINS + 1)).astype(int))
    step = np.clip(np.searchsorted(edges, place, side="right") - 1, 0, max(len(edges) - 2, 0))
    rows = []
    for n in range(int(step.max()) + 1):
        own = step == n
        if not own.any():
            continue
        slow, same = _mean(log[own], rater[own], rounds), _mean(agrees[own], rater[own], rounds)
        times = [float(np.exp(one)) for one in (slow.value, slow.low, slow.high)]
        row = (int(place[own].mean().round()) + 1, int(own.sum()), *times)
        rows.append((*row, same.value, same.low, same.high))
    names = ["step", "judgements", "seconds", "seconds_low", "seconds_high", "agrees", "agrees_low", "agrees_high"]
    return pd.DataFrame(rows, columns=names)


def _mean(values: np.ndarray, rater: np.ndarray, rounds: int) -> Interval:
    known = np.isfinite(values)
    if not known.any():
        return Interval(float("nan"), float("nan"), float("nan"))
    members = np.unique(rater[known], return_inverse=True)[1]
    sums, sizes = np.bincount(members, values[known]), np.bincount(members)
    draws = resample(len(sizes), rounds, 0)
    return interval(float(values[known].mean()), (draws @ sums) / (draws @ sizes))


def _words(place: np.ndarray, rater: np.ndarray, log: np.ndarray, agrees: np.ndarray, rounds: int) -> tuple[str, ...]:
    """The last third beside the first, every rater against themselves."""
    sizes = np.bincount(rater)
    third = place * 3 // np.maximum(sizes[rater], 1)
    told = []
    for values, name, scale in ((log, "Time", "percent"), (agrees, "Agreement", "points")):
        change = _change(values, rater, third, rounds)
        if not np.isfinite(change.value):
            continue
        ends = (change.value, change.low, change.high)
        value, low, high = (100 * (np.exp(end) - 1) if scale == "percent" else 100 * end for end in ends)
        sure = "" if low > 0 or high < 0 else ", which chance could make"
        unit = " %" if scale == "percent" else " points"
        told.append(f"{name} in the last third against the first: {value:+.1f}{unit} [{low:+.1f}, {high:+.1f}]{sure}.")
    return tuple(told)


def _change(values: np.ndarray, rater: np.ndarray, third: np.ndarray, rounds: int) -> Interval:
    """Mean over raters of their own last third minus their first, with its interval over raters."""
    own = pd.DataFrame({"rater": rater, "third": third, "value": values}).dropna()
    means = own.groupby(["rater", "third"])["value"].mean().unstack()
    if 0 not in means or 2 not in means:
        return Interval(float("nan"), float("nan"), float("nan"))
    changes = (means[2] - means[0]).dropna().to_numpy()
    if len(changes) < 2:
        return Interval(float("nan"), float("nan"), float("nan"))
    return interval(float(changes.mean()), resample(len(changes), rounds, 0) @ changes / len(changes))
