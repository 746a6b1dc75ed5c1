"""Labeling studies of drawn faces whose identity is moved by known angles: one thing changes, the rest is kept.

For each new identity the same noise draws it again and again while its vector turns on the hypersphere, so that only
the identity differs between two pictures of a pair. After Liang, Perona and Balakrishnan, "Benchmarking Algorithmic
Bias in Face Recognition: An Experimental Approach Using Synthetic Faces and Human Evaluation", ICCV 2023, section 3,
with angles in place of attributes.
"""

import csv
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from workbench import checks
from workbench.batch import write_atomically
from workbench.errors import BadRequest
from workbench.generation import identity, marking
from workbench.generation.album import ROUND, Files, begin
from workbench.generation.packing import invented
from workbench.generation.population import population
from workbench.generation.report import Report, Target, measure
from workbench.generation.sheets import checked
from workbench.generation.sitters import EachSees, Painter, Turning, turning
from workbench.images import decode
from workbench.labeling.study.demo import upscale, vary
from workbench.labeling.study.items import Item, Picture, write_items
from workbench.labeling.study.study import FILE, Study, load_study
from workbench.labeling.study.tables import NAME
from workbench.labeling.study.tasktypes import TASK_TYPES
from workbench.portraits import PortraitModel, Recipe, SteadyModel
from workbench.settings import Settings
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.recognition import FaceRecogniser, similarities
from workbench.watch import Watch

TASKS = tuple(name for name, task in TASK_TYPES.items() if task.images == 2)
MOST_PICTURES = 2000
SMALLEST = 256
"""Pixels a rater sees at least; smaller pictures are drawn larger."""


@dataclass(frozen=True, slots=True)
class Design:
    """What a study is made of. people: identities. pictures: of each, the first as it is, the last turned by `widest`
    degrees.

    least: degrees between any two identities; 0: as many as two strangers have at the recogniser's threshold. model:
    catalogue id. steps, guidance: 0 for the model's own. Raises BadRequest for what cannot be.
    """

    name: str
    model: str
    people: int = 12
    pictures: int = 5
    widest: float = 40.0
    least: float = 0.0
    seed: int = 1
    task: str = "same_different"
    steps: int = 0
    guidance: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not NAME.fullmatch(self.name):
            raise BadRequest(
                f"Study name: expected letters, digits, '.', '_' and '-', at most 80, got {str(self.name)[:40]!r}."
            )
        bounds = (("people", 2, 500), ("pictures", 2, 20), ("widest", 1, 90), ("least", 0, 90), ("seed", 0, 2**31 - 1))
        for name, low, high in bounds:
            checks.number(name, getattr(self, name), low, high)
        if self.people * self.pictures > MOST_PICTURES:
            raise BadRequest(f"Expected at most {MOST_PICTURES} pictures in all, got {self.people} × {self.pictures}.")
        if self.task not in TASKS:
            raise BadRequest(f"task: expected one of {', '.join(TASKS)}, got {str(self.task)[:40]!r}.")

    @property
    def angles(self) -> list[float]:
        """Degrees of every picture of a person from the first."""
        return [round(self.widest * level / (self.pictures - 1), 4) for level in range(self.pictures)]


@dataclass(frozen=True, slots=True)
class Drawn:
    """One picture of the study: whose, how far turned, from which seed, in which file (below the folder).

    again: the person's first picture as if photographed again, by turning and lighting that picture itself.
    """

    person: int
    angle: float
    seed: int
    file: str
    again: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Maker:
    """The models a study is made with. recognisers: those that measure it, the portrait model's own among them. steady:
    the model is a `SteadyModel`, and so brightness, hair and glasses stay while identity turns. painter: what draws the
    people first, where the model must see a photo; it is then a `MixingModel`."""

    model: PortraitModel
    finder: FaceFinder
    recognisers: Mapping[str, FaceRecogniser]
    settings: Settings
    steady: bool = False
    painter: Painter | None = None

    def held(self, vectors: np.ndarray) -> PortraitModel:
        """The model, holding what it can tell of these people (n, d) besides who they are."""
        return cast(SteadyModel, self.model).steady(vectors) if self.steady else self.model


def make_study(design: Design, folder: Path, maker: Maker, watch: Watch | None = None) -> Study:
    """Draw, measure and write the study; a folder in which the same design was begun goes on where it stopped.

    Beside study.toml, items.csv and images/ it holds manifest.csv (a row per picture), pairs.csv (a row per pair, with
    what each recogniser says), embeddings.npz (asked and measured vectors) and report.json. study.toml is written last.
    Pictures without a face stay in the manifest and out of the items. Raises BadRequest (another design, too many),
    Cancelled, OutOfMemory.
    """
    watch = watch or Watch()
    begin(folder, asdict(design))
    people = _people(design, maker, watch.part(0.0, 0.15 if maker.painter else 0.05))
    asked, rows = people.vectors, _plan(design)
    _draw(design, folder, maker, people, rows, watch.part(0.15 if maker.painter else 0.05, 0.8))
    pictures = Files([folder / row.file for row in rows], maker.settings)
    first = Target(
        "its first picture's vector", {maker.model.recogniser: np.repeat(asked[:, 0], design.pictures + 1, axis=0)}
    )
    report = measure(
        pictures,
        [row.person for row in rows],
        [first],
        maker.finder,
        maker.recognisers,
        maker.model.recogniser,
        watch.part(0.8, 1),
    )
    _write(design, folder, maker, people, rows, report)
    return load_study(folder)


