"""The table of judgements that every statistic reads: its columns, its check, and which of its rows count.

One row is one answer of one rater. Built from the store, from an export, or by `simulation`; nothing here knows where
it came from.
"""

import numpy as np
import pandas as pd

from workbench.errors import StudyError
from workbench.labeling.study.details import head
from workbench.labeling.study.tasktypes import SKIP, display_order, find_task, picked

COLUMNS: dict[str, str] = {
    "study": "study name",
    "item": "item id",
    "rater": "random rater id",
    "task_type": "a key of TASK_TYPES",
    "answer": "answer key as stored: it names images in the item's own order, not in the order shown",
    "value": "place of the answer on its scale, NaN without one",
    "correct": "True or False on gold items, None elsewhere",
    "is_gold": "the item's answer was known beforehand",
    "is_repeat": "the rater had judged this item before",
    "repeat_of": "for a repeat: the item (or judgement) it repeats",
    "swapped": "the images were not shown in the item's own order",
    "response_ms": "milliseconds from the last image painted to the answer",
    "shown_at": "when the item was shown",
    "answered_at": "when the answer was given",
    "flags": "flags of the rater, comma separated",
    "block": "number of the block within the rater's session, from 0",
    "group": "group of the item, for audits",
    "propensity": "probability with which assignment chose the item",
    "supersedes": "label of the judgement that this one replaces",
}
"""A column label (the judgement's id) and a column seed (of the order in which images were shown) are used when
there."""

VOIDING_FLAGS: tuple[str, ...] = ("broken", "known")
"""A judgement with one of these says something about the picture, not about the answer; it does not count."""

IMPORTED, UNTIMED = "imported", "untimed"
"""Flags of a judgement that was brought from another tool: sides as shown are then unknown; and, where that tool told
no time, its time too. Raters cannot set them."""


def check_table(table: pd.DataFrame) -> pd.DataFrame:
    """The table itself, if its columns are there; otherwise StudyError names those missing."""
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise StudyError(f"Judgements: expected the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}.")
    return table


def latest(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that nobody took back: a row named in another's `supersedes` is dropped.

    Needs the column label when anything was superseded; raises StudyError otherwise.
    """
    named = {str(name) for name in check_table(table)["supersedes"].dropna() if str(name)}
    if not named:
        return table
    if "label" not in table.columns:
        raise StudyError("Judgements: some rows supersede others; expected a column label to find those, got none.")
    return table[~table["label"].astype(str).isin(named)]


def given(table: pd.DataFrame) -> pd.DataFrame:
    """Latest answers that say something: without skips and without the voiding flags. Gold and repeats are in."""
    rows = latest(table)
    voided = rows["flags"].map(lambda flags: bool(set(_words(flags)) & set(VOIDING_FLAGS))).astype(bool)
    return rows[(rows["answer"] != SKIP) & ~voided]


def counted(table: pd.DataFrame, excluded: frozenset[str] | set[str] = frozenset(), gold: bool = False) -> pd.DataFrame:
    """The judgements that aggregate: given, first look only, no gold unless asked, without the excluded raters."""
    rows = given(table)
    keep = ~rows["is_repeat"].astype(bool) & ~rows["rater"].isin(list(excluded))
    return rows[keep if gold else keep & ~rows["is_gold"].astype(bool)]


def one_task(table: pd.DataFrame) -> str:
    """The task type of the table. Raises StudyError when it holds none or several."""
    names = list(pd.unique(table["task_type"]))
    if len(names) != 1:
        raise StudyError(f"Judgements: expected rows of one task type, got {len(names)}: {', '.join(map(str, names))}.")
    find_task(names[0])
    return str(names[0])


def kinds(table: pd.DataFrame) -> pd.Series:
    """The coarse class of every answer: "same" or "different" for same/different, what stands before the detail where
    answers have one, otherwise the answer itself."""
    if not len(table):
        return pd.Series(dtype=object)
    task = find_task(one_task(table))
    if task.form:
        return table["answer"].map(head).astype(object)
    coarse = {answer.key: answer.kind for answer in task.answers if answer.kind}
    return table["answer"].map(lambda key: coarse.get(key, key)).astype(object)


def places(table: pd.DataFrame) -> tuple[np.ndarray, int]:
    """Where on the screen the chosen image stood: (n,) int, 0 leftmost of those that move, −1 for a tie, and how many
    move; of two images picked, the first.

    Follows the column seed where there is one; without it, swapped images are taken to be reversed. (empty, 0) for
    tasks whose answers name no image. An imported answer's place is not known: −1.
    """
    task = find_task(one_task(table)) if len(table) else None
    if task is None or not task.choose_image:
        return np.empty(0, dtype=int), 0
    moving = task.images - task.fixed
    chosen = np.array([next(iter(picked(answer)), -1) for answer in table["answer"].astype(str)], dtype=int)
    if "seed" in table.columns:
        orders = [display_order(task, int(seed)) for seed in table["seed"]]
        found = [
            order.index(image) - task.fixed if image >= 0 else -1 for order, image in zip(orders, chosen, strict=True)
        ]
        return np.where(_flagged(table, IMPORTED), -1, np.array(found, dtype=int)), moving
    chosen = np.where(_flagged(table, IMPORTED), -1, chosen)
    own = chosen - task.fixed
    shown = np.where(table["swapped"].astype(bool), moving - 1 - own, own)
    return np.where(chosen < 0, -1, shown), moving


def milliseconds(table: pd.DataFrame) -> np.ndarray:
    """(n,) float64: the time each answer took, NaN where it is not known."""
    times = table["response_ms"].to_numpy(dtype=np.float64)
    return np.where(_flagged(table, UNTIMED), np.nan, times)


def is_imported(table: pd.DataFrame) -> np.ndarray:
    """(n,) bool: which judgements were brought from another tool."""
    return _flagged(table, IMPORTED)


def _flagged(table: pd.DataFrame, flag: str) -> np.ndarray:
    return np.array([flag in _words(flags) for flags in table["flags"]], dtype=bool)


def _words(flags: object) -> list[str]:
    if isinstance(flags, str):
        return [word.strip() for word in flags.replace(";", ",").split(",") if word.strip()]
    return [str(flag) for flag in flags] if isinstance(flags, list | tuple | set | np.ndarray) else []
