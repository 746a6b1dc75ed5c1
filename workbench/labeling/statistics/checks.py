"""The six checks of one rater's answers: gold, speed, pattern, side, consistency, agreement with the others.

Each returns what was measured, a state and a sentence. What follows from them is decided in `quality`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from workbench.labeling.statistics.judgements import kinds, milliseconds, places
from workbench.labeling.study.study import Exclusion
from workbench.metrics.roc import Interval, wilson

PASSED, DOUBTFUL, FAILED, UNKNOWN = "passed", "doubtful", "failed", "not checked"
SIDE_LEVEL = 0.001
"""Chance of a false alarm that the side test accepts, for each rater."""
GUESSING_ODDS = 100.0
"""A rater whose agreement is this many times likelier under guessing than under the typical rater's has failed."""
LONGEST_PATTERN = 4
"""Answers that repeat with a period up to this are looked for: 1 is straight-lining, 2 is alternating."""
NOTHING = Interval(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one rater. state: passed, doubtful, failed or "not checked". found: the measured value. words: a
    sentence."""

    name: str
    state: str
    found: Interval
    words: str


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """One rater's answers that say something, in the order given, as arrays of one length.

    item, answer, kind, repeat_of: str. value, milliseconds: float64. correct: 1 or 0 on gold, NaN elsewhere. repeat:
    bool. place: where on the screen the chosen image stood, of `places` (0: the answers name no place).
    """

    item: np.ndarray
    answer: np.ndarray
    kind: np.ndarray
    repeat_of: np.ndarray
    value: np.ndarray
    milliseconds: np.ndarray
    correct: np.ndarray
    repeat: np.ndarray
    place: np.ndarray
    places: int

    def __len__(self) -> int:
        return len(self.item)


def by_rater(rows: pd.DataFrame) -> dict[str, Answers]:
    """Given judgements of one task, per rater. Raters in alphabetical order."""
    rows = rows.assign(rater=rows["rater"].astype(str)).sort_values(["rater", "answered_at"], kind="stable")
    place, count = places(rows)
    known = rows["is_gold"].to_numpy(dtype=bool) & rows["correct"].notna().to_numpy()
    correct = np.where(known, rows["correct"].eq(True).to_numpy(dtype=bool), np.nan)
    columns = [rows[name].astype(str).to_numpy(dtype=object) for name in ("item", "answer")]
    columns += [kinds(rows).astype(str).to_numpy(dtype=object), rows["repeat_of"].astype(str).to_numpy(dtype=object)]
    columns += [rows["value"].to_numpy(dtype=np.float64), milliseconds(rows)]
    columns += [correct, rows["is_repeat"].to_numpy(dtype=bool), place if count else np.full(len(rows), -1)]
    names, starts = np.unique(rows["rater"].to_numpy(dtype=object), return_index=True)
    parts = [np.split(column, starts[1:]) for column in columns]
    return {str(name): _answers([part[k] for part in parts], count) for k, name in enumerate(names)}


def _answers(arrays: list[np.ndarray], count: int) -> Answers:
    item, answer, kind, repeat_of, value, milliseconds, correct, repeat, place = arrays
    return Answers(item, answer, kind, repeat_of, value, milliseconds, correct, repeat, place, count)


def check_gold(own: Answers, rules: Exclusion) -> Check:
    """The share of gold items answered right."""
    gold = own.correct[~np.isnan(own.correct)]
    right = int(gold.sum())
    if len(gold) == 0:
        return _unknown("gold", "No gold item was answered.")
    share = wilson(right, len(gold))
    words = f"{right} of {len(gold)} gold items right; the rule asks for {_percent(rules.gold_accuracy)}."
    return Check("gold", _against(share, len(gold), rules.gold_accuracy, rules.smallest), share, words)


def check_speed(own: Answers, rules: Exclusion) -> Check:
    """The share of answers faster than the floor. Nobody compares two faces in less than 300–500 ms."""
    times = own.milliseconds[~np.isnan(own.milliseconds)]
    if len(times) < rules.smallest:
        return _unknown("speed", f"Only {len(times)} response times were recorded; the rule asks for {rules.smallest}.")
    fast = int((times < rules.floor_ms).sum())
    share = wilson(fast, len(times))
    words = (
        f"{fast} of {len(times)} answers came in under {rules.floor_ms} ms; the rule allows "
        f"{_percent(rules.fast_share)}."
    )
    return Check("speed", _below(share, rules.fast_share), share, words)


def check_pattern(own: Answers, rules: Exclusion, usual: Mapping[str, float]) -> Check:
    """Straight-lining and its relatives: the share of one answer, or of answers equal to the one 1 to 4 places before,
    if that is larger.

    usual: every answer's share among all raters; where nearly everyone gives one answer (a rare attribute), the rule
    moves half of the way from there to 1.
    """
    names, answers = np.unique(own.answer, return_inverse=True)
    least = max(rules.smallest, LONGEST_PATTERN + 1) + LONGEST_PATTERN
    if len(answers) < least:
        return _unknown("pattern", f"Only {len(answers)} answers; a pattern is looked for from {least}.")
    counts = np.bincount(answers)
    top, name = int(counts.max()), str(names[counts.argmax()])
    most = wilson(top, len(answers))
    repeats = [
        (int((answers[lag:] == answers[:-lag]).sum()), len(answers) - lag, lag) for lag in range(1, LONGEST_PATTERN + 1)
    ]
    same, of, lag = max(repeats, key=lambda repeat: repeat[0] / repeat[1])
    found = wilson(same, of)
    common = usual.get(name, 0.0)
    allowed = max(rules.straight_share, (1 + common) / 2 if common > 0.5 else 0.0)
    if found.value > most.value:
        words = f"{same} of {of} answers repeat the one {lag} before; the rule allows {_percent(allowed)}."
        return Check("pattern", _below(found, allowed), found, words)
    words = f"{top} of {len(answers)} answers are {name!r}; the rule allows {_percent(allowed)}."
    return Check("pattern", _below(most, allowed), most, words)


def check_side(own: Answers, rules: Exclusion) -> Check:
    """Whether one place on the screen is chosen more than chance allows: exact binomial test, corrected for the number
    of places.

    Sides are shuffled, so an honest rater has none. A proven bias is doubtful; one that decides most answers has
    failed.
    """
    where, count = own.place, own.places
    if count == 0:
        return _unknown("side", "The answers of this task name no place on the screen.", silent=True)
    where = where[where >= 0]  # a tie names none
    if len(where) < rules.smallest:
        return _unknown("side", f"Only {len(where)} answers; the side test asks for {rules.smallest}.")
    chosen = np.bincount(where, minlength=count)
    top = int(chosen.argmax())
    from scipy import stats  # half a second of the app's start, were it imported above

    chance = stats.binomtest(int(chosen[top]), len(where), 1 / count, alternative="greater").pvalue * count
    share = wilson(int(chosen[top]), len(where))
    state = PASSED if chance >= SIDE_LEVEL else FAILED if share.low > (1 + 1 / count) / 2 else DOUBTFUL
    words = (
        f"{chosen[top]} of {len(where)} choices fell on place {top + 1} of {count}; chance of that: "
        f"{min(chance, 1):.2g}."
    )
    return Check("side", state, share, words)


def check_consistency(own: Answers, rules: Exclusion, scale: bool) -> Check:
    """The share of repeated items answered as before. On a scale one step apart counts as alike."""
    if not own.repeat.any():
        return _unknown("consistency", "No repeated item was shown.")
    first = {item: index for index, item in reversed(list(enumerate(own.item))) if not own.repeat[index]}
    pairs = [(first.get(own.item[k], first.get(own.repeat_of[k])), k) for k in np.flatnonzero(own.repeat)]
    known = np.array([pair for pair in pairs if pair[0] is not None], dtype=int).reshape(-1, 2).T
    if known.shape[1] == 0:
        return _unknown("consistency", "No repeated item was answered twice.")
    alike = (
        np.abs(own.value[known[0]] - own.value[known[1]]) <= 1 if scale else own.kind[known[0]] == own.kind[known[1]]
    )
    share = wilson(int(alike.sum()), len(alike))
    words = (
        f"{int(alike.sum())} of {len(alike)} repeated items answered alike; the rule asks for "
        f"{_percent(rules.consistency)}."
    )
    return Check("consistency", _against(share, len(alike), rules.consistency, rules.smallest), share, words)


@dataclass(frozen=True, slots=True)
class Company:
    """A rater beside the others. n: answers compared. found: agreement beyond chance. chance: agreement expected by it
    (classes only)."""

    n: int
    found: Interval
    chance: float = float("nan")


NO_COMPANY = Company(0, NOTHING)


def check_agreement(met: Company, typical: float, rules: Exclusion) -> Check:
    """Leave-one-out agreement, corrected for chance: 1 always with the others, 0 no better than the rater's own answers
    shuffled.

    Classes: Cohen's kappa with the majority of the item's other raters (ties left out); its interval comes from the
    Wilson interval of the raw agreement with chance agreement held fixed. Scales: correlation with the others' mean,
    Fisher interval. Below the rule, a rater whose answers are GUESSING_ODDS times likelier from guessing than from the
    `typical` (median) rater has failed as well.
    """
    if np.isnan(met.found.value):
        why = (
            "they do not vary, so agreement beyond chance is undefined" if met.n else "no item had a majority of others"
        )
        return _unknown("agreement", f"{met.n} answers could be compared with the others'; {why}.")
    state = _against(met.found, met.n, rules.agreement, rules.smallest)
    odds = _guessing_odds(met, typical)
    words = f"{_signed(met.found.value)} beyond chance on {met.n} answers; the rule asks for {rules.agreement:.2f}."
    if met.found.value < rules.agreement and odds >= GUESSING_ODDS and met.n >= rules.smallest:
        return Check(
            "agreement",
            FAILED,
            met.found,
            f"{words} Guessing explains them {_times(odds)} better than the typical rater's {typical:.2f} does.",
        )
    return Check("agreement", state, met.found, words)


def meet_others(first: pd.DataFrame, rest: pd.DataFrame, scale: bool) -> dict[str, Company]:
    """Every rater beside the others. first: counted judgements; rest: what `agreement.others` says of them."""
    seen = (rest["mean"] if scale else rest["majority"]).notna().to_numpy()
    first, rest = first[seen], rest[seen]
    value, mean = first["value"].to_numpy(dtype=np.float64), rest["mean"].to_numpy(dtype=np.float64)
    codes, names = pd.factorize(
        np.concatenate([kinds(first).astype(str).to_numpy(dtype=object), rest["majority"].to_numpy(dtype=object)])
    )
    mine, theirs = codes[: len(first)], codes[len(first) :]
    found = {}
    for rater, rows in first.groupby(first["rater"].astype(str)).indices.items():
        correlated = Company(len(rows), _correlated(value[rows], mean[rows])) if scale else None
        found[str(rater)] = correlated or _kappa(mine[rows], theirs[rows], len(names))
    return found


def _kappa(mine: np.ndarray, theirs: np.ndarray, classes: int) -> Company:
    n = len(mine)
    chance = float((np.bincount(mine, minlength=classes) * np.bincount(theirs, minlength=classes)).sum() / n**2)
    if chance > 1 - 1e-9:
        return Company(n, NOTHING)
    raw = wilson(int((mine == theirs).sum()), n)
    return Company(n, Interval(*((bound - chance) / (1 - chance) for bound in (raw.value, raw.low, raw.high))), chance)


def _correlated(x: np.ndarray, y: np.ndarray) -> Interval:
    if len(x) < 4 or x.std() == 0 or y.std() == 0:
        return NOTHING
    r = float(np.corrcoef(x, y)[0, 1])
    reach = NormalDist().inv_cdf(0.975) / (len(x) - 3) ** 0.5
    centre = np.arctanh(np.clip(r, -0.999999, 0.999999))
    return Interval(r, float(np.tanh(centre - reach)), float(np.tanh(centre + reach)))


def typical_agreement(met: Iterable[Company], rules: Exclusion) -> float:
    """The median agreement of raters with enough answers; NaN without any."""
    values = [
        company.found.value for company in met if company.n >= rules.smallest and np.isfinite(company.found.value)
    ]
    return float(np.median(values)) if values else float("nan")


def _guessing_odds(met: Company, typical: float) -> float:
    """How many times likelier the agreement is if the rater guesses than if the rater is the typical one."""
    if not typical > 0:
        return 0.0
    if np.isnan(met.chance):
        seen, usual = (np.arctanh(np.clip(r, -0.999999, 0.999999)) for r in (met.found.value, typical))
        return float(np.exp(np.clip((met.n - 3) / 2 * ((seen - usual) ** 2 - seen**2), -700, 700)))
    usual = min(met.chance + typical * (1 - met.chance), 0.98)
    agreeing = met.n * (met.chance + met.found.value * (1 - met.chance))
    log = agreeing * np.log(max(met.chance, 1e-3) / usual) + (met.n - agreeing) * np.log((1 - met.chance) / (1 - usual))
    return float(np.exp(np.clip(log, -700, 700)))


def _against(found: Interval, n: int, least: float, smallest: int) -> str:
    return PASSED if found.value >= least else FAILED if found.high < least else DOUBTFUL if n >= smallest else UNKNOWN


def _below(found: Interval, most: float) -> str:
    return PASSED if found.value <= most else DOUBTFUL if found.low <= most else FAILED


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _times(odds: float) -> str:
    return f"{odds:.0f} times" if odds < 10_000 else "over 10,000 times"


def _unknown(name: str, words: str, silent: bool = False) -> Check:
    return Check(name, UNKNOWN, NOTHING, "" if silent else words)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
