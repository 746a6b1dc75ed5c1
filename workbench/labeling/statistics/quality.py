"""Whether a rater's answers can be relied on: six checks, a verdict, and the reasons in words.

A check that could not be made says so; it is never counted as failed. A verdict removes nothing: the analysis leaves
out raters marked `exclude`, the rows stay. Pay is another question: crowd platforms accept a rejection only for failed
attention checks that were announced.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.labeling.statistics import checks as check
from workbench.labeling.statistics.agreement import is_scale, others
from workbench.labeling.statistics.checks import DOUBTFUL, FAILED, UNKNOWN, Answers, Check
from workbench.labeling.statistics.judgements import counted, given, latest, one_task
from workbench.labeling.study.study import Exclusion
from workbench.labeling.study.tasktypes import SKIP, find_task

NAMES = ("gold", "speed", "pattern", "side", "consistency", "agreement")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checks say of a rater.

    verdict: ok, flag or exclude. reasons: a sentence for each check that failed or is doubtful, failed first.
    unchecked: a sentence for each that could not be made. judged: answers given, without skips. skipped: skips.
    seconds: median response time.
    """

    rater: str
    verdict: str
    reasons: tuple[str, ...]
    unchecked: tuple[str, ...]
    checks: tuple[Check, ...]
    judged: int
    skipped: int
    seconds: float

    def check(self, name: str) -> Check:
        """The check of this name: gold, speed, pattern, side, consistency or agreement."""
        return next(made for made in self.checks if made.name == name)


def assess(table: pd.DataFrame, rules: Exclusion) -> list[Verdict]:
    """A verdict for every rater of a table of judgements of one task, worst first.

    A share beyond its rule is *doubtful* while its 95 % Wilson interval still reaches the rule, and *failed* beyond
    that: few answers can raise a flag but do not exclude, and fewer than `rules.smallest` do not even flag. One failed
    check excludes, one doubtful flags. A rater without any answer that counts is flagged for that.
    """
    table = table.reset_index(drop=True)
    rows, everything = given(table), latest(table)
    skipped = everything[everything["answer"] == SKIP].groupby("rater").size()
    silent = sorted(set(everything["rater"]) - set(rows["rater"]))
    verdicts = [_silent(str(rater), int(skipped.get(rater, 0))) for rater in silent]
    if len(rows):
        verdicts += [
            _verdict(rater, own, made, int(skipped.get(rater, 0)))
            for rater, own, made in _checked(rows, counted(table, gold=True), rules)
        ]
    return sorted(verdicts, key=lambda v: (("exclude", "flag", "ok").index(v.verdict), v.rater))


def excluded(verdicts: Iterable[Verdict]) -> frozenset[str]:
    """The raters whose verdict is exclude."""
    return frozenset(v.rater for v in verdicts if v.verdict == "exclude")


def as_table(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """One row per rater: rater, verdict, judged, skipped, seconds, the six measured values, reasons, unchecked."""
    rows = [
        {
            "rater": v.rater,
            "verdict": v.verdict,
            "judged": v.judged,
            "skipped": v.skipped,
            "seconds": v.seconds,
            **{name: v.check(name).found.value for name in NAMES},
            "reasons": " ".join(v.reasons),
            "unchecked": " ".join(v.unchecked),
        }
        for v in verdicts
    ]
    return pd.DataFrame(
        rows, columns=["rater", "verdict", "judged", "skipped", "seconds", *NAMES, "reasons", "unchecked"]
    )


def _checked(
    rows: pd.DataFrame, first: pd.DataFrame, rules: Exclusion
) -> Iterator[tuple[str, Answers, tuple[Check, ...]]]:
    scale = is_scale(rows)
    if find_task(one_task(rows)).form not in ("", "expression"):
        first = first.iloc[:0]  # "corrected" or "drawn" is no opinion that others could share
    usual = {str(answer): float(share) for answer, share in rows["answer"].value_counts(normalize=True).items()}
    met = check.meet_others(first, others(first), scale) if len(first) else {}
    typical = check.typical_agreement(met.values(), rules)
    for rater, own in check.by_rater(rows).items():
        checks = (
            check.check_gold(own, rules),
            check.check_speed(own, rules),
            check.check_pattern(own, rules, usual),
            check.check_side(own, rules),
            check.check_consistency(own, rules, scale),
            check.check_agreement(met.get(rater, check.NO_COMPANY), typical, rules),
        )
        yield rater, own, checks


def _verdict(rater: str, own: Answers, checks: tuple[Check, ...], skipped: int) -> Verdict:
    states = {made.state for made in checks}
    verdict = "exclude" if FAILED in states else "flag" if DOUBTFUL in states else "ok"
    told = {
        state: tuple(f"{c.name.capitalize()} {state}: {c.words}" for c in checks if c.state == state and c.words)
        for state in states
    }
    timed = own.milliseconds[~np.isnan(own.milliseconds)]
    seconds = float(np.median(timed)) / 1000 if len(timed) else float("nan")
    return Verdict(
        rater,
        verdict,
        told.get(FAILED, ()) + told.get(DOUBTFUL, ()),
        told.get(UNKNOWN, ()),
        checks,
        len(own),
        skipped,
        seconds,
    )


def _silent(rater: str, skipped: int) -> Verdict:
    words = f"No answer that counts: {skipped} skipped, the rest with pictures marked broken or known."
    return Verdict(
        rater,
        "flag",
        (words,),
        (),
        tuple(Check(name, UNKNOWN, check.NOTHING, "") for name in NAMES),
        0,
        skipped,
        float("nan"),
    )