def package(folder: Path) -> bytes:
    """The study as a zip, to take along; `label init` and `label serve` take the unpacked folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(path, path.relative_to(folder).as_posix())
    return buffer.getvalue()


def _people(design: Design, maker: Maker, watch: Watch) -> Turning:
    """Who is drawn, (people, pictures + 1, d): every identity, itself turned step by step, and once more itself;
    turned in a direction of their own, or, where photos must be seen, towards somebody else."""
    own, degrees = maker.model.recogniser, (*design.angles, 0.0)
    if maker.painter is not None:
        told = (design.people, degrees, design.least, maker.model, maker.recognisers, maker.painter)
        return turning(*told, seed=design.seed, watch=watch)
    model, known = maker.recognisers[own], population(own)
    rows = invented(design.people, design.least, own, model, seed=design.seed, watch=watch)
    turned = [
        [identity.drift(row, angle, model.metric, design.seed + 7919 * number, known) for angle in degrees]
        for number, row in enumerate(rows)
    ]
    return Turning(np.stack(turned))


def _plan(design: Design) -> list[Drawn]:
    """Every picture in order; one seed and one row of noise per person, so that the noise is the same; names that tell
    nothing."""
    rng = np.random.default_rng(design.seed)
    each = design.pictures + 1
    names = [f"images/{int(name):08x}.png" for name in rng.permutation(2**20)[: design.people * each]]
    rows = []
    for person in range(design.people):
        files, seed = names[person * each : (person + 1) * each], design.seed + person // ROUND
        rows += [Drawn(person, angle, seed, file) for angle, file in zip(design.angles, files, strict=False)]
        rows.append(Drawn(person, 0.0, seed, files[-1], again=True))
    return rows


def _draw(design: Design, folder: Path, maker: Maker, asked: Turning, rows: Sequence[Drawn], watch: Watch) -> None:
    """Eight people at a time, one level after the other: a model's noise goes by row, so that a person keeps theirs."""
    each = design.pictures + 1
    starts = [(first, level) for first in range(0, design.people, ROUND) for level in range(design.pictures)]
    for place, (first, level) in enumerate(starts):
        watch.tell(
            place / len(starts), f"{place * min(ROUND, design.people)} of {design.people * design.pictures} pictures"
        )
        people = range(first, min(first + ROUND, design.people))
        these = [rows[person * each + level] for person in people]
        if all((folder / row.file).is_file() for row in these):
            continue
        recipe = checked(Recipe(these[0].seed, design.steps, design.guidance), maker.model)
        part = watch.part(place / len(starts), (place + 1) / len(starts))
        seen = [asked.views[person][level] for person in people] if asked.views else []
        model = EachSees(seen) if seen else maker.held(asked.vectors[people, 0])
        for row, picture in zip(these, model(asked.vectors[people, level], recipe, part), strict=True):
            _keep(folder, row, upscale(picture, SMALLEST) if len(picture) < SMALLEST else picture, design, recipe)
    for number, row in enumerate(rows):
        if row.again and not (folder / row.file).is_file():
            first_picture = decode(folder / rows[number - design.pictures].file, maker.settings)
            recipe = checked(Recipe(row.seed, design.steps, design.guidance), maker.model)
            _keep(folder, row, vary(first_picture, design.seed + number), design, recipe)


def _keep(folder: Path, row: Drawn, picture: np.ndarray, design: Design, recipe: Recipe) -> None:
    told = {"steps": recipe.steps, "guidance": recipe.guidance, "picture": row.person % ROUND + 1, "angle": row.angle}
    write_atomically(folder / row.file, marking.png(picture, marking.drawn(design.model, row.seed, **told)))


