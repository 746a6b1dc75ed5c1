"""Photos of one person in, one identity out: a vector per recogniser, and a warning when the photos look like different
people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import cast

import numpy as np

from workbench.errors import BadRequest, ManyFaces, NoFace, WorkbenchError
from workbench.generation import identity
from workbench.portraits import LookingModel, MixingModel, PortraitModel, PosedModel
from workbench.tasks.detection import one_face
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.recognition import FaceRecogniser, embed, match
from workbench.values import Embedding

MOST = 12
"""Photos of one person that may be averaged."""

Photo = tuple[str, np.ndarray]
"""A name to speak of it by, and the picture: RGB uint8."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Who was asked for. vectors: (d,) float32 per recogniser, as its metric wants them. warnings: sentences. photos:
    how many."""

    name: str
    vectors: Mapping[str, np.ndarray]
    warnings: tuple[str, ...]
    photos: int


def read_person(
    photos: Sequence[Photo],
    finder: FaceFinder,
    recognisers: Mapping[str, FaceRecogniser],
    *,
    choice: int | None = None,
    name: str = "the reference",
) -> Person:
    """The identity that photos of one person share, by every recogniser.

    choice: which face, counted from 1 by size, where a photo has several; None asks. Raises NoFace and ManyFaces naming
    the photo, BadRequest for no photo or more than 12.
    """
    if not 1 <= len(photos) <= MOST:
        raise BadRequest(f"Expected 1 to {MOST} photos of one person, got {len(photos)}.")
    rows = [_embedded(photo, finder, recognisers, choice) for photo in photos]
    vectors = {
        model_id: identity.mean(np.stack([row[model_id].vector for row in rows]), model.metric)
        for model_id, model in recognisers.items()
    }
    names = [photo[0] for photo in photos]
    return Person(name, vectors, tuple(_doubts(names, rows, recognisers)), len(photos))


def seen(model: PortraitModel, photos: Sequence[Photo], finder: FaceFinder, choice: int | None = None) -> PortraitModel:
    """The model as it draws this person: one whose row says that it looks at photos is shown the first."""
    if not model.photo or not photos:
        return model
    return cast(LookingModel, model).shown(photos[0][1], one_face(photos[0][1], finder, choice))


def views(
    model: PortraitModel,
    shares: Sequence[float],
    photos: Sequence[Photo],
    finder: FaceFinder,
    choice: int | None = None,
) -> list[PortraitModel]:
    """The model as it draws each share (0..1) of the way between the people of two photos. Its row says that it
    mixes."""
    first, second = (cast(MixingModel, seen(model, [photo], finder, choice)) for photo in photos)
    return [first.between(second, share) for share in shares]


def posed(model: PortraitModel, photo: np.ndarray, finder: FaceFinder) -> PortraitModel:
    """The model whose faces lie as the largest one of this photo does; for one whose row says that it takes a pose.
    Raises NoFace."""
    return cast(PosedModel, model).posed(photo, one_face(photo, finder, 1))


def _embedded(
    photo: Photo, finder: FaceFinder, recognisers: Mapping[str, FaceRecogniser], choice: int | None
) -> dict[str, Embedding]:
    name, image = photo
    try:
        face = one_face(image, finder, choice)
        return {model_id: embed(image, face, model) for model_id, model in recognisers.items()}
    except NoFace:
        raise NoFace(f"{name}: no face was found. Use a larger, brighter or less covered one.") from None
    except ManyFaces as error:
        raise ManyFaces(
            f"{name} has {error.count} faces. Whose? Choose a face by its number (1 is the largest), or crop the "
            "photo.",
            count=error.count,
        ) from None
    except WorkbenchError as error:
        raise error.about(name) from None


def _doubts(
    names: Sequence[str], rows: Sequence[Mapping[str, Embedding]], recognisers: Mapping[str, FaceRecogniser]
) -> list[str]:
    """A sentence per pair of photos that a recogniser takes for two people."""
    sentences = []
    for first, second in combinations(range(len(rows)), 2):
        verdicts = [
            match(rows[first][model_id], rows[second][model_id], model) for model_id, model in recognisers.items()
        ]
        if any(verdict.same is False for verdict in verdicts):
            told = "; ".join(verdict.words().rstrip(".") for verdict in verdicts)
            sentences.append(
                f"{names[first]} and {names[second]} may show different people ({told}). Their mean is then "
                f"nobody in "
                f"particular."
            )
    return sentences
