"""Sitters: people who do not exist, each with a drawn portrait, for models that draw nobody they have not seen.

A model that needs no photo draws candidates whose vectors lie far apart; the model that must see one looks at these
pictures, and is told what its own recogniser reads off them. Candidates that this recogniser finds too near to another
sitter, or to a person of the gallery, are left out; where too few are left, the vectors of the farthest are turned
until they are as far apart as new identities always are. A model that hears no vector has the pictures alone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, cast

import numpy as np

from workbench.errors import BadRequest, ModelMissing, WorkbenchError
from workbench.generation.identity import angle, between
from workbench.generation.packing import bound, invented, moved_apart
from workbench.portraits import LookingModel, MixingModel, PortraitModel, Preview, Recipe
from workbench.tasks.detection import find_faces
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.recognition import FaceRecogniser, embed
from workbench.values import Face
from workbench.watch import Watch

ROUND = 8
"""Candidates drawn together."""
PATIENCE = 3
"""Candidates drawn for each sitter wanted, at most."""


class Row(Protocol):
    """What is asked of a model's row."""

    @property
    def id(self) -> str:
        """Of the catalogue."""

    @property
    def title(self) -> str:
        """For people."""

    @property
    def photo(self) -> str:
        """Empty, or whether it may or must see one."""

    @property
    def hears(self) -> bool:
        """Whether a vector makes a difference."""


@dataclass(frozen=True, slots=True, eq=False)
class Painter:
    """What draws the sitters. model: needs no photo. title: of its row. recogniser: whose vectors it is told. hears:
    whether the model it draws for hears vectors, which may then be turned apart."""

    title: str
    model: PortraitModel
    recogniser: FaceRecogniser
    finder: FaceFinder
    hears: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Sitters:
    """People of nobody. photos, faces: of each. vectors: (n, d) per recogniser, read off the photos. told: (n, d), what
    the model is told, which keeps the angle. said: a sentence of how they came about."""

    photos: tuple[np.ndarray, ...]
    faces: tuple[Face, ...]
    vectors: Mapping[str, np.ndarray]
    told: np.ndarray
    said: str

    def shown_to(self, model: PortraitModel) -> list[PortraitModel]:
        """The model as it sees each of them."""
        looking = cast(LookingModel, model)
        return [looking.shown(photo, face) for photo, face in zip(self.photos, self.faces, strict=True)]


def painter_of(
    spec: Row,
    here: Iterable[Row],
    portrait: Callable[[str], PortraitModel],
    recogniser: Callable[[str], FaceRecogniser],
    finder: Callable[[], FaceFinder],
) -> Painter | None:
    """What draws the sitters of a portrait model; None for one that needs none. here: rows of portrait models that are
    on this machine, of which the first that needs no photo draws. Raises ModelMissing without one."""
    if spec.photo != "must":
        return None
    first = next((row for row in here if row.photo != "must"), None)
    if first is None:
        raise ModelMissing(
            f"{spec.title} draws nobody it has not seen a photo of, and no model is here that could draw one for it. "
            "Run: python -m workbench models fetch appearance-portrait-256"
        )
    model = portrait(first.id)
    return Painter(first.title, model, recogniser(model.recogniser), finder(), spec.hears)


