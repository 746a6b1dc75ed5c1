"""What is known of a folder of photos: values, the words data sets use, and the groups a person wants figures for.

Knows no model. Which layout a folder has is found out in `layouts.py`.
"""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import BadRequest
from workbench.parts import INDEX, PARTS

IGNORED = 255
"""In a mask: pixels that count neither for nor against a parser."""
TASKS = {
    "parsing": ("parsing",),
    "labels": ("expression", "attributes"),
    "pairs": ("recognition",),
    "landmarks": ("detection", "landmarks"),
    "boxes": ("detection",),
}
"""Kind of truth → catalogue tasks that can be measured against it."""
KINDS = tuple(TASKS)

_LAPA = (
    *("background", "skin", "image_left_brow", "image_right_brow", "image_left_eye", "image_right_eye", "nose"),
    *("upper_lip", "mouth", "lower_lip", "hair"),
)
VOCABULARIES: dict[str, tuple[str, ...]] = {
    "celebamask": PARTS,
    "lapa": _LAPA,
    "helen": _LAPA,
    "ibugmask": (*_LAPA, "image_left_ear", "image_right_ear", "eyeglasses"),
}
"""Index in a mask → part, by data set. LaPa and its kin name sides as they lie in the image."""

CELEBA_NAMES = {
    "skin": "skin", "nose": "nose", "eye_g": "eyeglasses", "l_eye": "image_right_eye", "r_eye": "image_left_eye",
    "l_brow": "image_right_brow", "r_brow": "image_left_brow", "l_ear": "image_right_ear", "r_ear": "image_left_ear",
    "mouth": "mouth", "u_lip": "upper_lip", "l_lip": "lower_lip", "hair": "hair", "hat": "hat", "ear_r": "earring",
    "neck_l": "necklace", "neck": "neck", "cloth": "cloth",
}  # fmt: skip
"""CelebAMask-HQ's words; its sides are the person's own, so they change over."""

EXPRESSIONS = {
    "happiness": "happy", "happy": "happy", "sadness": "sad", "sad": "sad", "angry": "anger", "anger": "anger",
    "surprise": "surprise", "surprised": "surprise", "fear": "fear", "fearful": "fear", "afraid": "fear",
    "disgust": "disgust", "disgusted": "disgust", "neutral": "neutral", "contempt": "contempt",
}  # fmt: skip
"""Words of data sets → the workbench's expressions."""


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """The shapes of one photo in a COCO file. size: (height, width). shapes: canonical part and segmentation each."""

    size: tuple[int, int]
    shapes: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One photo and what is known of it.

    id: its path below the folder, with suffix. person: who it shows, "" when unknown. label: what a classifier should
    say. masks: part → file for one file per part, or {"": file} for one file of indices. shapes: a mask as COCO has it.
    points: (faces, n, 2) float32. boxes: (faces, 4) float32, left, top, right, bottom; crowd: (k, 4), boxes that count
    neither for nor against a finder. All in pixels of the upright photo.
    """

    id: str
    photo: Path
    person: str = ""
    label: str = ""
    masks: Mapping[str, Path] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    shapes: Shapes | None = None
    points: np.ndarray | None = None
    boxes: np.ndarray | None = None
    crowd: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos, by id, and whether they show one person."""

    first: str
    second: str
    same: bool


@dataclass(frozen=True, slots=True)
class Truth:
    """A folder with its truth.

    kind: one of KINDS. layout: how it was recognised, in words. parts: what the indices of masks mean. notes: what was
    left out or assumed, a sentence each.
    """

    kind: str
    layout: str
    cases: tuple[Case, ...]
    pairs: tuple[Pair, ...] = ()
    parts: tuple[str, ...] = PARTS
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadRequest(f"Truth.kind: expected one of {', '.join(KINDS)}, got {self.kind!r}.")
        if not self.cases:
            raise BadRequest("No photo with truth was found. docs/evaluation.md shows the layouts that are read.")
        names = Counter(case.id for case in self.cases)
        if twice := [name for name, count in names.items() if count > 1]:
            raise BadRequest(f"{twice[0][:80]} is named twice; expected every photo once, with one truth.")
        cases, notes = without_crowds(self.cases)
        object.__setattr__(self, "cases", cases)
        object.__setattr__(self, "notes", (*self.notes, *notes))


