"""A labeling study: what is asked, of whom, how often, and under which promises. Read from one TOML file.

Everything is checked on reading and an unknown key is refused, so that a typing mistake cannot silently change a study.
"""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import StudyError
from workbench.labeling.study import sections
from workbench.labeling.study.details import UNITS, head
from workbench.labeling.study.disputes import Adjudication, adjudication
from workbench.labeling.study.sections import (
    LEAST,
    OUTCOMES,
    RATER_COLUMNS,
    Assigning,
    Blocks,
    Consent,
    Crowd,
    Exclusion,
    ItemSource,
    Practice,
    Retention,
)
from workbench.labeling.study.tables import Table
from workbench.labeling.study.tasktypes import (
    CHOICE_KEYS,
    Answer,
    TaskType,
    check_keys,
    choices_as_answers,
    find_task,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "FILE",
    "LEAST",
    "OUTCOMES",
    "RATER_COLUMNS",
    "Assigning",
    "Blocks",
    "Consent",
    "Crowd",
    "Exclusion",
    "ItemSource",
    "Practice",
    "Study",
    "asked_of",
    "load_study",
    "parse_study",
]

FILE = "study.toml"


@dataclass(frozen=True, slots=True)
class Study:
    """One study, read and checked. folder: where its file and its images are. sha256: of the file, kept with the
    judgements. texts: language → its own title, instructions, attribute and consent in it. asked: the points to
    place, or the action units to look for."""

    name: str
    title: str
    instructions: str
    task: TaskType
    answers: tuple[Answer, ...]
    attribute: str
    asked: tuple[str, ...]
    contact: str
    seed: int
    consent: Consent
    blocks: Blocks
    assigning: Assigning
    exclusion: Exclusion
    adjudication: Adjudication
    retention: Retention
    crowd: Crowd
    demographics: dict[str, tuple[str, ...]]
    practice: Practice
    comprehension: dict[str, tuple[str, ...]]
    source: ItemSource
    texts: dict[str, dict[str, str]]
    license: str
    folder: Path
    text: str

    @property
    def sha256(self) -> str:
        """Hex digest of the study file as it was read."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def question(self) -> str:
        """The question a rater reads."""
        return self.task.question.replace("{attribute}", self.attribute)

    @property
    def classes(self) -> int:
        """How many different classes its answers have."""
        return len({answer.kind or answer.key for answer in self.answers})

    def answer(self, key: str) -> Answer | None:
        """The answer of this key (or of this class, whatever else it says); None when the study does not offer it."""
        name = head(key) if self.task.form else key
        return next((answer for answer in self.answers if answer.key == name), None)

    def is_correct(self, key: str, gold: str) -> bool:
        """Whether an answer meets the gold: its key or its kind is one of those that `gold` lists with `|`."""
        answer = self.answer(key)
        return answer is not None and bool(
            {answer.key, answer.kind} & {word.strip() for word in gold.split("|") if word.strip()}
        )


def asked_of(study: Study) -> list[dict[str, str]]:
    """What a form asks piece by piece, points or action units: name, title and key."""
    titles = {str(unit): title for unit, title in UNITS.items()} if study.task.form == "units" else {}
    keys = zip(study.asked, CHOICE_KEYS, strict=False)
    return [{"name": name, "title": titles.get(name, name), "key": key} for name, key in keys]


def load_study(path: Path) -> Study:
    """Read a study from its TOML file, or from the folder that holds `study.toml`. Raises StudyError with a
    sentence."""
    path = path / FILE if path.is_dir() else path
    if not path.is_file():
        raise StudyError(f"There is no study file at {path}. `python -m workbench label init FOLDER` writes one.")
    if path.stat().st_size > 1_000_000:
        raise StudyError(f"{path.name} is larger than 1 MB; a study file is a few hundred lines at most.")
    try:
        return parse_study(path.read_text(encoding="utf-8"), path.parent)
    except UnicodeDecodeError as error:
        raise StudyError(f"{path.name} is not UTF-8 text: {error.reason} at byte {error.start}.") from error


def parse_study(text: str, folder: Path) -> Study:
    """Read a study from the text of its file; `folder` holds its images. Raises StudyError."""
    try:
        text.encode()
        return _parsed(Table(tomllib.loads(text), "study file"), text, folder)
    except UnicodeEncodeError as error:
        raise StudyError(f"The study file holds half a character at {error.start}; expected UTF-8 text.") from error
    except ValueError as error:  # TOMLDecodeError, and what Python says of dates and numbers that cannot be
        raise StudyError(f"The study file is not valid TOML: {str(error).rstrip('.')}.") from error
    except RecursionError as error:
        raise StudyError("The study file nests its tables or lists too deep; two levels are used.") from error


def _parsed(root: Table, text: str, folder: Path) -> Study:
    top = root.table("study")
    task = find_task(top.text("task", "same_different"))
    attribute, answers, asked = _answers(top, task)
    study = Study(
        name=top.name("name"),
        title=top.text("title"),
        instructions=top.text("instructions", longest=20_000),
        task=task,
        answers=answers,
        attribute=attribute,
        asked=asked,
        contact=top.text("contact", ""),
        seed=top.count("seed", 0, 0, 2**31),
        license=top.text("license", "cc-by-nc-4.0"),
        consent=sections.consent(root.table("consent")),
        blocks=sections.blocks(root.table("blocks")),
        assigning=sections.assigning(root.table("assignment")),
        exclusion=sections.exclusion(root.table("exclusion")),
        adjudication=adjudication(root.table("adjudication")),
        retention=sections.retention(root.table("retention")),
        crowd=sections.crowd(root.table("crowd")),
        demographics=sections.demographics(root.table("demographics")),
        practice=sections.practice(root.table("practice")),
        comprehension=sections.comprehension(root.table("comprehension")),
        source=sections.source(root.table("items")),
        texts=sections.texts(root.table("texts")),
        folder=folder,
        text=text,
    )
    top.end()
    root.end()
    if study.assigning.certain and task.ordinal and not any(answer.kind for answer in answers):
        raise StudyError(f"[assignment] certain: task {task.name!r} is a scale and has no classes to be certain of.")
    if study.adjudication.rule and study.classes < 2:
        raise StudyError(f"[adjudication] rule: answers of task {task.name!r} are of one class, so none is disputed.")
    if study.practice.csv and (task.form or task.picks > 1):
        raise StudyError(f"[practice] csv: answers of task {task.name!r} have no one right key; ask [comprehension].")
    return study


def _answers(top: Table, task: TaskType) -> tuple[str, tuple[Answer, ...], tuple[str, ...]]:
    attribute, choices = top.text("attribute", ""), top.texts("choices", 16)
    if task.needs_attribute and not attribute:
        raise StudyError(f'[study] attribute: task {task.name!r} needs one, for example attribute = "trustworthy".')
    if task.open_choices and len(choices) < 2:
        raise StudyError(
            f'[study] choices: task {task.name!r} needs at least two, for example choices = ["none", "glasses"].'
        )
    if choices and not (task.open_choices or task.form in ("units", "points")):
        raise StudyError(
            f"[study] choices: task {task.name!r} has its own answers; only 'category', 'points' and 'action_units' "
            "take choices."
        )
    if "skip" in choices:
        raise StudyError("[study] choices: 'skip' is taken by the skip key; choose another word.")
    if attribute and not task.needs_attribute:
        raise StudyError(f"[study] attribute: task {task.name!r} does not ask for one and would ignore it; remove it.")
    answers = choices_as_answers(choices) if task.open_choices else task.answers
    check_keys(answers)
    return attribute, answers, _asked(task, choices)


def _asked(task: TaskType, choices: tuple[str, ...]) -> tuple[str, ...]:
    """The points to place, as the study names them, or the numbers of the action units to look for."""
    if task.form == "points" and not choices:
        raise StudyError('[study] choices: name the points to place, for example choices = ["tip of the nose"].')
    if task.form != "units":
        return choices if task.form else ()
    asked = choices or tuple(str(unit) for unit in UNITS)
    if strange := [unit for unit in asked if unit not in map(str, UNITS)]:
        raise StudyError(
            f"[study] choices: there is no action unit {strange[0][:40]!r}; expected some of "
            f"{', '.join(map(str, UNITS))}."
        )
    return tuple(sorted(asked, key=int))
