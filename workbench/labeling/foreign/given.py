"""Answers as they come from elsewhere, before anything is done with them, and the words in which answers are said.

A file is read whole, within limits, before anything is stored; what is wrong with it is said with its place in it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
from PIL import Image

from workbench.errors import BadRequest, StudyError, first_line
from workbench.labeling.foreign import runs
from workbench.labeling.store.clock import iso
from workbench.labeling.study import details
from workbench.labeling.study.items import Item, inside
from workbench.labeling.study.study import Study
from workbench.labeling.study.tasktypes import SKIP

MOST_BYTES = 256_000_000
"""Of one file; a larger one is split by whoever made it."""
MOST_ANSWERS = 1_000_000
UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the names of uploaded files."""
_ORIENTATION = 274
"""EXIF's tag of how a photo is turned."""


@dataclass(frozen=True, slots=True)
class Given:
    """One answer from elsewhere. item: an item's id, or "" (then `files` says which). files: names of its pictures,
    without their folders. answer: as this study stores it. seconds: None where the tool told none. at: ISO 8601, UTC;
    "" unknown. where: its place in the file, for messages."""

    item: str
    files: tuple[str, ...]
    rater: str
    answer: str
    seconds: float | None = None
    at: str = ""
    flags: tuple[str, ...] = ()
    reason: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A study with its items, as a reader or a writer of another tool's files needs them. words: what the other tool
    calls an answer → the answer here."""

    study: Study
    items: tuple[Item, ...]
    words: Mapping[str, str] = field(default_factory=dict)

    def size(self, item: Item) -> tuple[int, int]:
        """Width and height of an item's first picture, upright. Raises StudyError for no such picture."""
        with Image.open(inside(self.study.folder, item.pictures[0].file)) as picture:
            lying = picture.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
            return picture.size[::-1] if lying else picture.size

    def said(self, word: Any) -> str:
        """The answer that another tool's word stands for: by `words`, an answer's key, its class or its title. Raises
        StudyError naming those there are."""
        text = str(word).strip()
        text = self.words.get(text, text)
        if text == SKIP or self.study.answer(text) is not None:
            return text
        lower = text.lower()
        for answer in self.study.answers:
            if lower in (answer.key.lower(), answer.title.lower()):
                return answer.key
        kinds = [answer.key for answer in self.study.answers if answer.kind and answer.kind.lower() == lower]
        if len(kinds) == 1:
            return kinds[0]
        known = ", ".join(answer.key for answer in self.study.answers)
        raise StudyError(
            f"{text[:60]!r} is no answer of this study; expected one of {known}. Say what it stands for: "
            f'--word "{words(text[:40])}=ANSWER".'
        )


def words(text: str) -> str:
    """A file's own words as they can be said anywhere: half a surrogate pair, which JSON may hold, written out."""
    return text.encode("utf-8", "backslashreplace").decode()


def read_bytes(path: Path) -> bytes:
    """A file that was named by a person. Raises StudyError when it is absent, too large or cannot be read."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise StudyError(f"{path.name} is larger than {MOST_BYTES // 10**6} MB; split it.")
        return path.read_bytes()
    except OSError as error:
        raise StudyError(f"{path.name} cannot be read: {error.strerror or type(error).__name__}.") from error


def read_json(data: bytes, name: str) -> Any:
    """JSON in UTF-8. Raises StudyError."""
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise StudyError(f"{name} is not JSON in UTF-8: {first_line(error, 120)}.") from error


def read_lines(data: bytes, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(place, object) of every line that is not empty. Raises StudyError for a line that is no JSON object."""
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            yield f"line {number}", mapping(read_json(line, f"{name}, line {number}"), f"{name}, line {number}")


def mapping(value: Any, where: str) -> Mapping[str, Any]:
    """The value, if it is an object. Raises StudyError."""
    if not isinstance(value, Mapping):
        raise StudyError(f"{where}: expected an object, got {type(value).__name__}.")
    return value


def listed(value: Any, where: str) -> Sequence[Any]:
    """The value, if it is a list. Raises StudyError."""
    if not isinstance(value, list):
        raise StudyError(f"{where}: expected a list, got {type(value).__name__}.")
    return value


@contextmanager
def placed(where: str) -> Iterator[None]:
    """Whatever is wrong within is said with its place in the file. Raises StudyError."""
    try:
        yield
    except StudyError as error:
        raise StudyError(f"{where}: {error}") from error


def flags_of(text: str) -> tuple[str, ...]:
    """The flags of an answer, of a text with commas between them."""
    return tuple(flag for flag in text.split(",") if flag)


def file_name(address: Any) -> str:
    """The file's own name at the end of a path or an address, its folders forgotten; "" for what is none."""
    if not isinstance(address, str) or not address or len(address) > 4000:
        return ""
    try:
        split = urlsplit(address.replace("\\", "/"))
    except ValueError:  # [ without ]
        return ""
    if "\0" in address:
        return ""
    tail = split.query.partition("d=")[2] if split.query.startswith("d=") else split.path
    return PurePosixPath(unquote(tail)).name


def seconds_of(value: Any, where: str) -> float | None:
    """Seconds from 0 to a day; None for none. Raises StudyError."""
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value < float("inf"):
        raise StudyError(f"{where}: expected seconds, got {str(value)[:40]!r}.")
    return min(float(value), 86_400.0)


def moment(value: Any, where: str) -> str:
    """A time as stored; "" for none. Raises StudyError for what is no time."""
    if value in (None, ""):
        return ""
    try:
        read = datetime.fromisoformat(str(value)[:40].replace("Z", "+00:00"))
        read = read if read.tzinfo else read.replace(tzinfo=timezone.utc)
        if not 1900 <= read.year < 9999:  # what is counted from there must have a written form too
            raise ValueError("no time of an answer")
        return iso(read.timestamp())
    except (ValueError, OverflowError, OSError) as error:
        raise StudyError(f"{where}: expected a time as 2026-01-31T12:00:00Z, got {str(value)[:40]!r}.") from error


def recelled(form: str, full: np.ndarray, noted: object) -> str:
    """The answer that says (h, w) bool, what was drawn in a photo's pixels, in the cells of the raters' screen.

    noted: an answer that was written beside it, because the photo is too small for its cells; it stands as long as it
    draws the same pixels, so what somebody changed in the other tool counts.
    """
    width, height = full.shape[1], full.shape[0]
    name = "drawn" if form == "attention" else "corrected"
    if isinstance(noted, str) and noted.startswith(name + details.MARK):
        try:
            if (runs.resized(details.drawn(noted), width, height) == full).all():
                return noted
        except BadRequest:
            pass  # somebody else's note: what is drawn says enough
    return details.drawing(name, runs.resized(full, *details.cells(form, width, height)))


def check_answer(study: Study, answer: str, where: str) -> None:
    """Raises StudyError unless this study can store the answer."""
    try:
        if answer != SKIP and study.answer(answer) is None:
            raise BadRequest(f"answer: {answer[:60]!r} is none of this study's.")
        if answer != SKIP:
            details.check_detail(study.task.form, study.asked, answer)
    except BadRequest as error:
        raise StudyError(f"{where}: {error}") from error
