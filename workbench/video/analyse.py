"""What every face of a clip shows, picture by picture: where, whose, how turned, and what models say of it.

Two passes: faces are found, measured and followed; then the clip is written again with what was found drawn on it. The
models are arguments.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from workbench.batch.files import make_folder
from workbench.detections import Detections
from workbench.errors import FaceTooSmall
from workbench.tasks import analysis
from workbench.tasks.analysis import export
from workbench.tasks.detection import with_landmarks
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.parsing import Parser, parse
from workbench.tasks.recognition import FaceRecogniser, embed
from workbench.values import Face
from workbench.video.clip import Clip
from workbench.video.passing import Countdown
from workbench.video.people import give_vectors, people
from workbench.video.reading import frames
from workbench.video.seeing import FIRM, Eyes
from workbench.video.showing import Drawn, draw
from workbench.video.tracks import follow
from workbench.video.writing import join, write_piece
from workbench.watch import Watch

ASK = 5
"""Pictures between two questions to the recogniser."""


@dataclass(frozen=True, slots=True, eq=False)
class Readers:
    """Who is asked about each face. finder: with the mesh. models: those of a photo's analysis. parser: colours parts
    in the annotated clip. recogniser: tells people apart over gaps."""

    finder: FaceFinder
    models: analysis.Readers = analysis.Readers()  # noqa: RUF009 - a frozen value
    parser: Parser | None = None
    recogniser: FaceRecogniser | None = None

    def read(self, image: np.ndarray, face: Face) -> dict[str, Any]:
        """The row of one face, as in the table of a photo; what a model needs more pixels for is left out."""
        row = export.row(analysis.analyse_face(image, face, self.models))
        return {name: value for name, value in row.items() if name not in ("face", "untold", "quality_words")}


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What a clip shows. rows: one per picture and person, in that order; see `table.FIXED` for its columns. frames:
    pictures in the clip. people: how many. annotated: the written clip, None when none was asked for."""

    rows: tuple[dict[str, Any], ...]
    frames: int
    people: int
    annotated: Path | None = None
    notes: tuple[str, ...] = ()

    def words(self) -> str:
        """In a sentence."""
        if not self.rows:
            return f"No face was found in {self.frames:,} pictures."
        who = "one person" if self.people == 1 else f"{self.people} people"
        return f"{self.frames:,} pictures, {len(self.rows):,} faces of {who}."


@dataclass(slots=True, eq=False)
class _First:
    """What the first pass gathers. faces: by picture and place among its candidates."""

    times: list[int] = field(default_factory=list)
    found: list[Detections] = field(default_factory=list)
    faces: dict[tuple[int, int], Face] = field(default_factory=dict)
    rows: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    vectors: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)


def analyse(
    clip: Clip,
    eyes: Eyes,
    readers: Readers,
    annotated: Path | None = None,
    every: int = 1,
    watch: Watch = Watch(),  # noqa: B008
) -> Shown:
    """Look at every picture of a clip, ask about the faces of every `every`-th, and write it with them drawn on.

    annotated: where the written clip goes (.mp4), with its sound; None: none is written. Raises BadVideo, CannotWrite,
    Cancelled.
    """
    end = 0.98 if annotated is None else 0.7
    seen = _measured(clip, eyes, readers, every, Countdown(watch.part(0, end), "looking at faces", clip.frames))
    seconds = np.array(seen.times, np.float64) * float(clip.base)
    tracks = follow(seen.found, seconds)
    give_vectors(tracks, seen.vectors, seen.found)
    person = people(tracks, readers.recogniser, "recogniser")
    drawings, rows = _rows(seen, tracks, person, seconds)
    notes: tuple[str, ...] = ()
    if annotated is not None:
        told = Countdown(watch.part(end, 0.99), "drawing", len(seen.times))
        notes = _annotated(clip, drawings, readers.parser, seen.times, seconds, annotated, told)
    counted = len({row["person"] for row in rows})
    return Shown(tuple(rows), len(seen.times), counted, annotated, (*clip.notes, *notes))


def _measured(clip: Clip, eyes: Eyes, readers: Readers, every: int, told: Countdown) -> _First:
    seen = _First()
    for frame in frames(clip):
        told.tell(frame.number)
        found = eyes.look(frame.image, frame.number)
        seen.times.append(frame.time)
        seen.found.append(found)
        if frame.number % every:
            continue
        for place in np.flatnonzero(found.scores >= FIRM):
            key = (frame.number, int(place))
            where = found.boxes[place], found.keypoints[place], float(found.scores[place])
            face = with_landmarks(frame.image, readers.finder, *where)
            seen.faces[key], seen.rows[key] = face, readers.read(frame.image, face)
            if readers.recogniser is not None and face.mesh is not None and frame.number // every % ASK == 0:
                try:
                    seen.vectors[key] = embed(frame.image, face, readers.recogniser).vector
                except FaceTooSmall:
                    continue
    return seen


def _rows(
    seen: _First, tracks: Sequence[Any], person: dict[int, int], seconds: np.ndarray
) -> tuple[dict[int, list[Drawn]], list[dict[str, Any]]]:
    """Drawings by picture, and rows by picture and person."""
    keys = {(number, seen.found[number].boxes[place].tobytes()): (number, place) for number, place in seen.faces}
    drawings: dict[int, list[Drawn]] = {}
    rows = []
    for track in tracks:
        for number, box in zip(track.numbers, track.boxes, strict=True):
            key = keys.get((number, box.tobytes()))
            if key is None:
                continue
            who = {"picture": number, "seconds": round(float(seconds[number]), 6), "person": person[track.name]}
            rows.append({**who, "track": track.name, **seen.rows[key]})
            drawings.setdefault(number, []).append(Drawn(seen.faces[key], person[track.name], track.name, rows[-1]))
    rows.sort(key=lambda row: (row["picture"], row["person"]))
    return drawings, rows


def _annotated(
    clip: Clip,
    drawings: dict[int, list[Drawn]],
    parser: Parser | None,
    times: list[int],
    seconds: np.ndarray,
    path: Path,
    told: Countdown,
) -> tuple[str, ...]:
    make_folder(path.parent)
    draft, smooth = path.with_name(f".{path.stem}.pictures.mp4"), dict[int, Any]()

    def pictures() -> Iterator[np.ndarray]:
        for frame in frames(clip):
            told.tell(frame.number)
            here = drawings.get(frame.number, [])
            whole = [each.face for each in here if each.face.mesh is not None]
            parsing = parse(frame.image, parser, whole) if parser is not None and whole else None
            yield draw(frame.image, here, float(seconds[frame.number]), smooth, parsing)

    try:
        write_piece(draft, pictures(), times, clip)
        return join(path, [draft], times, clip)
    finally:
        draft.unlink(missing_ok=True)