def sitters(
    count: int,
    least: float,
    model: PortraitModel,
    recognisers: Mapping[str, FaceRecogniser],
    painter: Painter,
    *,
    gallery: np.ndarray | None = None,
    seed: int = 0,
    watch: Watch | None = None,
) -> Sitters:
    """So many sitters for a model that must see a photo; by its own recogniser each keeps `least` degrees from every
    other and from every row of the gallery (m, d).

    least: 0 means as far as that recogniser's threshold for two people. Raises BadRequest when so many do not fit so
    far apart, with what was reached. Raises Cancelled.
    """
    own, watch = model.recogniser, watch or Watch()
    apart = bound(least, own, recognisers[own])
    others = np.zeros((0, 0)) if gallery is None else np.asarray(gallery, np.float64)
    found: list[_Candidate] = []
    chosen: list[int] = []
    tries = -(-PATIENCE * count // ROUND)
    for number in range(tries):
        part = watch.part(number / tries, (number + 1) / tries)
        part.tell(0.0, f"drawing people to look at, {len(chosen)} of {count}")
        told = invented(ROUND, 0, painter.model.recogniser, painter.recogniser, seed=seed + 104_729 * number)
        drawn = painter.model(told, Recipe(seed + number), part)
        found += [each for picture in drawn if (each := _candidate(picture, painter.finder, recognisers))]
        chosen = _farthest(np.stack([each.vectors[own] for each in found]), others, count, apart) if found else []
        if len(chosen) == count:
            break
    return _taken(found, chosen, count, apart, own, recognisers, painter, gallery)


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    photo: np.ndarray
    face: Face
    vectors: Mapping[str, np.ndarray]


def _candidate(picture: np.ndarray, finder: FaceFinder, recognisers: Mapping[str, FaceRecogniser]) -> _Candidate | None:
    """What recognisers read off a drawing; None where it shows no face that all of them can align."""
    faces = find_faces(picture, finder, limit=1)
    try:
        vectors = {name: embed(picture, faces[0], model).vector for name, model in recognisers.items()} if faces else {}
    except WorkbenchError:
        return None
    return _Candidate(picture, faces[0], vectors) if vectors else None


def _farthest(rows: np.ndarray, others: np.ndarray, most: int, apart: float) -> list[int]:
    """Rows that lie `apart` degrees from each other and from all others, at most so many: the first that does, then
    always the one farthest from those taken."""
    near = np.array([angle(others, row[None]).min() if len(others) else 180.0 for row in rows])
    taken: list[int] = []
    while len(taken) < most:
        place = int(np.flatnonzero(near >= apart)[0]) if not taken and (near >= apart).any() else int(near.argmax())
        if near[place] < apart:
            break
        taken.append(place)
        near = np.minimum(near, angle(rows, rows[place][None]))
        near[taken] = -1.0
    return taken


def _taken(
    found: Sequence[_Candidate],
    chosen: Sequence[int],
    count: int,
    apart: float,
    own: str,
    recognisers: Mapping[str, FaceRecogniser],
    painter: Painter,
    gallery: np.ndarray | None,
) -> Sitters:
    """The sitters among the candidates; their vectors turned apart where too few are far enough."""
    rows = np.stack([each.vectors[own] for each in found]) if found else np.zeros((0, 0))
    few = len(chosen) < count
    if few and painter.hears and len(found) >= count:
        others = np.zeros((0, 0)) if gallery is None else np.asarray(gallery, np.float64)
        chosen = _farthest(rows, others, count, 0.0)
    told, reached = rows[list(chosen)], apart
    if few and painter.hears and len(chosen) == count:
        told, reached = moved_apart(told, apart, own, recognisers[own], gallery)
    if len(chosen) < count or reached < apart:
        far = f" {reached:.1f}° apart" if reached < apart else ""
        raise BadRequest(
            f"{count} people at least {apart:.0f}° apart by {own} were not found among {len(found)} that were drawn: "
            f"{len(chosen)} were{far}. Ask for fewer, or for a smaller angle."
        )
    turned = float(angle(told, rows[list(chosen)]).max())
    taken = [found[place] for place in chosen]
    said = (
        f"The model must see a photo, so {painter.title} drew one of each person first ({len(found)} drawn); each lies "
        f"at least {apart:.0f}° apart by {own}"
    )
    said += f", for which vectors were turned by up to {turned:.0f}° from the photos'." if few else "."
    vectors = {name: np.stack([each.vectors[name] for each in taken]).astype(np.float32) for name in recognisers}
    return Sitters(
        tuple(each.photo for each in taken), tuple(each.face for each in taken), vectors, told.astype(np.float32), said
    )


class EachSees(PortraitModel):
    """A model of which every row is drawn with a photo of its own in view; noise of a row from (seed, row) alone."""

    def __init__(self, views: Sequence[PortraitModel]) -> None:
        first = views[0]
        self._views = views
        self.recogniser, self.reads_prompt, self.photo = first.recogniser, first.reads_prompt, first.photo
        self.side, self.steps, self.guidance = first.side, first.steps, first.guidance

    def __call__(
        self, vectors: np.ndarray, recipe: Recipe, watch: Watch | None = None, preview: Preview | None = None
    ) -> list[np.ndarray]:
        """As every portrait model; as many rows as there are views."""
        watch, done = watch or Watch(), list[np.ndarray]()
        for row, (model, vector) in enumerate(zip(self._views, vectors, strict=True)):
            ready = tuple(done)
            shown = None if preview is None else lambda pictures, ready=ready: preview([*ready, *pictures])
            part = watch.part(row / len(vectors), (row + 1) / len(vectors))
            done += model(vector[None], replace(recipe, seed=_seed_of(recipe.seed, row)), part, shown)
        return done


def _seed_of(seed: int, row: int) -> int:
    """A seed whose first row of noise is this row's; the first keeps the seed."""
    return seed if row == 0 else int(np.random.SeedSequence([seed, row]).generate_state(1)[0] >> 1)


@dataclass(frozen=True, slots=True, eq=False)
class Turning:
    """People who are turned by degrees. vectors: (people, angles, d), each row turned by exactly its angle. views: the
    model as it sees each, by person and angle, where it must see a photo. said: as `Sitters`."""

    vectors: np.ndarray
    views: tuple[tuple[PortraitModel, ...], ...] = ()
    said: str = ""


def turning(
    people: int,
    angles: Sequence[float],
    least: float,
    model: PortraitModel,
    recognisers: Mapping[str, FaceRecogniser],
    painter: Painter,
    *,
    seed: int = 0,
    watch: Watch | None = None,
) -> Turning:
    """People of nobody, each turned by these degrees towards another of nobody who is in no pair: the vector along the
    great circle, and what the model sees by the same share of the way. Raises as `sitters`."""
    own = model.recogniser
    apart = max(bound(least, own, recognisers[own]), *angles)
    found = sitters(2 * people, apart, model, recognisers, painter, seed=seed, watch=watch)
    seen, rows = [cast(MixingModel, view) for view in found.shown_to(model)], found.told
    vectors, views = [], []
    for person in range(people):
        start, end = rows[person], rows[people + person]
        shares = [min(1.0, degrees / float(angle(start, end))) for degrees in angles]
        vectors.append([between(start, end, share, recognisers[own].metric) for share in shares])
        views.append(tuple(seen[person].between(seen[people + person], share) for share in shares))
    return Turning(np.asarray(vectors, np.float32), tuple(views), found.said)
