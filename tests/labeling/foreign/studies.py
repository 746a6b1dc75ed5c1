"""A small study of any task, and answers to it, for what comes from and goes to other tools."""

import numpy as np
from PIL import Image

from workbench.labeling.foreign.bringing import bring
from workbench.labeling.foreign.given import Given, Shown
from workbench.labeling.study.details import drawing
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import load_study
from workbench.labeling.study.tasktypes import TASK_TYPES

SECRET = b"s" * 32
_TOML = """[study]
name = "{name}"
title = "A study"
task = "{task}"
instructions = "Look."
{more}
[consent]
version = "1"
text = "Kept."

[items]
csv = "items.csv"

[blocks]
gold = 0
repeats = 0
"""
_MORE = {
    "category": 'attribute = "hat"\nchoices = ["none", "cap & bow", "\\"crown\\""]\n',
    "points": 'choices = ["nose", "left <eye>"]\n',
}


def write(folder, task, items=3, size=(300, 260)):
    """The study in `folder`, read, with its items."""
    row = TASK_TYPES[task]
    more = _MORE.get(task, 'attribute = "bright"\n' if row.needs_attribute else "")
    count = row.images
    (folder / "pictures").mkdir(parents=True)
    lines = ["item," + ",".join(f"image_{n}" for n in range(1, count + 1)) + ",group"]
    rng = np.random.default_rng(0)
    for n in range(items):
        files = [f"pictures/{n}-{k}.png" for k in range(count)]
        for file in files:
            Image.fromarray(rng.integers(0, 256, (size[1], size[0]), dtype=np.uint8)).save(folder / file)
        lines.append(f"item-{n},{','.join(files)},g{n % 2}")
    (folder / "items.csv").write_text("\n".join(lines) + "\n")
    (folder / "study.toml").write_text(_TOML.format(name=folder.name, task=task, more=more))
    study = load_study(folder)
    return Shown(study, tuple(load_items(study)))


def answers(shown):
    """Different answers that the study can store, one of every kind it has."""
    study, form = shown.study, shown.study.task.form
    rng = np.random.default_rng(1)
    drawn = {
        "expression": ["happy#4,3,-1", "neutral#0,0,0"],
        "units": ["coded#4,12", "none"],
        "points": ["placed#5000,2501;-", "placed#-;10000,0", "placed#-;-"],
        "mask": [
            drawing("corrected", rng.random((222, 256)) > 0.4),
            drawing("corrected", np.zeros((222, 256), bool)),
            "fine",
        ],
        "attention": [drawing("drawn", rng.random((55, 64)) > 0.5)],
    }
    return drawn.get(form) or [answer.key for answer in study.answers]


def given(shown):
    """Answers of three raters, one of them without a time, and one who skips."""
    told = answers(shown)
    found = []
    for k, item in enumerate(shown.items):
        for r, rater in enumerate(("ann@example.org", "17", "=bob")):
            answer = "skip" if (k, r) == (0, 2) else told[(3 * k + r) % len(told)]
            seconds = None if r == 1 else 2.5 + k
            flags = ("broken",) if (k, r) == (1, 0) else ()
            found.append(
                Given(
                    item.id, (), rater, answer, seconds, f"2026-01-0{k + 1}T12:00:0{r}.250Z", flags, "=why," * r, f"{k}"
                )
            )
    return found


def brought(store, shown, told, secret=SECRET, **options):
    """Bring answers into a store that gets to know the study; the account."""
    store.add_study(shown.study, shown.items)
    return bring(store, shown.study, shown.items, told, secret, **options)


def meant(told):
    """What answers say, as a sorted list that knows no raters and no marks of import."""
    rows = []
    for one in told:
        timed = one.seconds is not None and "untimed" not in one.flags
        flags = tuple(flag for flag in one.flags if flag not in ("imported", "untimed"))
        rows.append((one.item, one.answer, round(one.seconds, 3) if timed else None, one.at, flags, one.reason))
    return sorted(rows, key=str)
