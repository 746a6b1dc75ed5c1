"""Editing a study that runs: its file and its list of items, as a new edition. Whoever comes second is told."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from filelock import FileLock

from workbench.errors import StudyError
from workbench.labeling.store.store import Store
from workbench.labeling.study.items import inside
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import FILE, Study, load_study, parse_study
from workbench.labeling.study.upload import MOST_PER_FILE


@dataclass(frozen=True, slots=True)
class Text:
    """What can be edited. toml: the study file. items: its CSV, "" where items come from elsewhere. based_on: a
    fingerprint of both, to say what an edit was made of."""

    toml: str
    items: str

    @property
    def based_on(self) -> str:
        """Hex digest of both texts."""
        return hashlib.sha256(f"{self.toml}\0{self.items}".encode()).hexdigest()


def text_of(folder: Path) -> Text:
    """What the study in a folder says now. Raises StudyError."""
    study = load_study(folder)
    return Text(study.text, _text(_list(study)))


def edit(store: Store, folder: Path, toml: str, items: str, based_on: str, who: str) -> Study:
    """Write an edited study, checked whole, and register it as a new edition; all stays as it was where that fails.

    Raises StudyError when somebody else edited it since it was read, with who and when; for another name, task or set
    of answers, which are another study; and for what does not load.
    """
    with FileLock(folder / ".edit.lock"):
        before, study = text_of(folder), load_study(folder)
        if before.based_on != based_on:
            raise StudyError(f"{_changed(store, study.name)} Reload to see it as it is; your text was not saved.")
        new = parse_study(toml, folder)
        if (new.name, new.task, new.answers) != (study.name, study.task, study.answers):
            raise StudyError("Another name, task or set of answers is another study: clone this one instead.")
        if len(items.encode()) > MOST_PER_FILE:
            raise StudyError("The list of items is too long to be edited here.")
        if _list(new) not in (None, _list(study)):  # never write over another file of the study
            if items != before.items:
                raise StudyError("Name another list of items or edit the one there is, not both at once.")
            items = _text(_list(new))
        try:
            _write(new, toml, items)
            store.add_study(new, load_items(new), edit=True, who=who)
            store.note_editions(new)
        except BaseException:
            _write(study, before.toml, before.items)
            raise
    return load_study(folder)


def _list(study: Study) -> Path | None:
    """The CSV of items that lies in the study's folder; None where they come from elsewhere."""
    return inside(study.folder, study.source.csv) if study.source.csv and not study.source.hub else None


def _text(place: Path | None) -> str:
    """Raises StudyError for a list that is no text."""
    try:
        return place.read_text(encoding="utf-8-sig") if place else ""
    except (OSError, ValueError) as error:
        raise StudyError(f"The list of items {place.name if place else ''} is no text in UTF-8.") from error


def _write(study: Study, toml: str, items: str) -> None:
    place = _list(study)
    if place is not None:
        _replace(place, items)
    _replace(study.folder / FILE, toml)


def _replace(path: Path, text: str) -> None:
    scratch = path.with_name(f".{path.name}.edited")
    scratch.write_bytes(text.encode())
    scratch.replace(path)


def _changed(store: Store, study: str) -> str:
    """Who edited it last, and when, as far as the store knows."""
    editions = store.editions(study)
    if len(editions) < 2:
        return "The study's files were changed meanwhile."
    last = editions.iloc[-1]
    at = datetime.fromtimestamp(last["at"], timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return f"The study was edited meanwhile, by {last['who']} at {at}."
