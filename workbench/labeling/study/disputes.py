"""Which items raters dispute, by a rule that the study sets. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from workbench.errors import StudyError
from workbench.labeling.study.certainty import certainty
from workbench.labeling.study.tables import Table

RULES = ("disagreement", "posterior")


@dataclass(frozen=True, slots=True)
class Adjudication:
    """Who decides where raters disagree. rule: "" nobody; disagreement: an item is disputed when its most given class
    has less than `share` of the answers; posterior: when that class is less certain than `certain`, each rater taken
    to be right `accuracy` of the time. least: answers an item has before it can be disputed. raters: who decide about
    each item, the most given of whose answers stands."""

    rule: str = ""
    share: float = 0.75
    certain: float = 0.9
    accuracy: float = 0.8
    least: int = 3
    raters: int = 1


def adjudication(table: Table) -> Adjudication:
    """The table [adjudication] of a study file. Raises StudyError."""
    usual = Adjudication()
    read = Adjudication(
        table.text("rule", ""),
        table.number("share", usual.share, 0.01, 1),
        table.number("certain", usual.certain, 0.01, 0.9999),
        table.number("accuracy", usual.accuracy, 0.51, 0.999),
        table.count("least", usual.least, 2, 1000),
        table.count("raters", usual.raters, 1, 9),
    )
    table.end()
    if read.rule and read.rule not in RULES:
        raise StudyError(f"[adjudication] rule: expected {' or '.join(RULES)}, got {read.rule[:40]!r}.")
    return read


def is_disputed(counts: Mapping[str, int], classes: int, rule: Adjudication) -> bool:
    """Whether these answers (class → how many) leave an item open to dispute."""
    answers = sum(counts.values())
    if not rule.rule or answers < rule.least:
        return False
    if rule.rule == "posterior":
        return certainty(counts, classes, rule.accuracy) < rule.certain
    return max(counts.values()) < rule.share * answers


def decided(counts: Mapping[str, int]) -> str:
    """The class most of those who decided gave; "" without any, and where two are level."""
    ranked = sorted(counts.items(), key=lambda one: -one[1])
    level = len(ranked) > 1 and ranked[0][1] == ranked[1][1]
    return "" if not ranked or level else ranked[0][0]
