"""Small tables of judgements for tests, written as answers."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from workbench.labeling.statistics.judgements import COLUMNS
from workbench.labeling.study.tasktypes import find_task


def judged(answers: Iterable[tuple[str, str, str]], task: str = "same_different", **columns: Any) -> pd.DataFrame:
    """A table from (item, rater, answer) triples; further columns by name, one value or one per row."""
    value = {answer.key: answer.value for answer in find_task(task).answers}
    rows = pd.DataFrame(list(answers), columns=["item", "rater", "answer"])
    rows = rows.assign(
        label=[f"j{i}" for i in range(len(rows))],
        study="t",
        task_type=task,
        value=[float("nan") if value.get(a) is None else value[a] for a in rows["answer"]],
        correct=None,
        is_gold=False,
        is_repeat=False,
        repeat_of="",
        swapped=False,
        response_ms=4000.0,
        flags="",
        block=0,
        group="",
        propensity=1.0,
        supersedes="",
    )
    rows["answered_at"] = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(range(len(rows)), unit="s")
    rows["shown_at"] = rows["answered_at"]
    for name, values in columns.items():
        rows[name] = values
    return rows[["label", *COLUMNS, *[name for name in columns if name == "seed"]]]


def from_matrix(matrix: Sequence[Sequence[Any]], task: str = "similarity_7") -> pd.DataFrame:
    """A table from rows of raters by items; None is missing. Answers are the numbers themselves."""
    return judged(
        [
            (f"i{i:02d}", f"r{r}", str(answer))
            for r, row in enumerate(matrix)
            for i, answer in enumerate(row)
            if answer is not None
        ],
        task,
    )
