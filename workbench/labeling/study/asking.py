"""A study made in one step from pictures that are on the screen: "ask people". The next press with the same name adds
its pictures as further items.

Knows no model and no tab: who calls says what is asked and what made each picture.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from workbench.errors import StudyError
from workbench.images import encode_png
from workbench.labeling.study.items import Item, Picture, items_from_csv, write_items
from workbench.labeling.study.study import FILE, Study, load_study
from workbench.labeling.study.tables import NAME

MOST = 2_000
"""Items that can be gathered press by press; a larger study belongs into a folder of its own."""


@dataclass(frozen=True, slots=True)
class Question:
    """What can be asked of a result. task, attribute: of the study. title: of the page. instructions: above consent."""

    task: str
    attribute: str
    title: str
    instructions: str


QUESTIONS = {
    "mask": Question(
        "better_with_original",
        "follows the face more closely",
        "Which mask is better?",
        "You see a photo and two coloured maps of the face in it. Say which map follows the face more closely.",
    ),
    "same": Question(
        "same_different",
        "",
        "Same person?",
        "You see two pictures. Say whether they show the same person, and how sure you are.",
    ),
    "edited": Question(
        "rating_5",
        "edited",
        "Does it look edited?",
        "You see one picture. Say how edited it looks.",
    ),
    "better": Question(
        "better_with_original",
        "looks more like the person on the left",
        "Who is more alike?",
        "You see a photo and two pictures drawn after it. Say which one looks more like the person in the photo.",
    ),
    "expression": Question(
        "expression",
        "",
        "Which expression?",
        "You see one face. Say which expression it shows, how strong it is, and how it feels.",
    ),
    "look-expression": Question(
        "attention",
        "to tell which expression this face shows",
        "Where would you look?",
        "You see one face. Paint over what you would look at to tell which expression it shows.",
    ),
    "look-person": Question(
        "attention",
        "to recognise this person again",
        "Where would you look?",
        "You see one face. Paint over what you would look at to recognise this person again.",
    ),
    "look-attribute": Question(
        "attention",
        "to judge what this face looks like",
        "Where would you look?",
        "You see one face. Paint over what you would look at to describe what it looks like.",
    ),
    "hair": Question(
        "correct_mask",
        "the hair",
        "Does the mask fit?",
        "You see a photo with a colour over the hair. Paint what is missing and erase what is too much.",
    ),
    "skin": Question(
        "correct_mask",
        "the face with eyes, brows, nose and mouth, without hair, ears and neck",
        "Does the mask fit?",
        "You see a photo with a colour over the face. Paint what is missing and erase what is too much.",
    ),
}
"""Short name → question."""

_TOML = """[study]
name = "{name}"
title = "{title}"
task = "{task}"
{attribute}instructions = "{instructions}"

[consent]
version = "1"
minimum_age = 18
text = "Your answers are kept without your name and are used for research on face models. You may stop at any time, and withdraw all your answers with one button."

[items]
csv = "items.csv"

[assignment]
raters_per_item = 5

[blocks]
size = 30
gold = 0
repeats = 0
"""  # noqa: E501


def ask(home: Path, name: str, question: str, asked: Sequence[Sequence[tuple[np.ndarray, str]]]) -> tuple[Study, int]:
    """Make the study `name` below `home`, or add to it; the study and how many items it has now.

    question: of QUESTIONS. asked: the pictures of each item, (h, w, 3) uint8, with what made them ("" for a photo).
    Pictures that were asked about before are not added again. Raises StudyError for a name that is none, a study that
    asks something else, and more than MOST items.
    """
    if not NAME.fullmatch(name or ""):
        raise StudyError(f"A study's name is made of letters, digits, '.', '_' and '-'; got {str(name)[:60]!r}.")
    if question not in QUESTIONS:
        raise StudyError(f"There is no question {str(question)[:40]!r}; expected one of {', '.join(QUESTIONS)}.")
    home.mkdir(parents=True, exist_ok=True)
    folder, wanted = home / name, QUESTIONS[question]
    try:
        with FileLock(home / f".{name}.lock"):
            (folder / "pictures").mkdir(parents=True, exist_ok=True)
            if not (folder / FILE).is_file():
                (folder / FILE).write_text(_toml(name, wanted), encoding="utf-8")
            study = load_study(folder)
            if (study.task.name, study.attribute) != (wanted.task, wanted.attribute):
                raise StudyError(f"The study {name!r} asks something else already. Choose another name.")
            items = list(items_from_csv(study, folder / "items.csv")) if (folder / "items.csv").is_file() else []
            fresh = {item.id: item for item in items} | {item.id: item for item in (_item(folder, p) for p in asked)}
            if len(fresh) > MOST:
                raise StudyError(f"The study {name!r} is full: it holds at most {MOST} items.")
            write_items(list(fresh.values()), folder / "items.csv")
            return study, len(fresh)
    except OSError as error:
        raise StudyError(f"The study {name!r} cannot be written: {error.strerror or type(error).__name__}.") from error


def _item(folder: Path, pictures: Sequence[tuple[np.ndarray, str]]) -> Item:
    """The pictures as files named by their content, and an item named by all of them."""
    kept = []
    for image, source in pictures:
        data = encode_png(image)
        digest = hashlib.sha256(data).hexdigest()
        file = f"pictures/{digest[:24]}.png"
        if not (folder / file).is_file():
            (folder / file).write_bytes(data)
        kept.append(Picture(file, digest, source))
    name = hashlib.sha256("".join(f"{one.sha256}{one.source}" for one in kept).encode()).hexdigest()
    return Item(name[:16], tuple(kept))


def _toml(name: str, question: Question) -> str:
    attribute = f'attribute = "{question.attribute}"\n' if question.attribute else ""
    return _TOML.format(
        name=name,
        title=question.title,
        task=question.task,
        attribute=attribute,
        instructions=question.instructions,
    )