MOST_COLUMNS, MOST_VALUES = 40, 200
"""Columns that make groups, and different values of one: each value is a group, with figures of its own."""


def without_crowds(cases: tuple[Case, ...]) -> tuple[tuple[Case, ...], tuple[str, ...]]:
    """The cases without columns that make more groups than anybody could read (names, numbers), and a sentence on
    them."""
    values: dict[str, set[str]] = {}
    for case in cases:
        for column, value in case.groups.items():
            values.setdefault(column, set()).add(value)
    few = [column for column, found in values.items() if len(found) <= MOST_VALUES][:MOST_COLUMNS]
    if len(few) == len(values):
        return cases, ()
    kept, first = set(few), next(column for column in values if column not in few)
    lean = tuple(replace(case, groups={c: v for c, v in case.groups.items() if c in kept}) for case in cases)
    words = f"{len(values) - len(few)} columns make no groups, {first[:40]!r} first"
    return lean, (f"{words}: expected at most {MOST_COLUMNS} columns of at most {MOST_VALUES} different values.",)


def part_of(name: str) -> str:
    """The canonical part a data set's word means; "" when it means none of ours. Raises BadRequest where left or right
    could be the person's or the image's."""
    word = name.strip().lower().replace(" ", "_").replace("-", "_")
    if word in INDEX:
        return word
    if word in CELEBA_NAMES:
        return CELEBA_NAMES[word]
    if word.startswith(("left_", "right_")):
        raise BadRequest(f"{name!r}: whose side is it? Write image_{word} (as it lies in the picture) instead.")
    return ""


def read_groups(path: Path, cases: tuple[Case, ...]) -> tuple[tuple[Case, ...], tuple[str, ...]]:
    """The cases with the groups of a CSV (column `file`, then any columns), and a sentence per thing amiss.

    A row names a photo by its path below the folder, or by its file name where that occurs once. Raises BadRequest for
    a table without the column `file` or without another.
    """
    rows, columns = read_table(path, ("file",))
    names = [name for name in columns if name not in ("file", "label", "person")]
    if not names:
        raise BadRequest(f"{path.name}: expected columns of groups beside `file`.")
    by_name = _by_name(cases)
    found: dict[str, dict[str, str]] = {}
    strange = 0
    for row in rows:
        case = by_name.get(row["file"].strip())
        if case is None:
            strange += 1
        else:
            found[case] = {name: (row[name] or "").strip() for name in names if (row[name] or "").strip()}
    notes = [f"{path.name}: {strange} rows name no photo of this folder."] if strange else []
    if missing := len(cases) - len(found):
        notes.append(f"{path.name}: {missing} photos are in no group.")
    given = tuple(replace(case, groups={**case.groups, **found.get(case.id, {})}) for case in cases)
    lean, left_out = without_crowds(given)
    return lean, (*notes, *left_out)


def read_table(path: Path, needed: tuple[str, ...]) -> tuple[list[dict[str, str]], list[str]]:
    """Rows and columns of a CSV in UTF-8. Raises BadRequest naming the file and what is missing."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = list(reader.fieldnames or ())
            if missing := [name for name in needed if name not in columns]:
                raise BadRequest(
                    f"{path.name}: expected the columns {', '.join(needed)}; missing {', '.join(missing)}, got "
                    f"{', '.join(columns) or 'none'}."
                )
            rows = [{name: value or "" for name, value in row.items()} for row in reader if None not in row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadRequest(f"{path.name} cannot be read as a CSV in UTF-8: {error}.") from error
    return rows, columns


def _by_name(cases: tuple[Case, ...]) -> dict[str, str]:
    """Path or unambiguous file name → id."""
    names: dict[str, str] = {}
    for case in cases:
        name = Path(case.id).name
        names[name] = "" if name in names else case.id
    return {name: case for name, case in names.items() if case} | {case.id: case.id for case in cases}
