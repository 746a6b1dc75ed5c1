"""Protects one photo of each of many people and asks every recogniser whether it still matches their second photo.
Resumable.

What counts: people whose photos match before, and after a plain JPEG 75 as well, for that recogniser. A face that is
not found again is reported apart and never counted as protected. Each recogniser's figure as a judge comes from runs
that did not attack it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from workbench import batch, images
from workbench.errors import BadRequest, WorkbenchError
from workbench.metrics.pairs import even, person
from workbench.settings import Settings
from workbench.tasks.detection import find_faces
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.recognition import FaceRecogniser
from workbench.thresholds import Metric
from workbench.values import Embedding, Face, Parsing

CLEAN = "clean"
"""The method that changes nothing; who matches here counts for the others."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos of one person: the first is protected, the second is what recognisers compare with."""

    person: str
    first: Path
    second: Path


def pairs(folder: Path, half: str = "odd", limit: int = 0) -> list[Pair]:
    """People with two photos below a folder, in an order that their names decide but not the alphabet.

    A person is a folder of photos, or the part of a file's name before its last `_`. half: "odd", "even" or "all" of
    the people, as the thresholds were calibrated on the even half of the people of the data set they come from. limit:
    at most that many, 0 for all. Raises BadRequest when there are none.
    """
    if half not in ("odd", "even", "all"):
        raise BadRequest(f"half: expected odd, even or all, got {half!r}.")
    known: dict[str, list[Path]] = {}
    for path in batch.photos(folder):
        known.setdefault(whose(path, folder), []).append(path)
    chosen = [name for name in known if len(known[name]) >= 2 and half in ("all", "even" if even(name) else "odd")]
    if not chosen:
        raise BadRequest(
            f"{folder} holds nobody with two photos in the {half} half (name them person_0001.jpg, person_0002.jpg)."
        )
    chosen.sort(key=lambda name: name[::-1])
    found = [Pair(name, known[name][0], known[name][1]) for name in chosen]
    return found[:limit] if limit else found


def whose(path: Path, folder: Path) -> str:
    """The person a photo shows, by its name: `Ann_Lee_0002.jpg` is of Ann_Lee; else by its folder."""
    by_name = person(path.name)
    return by_name if by_name or path.parent == folder else path.parent.name


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A pair, opened: the photo, its face and parsing, and the vectors of the second photo by model id."""

    pair: Pair
    photo: np.ndarray
    face: Face
    parsing: Parsing | None
    others: Mapping[str, Embedding]


class Rows:
    """Results on disk, one JSON object per line, written as they come; the key is person, method and attacked
    recognisers."""

    def __init__(self, path: Path) -> None:
        """Read what is there. A line that a killed run left half is dropped."""
        self.path = path
        self.rows: dict[tuple[str, str, str], dict[str, Any]] = {}
        for line in path.read_text().splitlines() if path.is_file() else ():
            try:
                row = json.loads(line)
                self.rows[self.key(row)] = row
            except (json.JSONDecodeError, KeyError):
                continue

    @staticmethod
    def key(row: Mapping[str, Any]) -> tuple[str, str, str]:
        """What a row is of."""
        return row["person"], row["method"], "+".join(row["attacked"])

    def __contains__(self, key: object) -> bool:
        return key in self.rows

    def add(self, row: dict[str, Any]) -> None:
        """Keep a row, on disk at once."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.rows[self.key(row)] = row
        fresh = "\n" if self.path.is_file() and self.path.read_bytes()[-1:] not in (b"\n", b"") else ""
        with self.path.open("a") as stream:
            stream.write(fresh + json.dumps(row) + "\n")

    def of(self, method: str, attacked: str | None = None) -> Iterator[dict[str, Any]]:
        """Rows of a method."""
        return (
            row for (_, kind, whom), row in sorted(self.rows.items()) if kind == method and attacked in (None, whom)
        )


def open_subject(
    pair: Pair, models: Sequence[FaceRecogniser], finder: FaceFinder, parse: Any, settings: Settings
) -> Subject:
    """Both photos of a pair, read. parse: from photo and faces to a Parsing, or None. Raises WorkbenchError when one
    has no face, or when the first cannot be protected: too small or a profile.
    """
    from workbench.makeup.canvas import check_face
    from workbench.protection.judge import vectors

    photos = [images.decode(path, settings) for path in (pair.first, pair.second)]
    faces = [largest(photo, finder) for photo in photos]
    check_face(faces[0])
    return Subject(
        pair, photos[0], faces[0], parse(photos[0], [faces[0]]) if parse else None, vectors(photos[1], faces[1], models)
    )


def largest(photo: np.ndarray, finder: FaceFinder) -> Face:
    """The largest face with landmarks. Raises BadRequest when there is none."""
    found = next((face for face in find_faces(photo, finder) if face.mesh is not None), None)
    if found is None:
        raise BadRequest("Expected a face with landmarks, found none.")
    return found


@dataclass(slots=True)
class Tally:
    """What one judge says over many people: n counted, protected, face lost, mean margin left (1 untouched, 0 at the
    threshold)."""

    n: int = 0
    protected: int = 0
    lost: int = 0
    margins: list[float] = field(default_factory=list)

    @property
    def psr(self) -> float:
        """Protection success rate in %, of those counted; a lost face is not a success."""
        return 100 * self.protected / self.n if self.n else float("nan")


def margin(score: float, threshold: float, metric: str) -> float:
    """How far a score is beyond the threshold: 1 identical, 0 at it, below 0 a stranger."""
    return float(Metric.of(metric).margin(score, threshold))


def tally(
    rows: Iterable[Mapping[str, Any]],
    clean: Mapping[str, Mapping[str, Any]],
    model: str,
    bound: tuple[float, str],
    treatment: str,
) -> Tally:
    """Count one judge over rows. clean: by person, the row of the untouched photo. bound: threshold and metric."""
    counted = Tally()
    for row in rows:
        untouched = clean.get(row["person"])
        if untouched is None or not counts(untouched, model, bound):
            continue
        counted.n += 1
        scores = row["scores"][treatment]
        if scores is None:
            counted.lost += 1
            continue
        left = margin(scores[model], *bound)
        counted.margins.append(left)
        counted.protected += (left >= 0) == resembles(row)
    return counted


def counts(clean: Mapping[str, Any], model: str, bound: tuple[float, str]) -> bool:
    """Whether a judge matches the untouched photo with whom it is compared with, as it came and after a plain JPEG 75.

    For impersonation the other way round: whether it does not match the target already.
    """
    read = [clean["scores"][treatment] for treatment in ("saved", "JPEG 75")]
    return all(scores is not None and (margin(scores[model], *bound) >= 0) != resembles(clean) for scores in read)


def resembles(row: Mapping[str, Any]) -> bool:
    """Whether a row's aim is to be taken for somebody made up."""
    return row.get("aim", "dodge") == "impersonate"


def opened_in_batches(todo: Sequence[Pair], size: int, open_one: Any, complain: Any) -> Iterator[list[Subject]]:
    """Subjects, `size` at a time; a pair that cannot be used is told and left out."""
    waiting: list[Subject] = []
    for pair in todo:
        try:
            waiting.append(open_one(pair))
        except WorkbenchError as error:
            complain(pair, error)
        if len(waiting) == size:
            yield waiting
            waiting = []
    if waiting:
        yield waiting