def _write(design: Design, folder: Path, maker: Maker, asked: Turning, rows: Sequence[Drawn], report: Report) -> None:
    flat = asked.vectors.reshape(len(rows), -1)
    arrays: dict[str, np.ndarray] = {f"measured_{name}": found for name, found in report.vectors.items()}
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        names=np.array([row.file for row in rows], dtype=np.str_),
        embeddings=flat.astype(np.float32),
        metric=np.array(maker.recognisers[maker.model.recogniser].metric),
        model=np.array(maker.model.recogniser),
        **arrays,  # type: ignore[arg-type]
    )
    write_atomically(folder / "embeddings.npz", stream.getvalue())
    manifest = [
        asdict(row) | {"face": report.faces[n] is not None, "ai_generated": True, "model": design.model}
        for n, row in enumerate(rows)
    ]
    write_atomically(folder / "manifest.csv", _table(manifest))
    pairs = _pairs(design, rows, report)
    figures = {name: _alike(report.vectors[name], pairs, model.metric) for name, model in maker.recognisers.items()}
    told = [asdict(pair) | {name: values[n] for name, values in figures.items()} for n, pair in enumerate(pairs)]
    write_atomically(folder / "pairs.csv", _table(told))
    head = {"ai_generated": True, **asdict(design), "left_out": [rows[number].file for number in report.missing]}
    head |= {"drawn_first": asked.said} if asked.said else {}
    write_atomically(folder / "report.json", (json.dumps(head | report.figures(), indent=1) + "\n").encode())
    order = np.random.default_rng(design.seed).permutation(len(pairs))
    write_items([_item(pairs[place], design.task) for place in order], folder / "items.csv")
    write_atomically(folder / FILE, _toml(design, len(pairs)).encode())


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures to judge. kind: "turned", "stranger" or "again". angle: degrees between their identities. first,
    second: places."""

    item: str
    kind: str
    angle: float
    person: int
    image_1: str
    image_2: str
    first: int
    second: int


def _pairs(design: Design, rows: Sequence[Drawn], report: Report) -> list[Pair]:
    """Every person's first picture with each turned one, with the next person's first, and with itself taken again.

    Raises BadRequest when no picture has a face.
    """
    each = design.pictures + 1
    starts = [number for number in range(0, len(rows), each) if report.faces[number] is not None]
    if not starts:
        raise BadRequest(
            "No face was found in the pictures drawn, so there is nothing to judge. Try another seed or model."
        )
    found = []
    for place, start in enumerate(starts):
        person, stranger = rows[start].person, starts[(place + 1) % len(starts)]
        for level in range(1, each):
            kind, angle = ("again", 0.0) if rows[start + level].again else ("turned", rows[start + level].angle)
            if report.faces[start + level] is not None:
                name = f"{kind}-{person:03d}-{level:02d}"
                found.append(
                    Pair(name, kind, angle, person, rows[start].file, rows[start + level].file, start, start + level)
                )
        if stranger != start:
            name = f"stranger-{person:03d}"
            found.append(
                Pair(name, "stranger", float("nan"), person, rows[start].file, rows[stranger].file, start, stranger)
            )
    return found


def _item(pair: Pair, task: str) -> Item:
    """The pair as raters get it. Only pairs whose truth nobody doubts are gold, and only where answers say same or
    different."""
    truth = {"stranger": "different", "again": "same"}.get(pair.kind, "")
    group = f"turned {pair.angle:g} degrees" if pair.kind == "turned" else pair.kind
    pictures = (Picture(pair.image_1), Picture(pair.image_2))
    return Item(
        pair.item, pictures, group, truth if task == "same_different" else "", truth, (f"face-{pair.person:03d}",)
    )


def _alike(vectors: np.ndarray, pairs: Sequence[Pair], metric: str) -> list[float | str]:
    """The similarity of every pair (more is more alike), "" where a picture has no vector."""
    if not vectors.shape[1]:
        return [""] * len(pairs)
    values = similarities(vectors[[pair.first for pair in pairs]], vectors[[pair.second for pair in pairs]], metric)
    return [round(float(value), 5) if np.isfinite(value) else "" for value in values]


def _table(rows: Sequence[Mapping[str, Any]]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(
        stream, [name for name in rows[0] if name not in ("first", "second")], extrasaction="ignore"
    )
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def _toml(design: Design, items: int) -> str:
    block = min(30, max(4, items))
    return f'''# Made by `python -m workbench generate --study`. Every face is AI-generated; none belongs to a person.
[study]
name = "{design.name}"
title = "{TASK_TYPES[design.task].title}"
task = "{design.task}"
instructions = """
You will see two faces at a time. All of them are **AI-generated**: {design.model} drew them, none belongs to a person.
Within a pair everything but the face's identity was kept as far as the model can."""
seed = {design.seed}

[consent]
version = "{design.name}-1"
minimum_age = 18
text = """
Your answers, the time each took and a random number in place of your name are kept. You can stop at any time and withdraw your \\
answers with one click."""

[items]
csv = "items.csv"
synthetic = true

[assignment]
raters_per_item = 5
conflict_gap = 1

[blocks]
size = {block}
gold = {min(2, block // 4) if design.task == "same_different" else 0}
repeats = {1 if block > 10 else 0}
repeat_gap = {5 if block > 10 else 1}
'''  # noqa: E501
