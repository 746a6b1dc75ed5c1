"""What can be seen in a folder whose faces have vectors: nearly the same picture twice, who is like a given face, and
pictures that probably lie in the wrong person's folder."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from workbench.errors import BadRequest
from workbench.people.faces import Faces, as_score, distances, nearest, on_sphere

SAME_BITS = 0.25
"""Share of a face's bits that may differ between two copies of one picture."""
CLOSE = 0.45
"""And the share of the recogniser's threshold that their distance may reach."""
_NEAR = 20


@dataclass(frozen=True, slots=True)
class Twice:
    """Two faces, by number, of what is probably one picture. bits: share of their bits that differ. mirrored: one is
    the other's mirror image."""

    first: int
    second: int
    bits: float
    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class Like:
    """A face like the one that was searched for. score: in the recogniser's own unit. same: taken for one person; None
    without a threshold."""

    face: int
    score: float
    same: bool | None


@dataclass(frozen=True, slots=True)
class Doubt:
    """A picture that probably shows somebody else than its folder says.

    own: how far (share of the threshold) it is from its person's middle picture. other, far: whose folder it is nearer
    to, "" for nobody's, and how far it is from that.
    """

    face: int
    given: str
    own: float
    other: str
    far: float

    @property
    def surer(self) -> float:
        """How much nearer it is to another, or beyond the threshold of its own."""
        return self.own - (self.far if self.other else 1.0)

    def words(self) -> str:
        """The reason as a sentence."""
        apart = f"{self.own:.2f} of the threshold from the other pictures of {self.given}"
        return f"{apart}, {self.far:.2f} from {self.other}" if self.other else f"{apart}, and like nobody here"


def duplicates(faces: Faces, bits: float = SAME_BITS) -> tuple[Twice, ...]:
    """Pairs of faces that are probably one picture: saved again, smaller, cropped, or mirrored; most alike first.

    By difference hashes (Krawetz 2013) of 16 × 16 bits of the aligned faces, among faces that the recogniser finds
    near each other. Raises BadRequest where faces have no pictures.
    """
    if len(faces.pictures) != len(faces) or not len(faces):
        raise BadRequest("Duplicates are looked for in faces with their pictures; these have none.")
    order, far = nearest(faces.places, _NEAR + 1)
    limit = np.inf if faces.reach is None else CLOSE * faces.reach
    plain = np.stack([fingerprint(picture) for picture in faces.pictures])
    turned = np.stack([fingerprint(picture, mirrored=True) for picture in faces.pictures])
    found = []
    for i, row in enumerate(order):
        for j, distance in zip(row[1:].tolist(), far[i, 1:].tolist(), strict=True):
            if distance <= limit and (i < j or i not in order[j]):
                straight, mirror = float((plain[i] != plain[j]).mean()), float((plain[i] != turned[j]).mean())
                if min(straight, mirror) <= bits:
                    found.append(Twice(min(i, j), max(i, j), min(straight, mirror), mirror < straight))
    return tuple(sorted(found, key=lambda each: (each.bits, each.first, each.second)))


def fingerprint(picture: bytes, mirrored: bool = False) -> np.ndarray:
    """(256,) bool: where a face's small grey picture becomes brighter to the right."""
    with Image.open(io.BytesIO(picture)) as opened:
        grey = opened.convert("L")
        if mirrored:
            grey = grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        small = np.asarray(grey.resize((17, 16), Image.Resampling.BOX), np.int16)
    return (small[:, 1:] > small[:, :-1]).ravel()


def search(faces: Faces, vector: np.ndarray, most: int = 50) -> tuple[Like, ...]:
    """The faces most like one face, (d,) of that recogniser, nearest first. Raises BadRequest for another length."""
    asked = np.asarray(vector, np.float32)
    if asked.shape != faces.vectors.shape[1:]:
        raise BadRequest(f"Expected a vector of {faces.model} ({faces.vectors.shape[1]} numbers), got {asked.shape}.")
    far = distances(on_sphere(asked[None], faces.metric), faces.places)[0]
    chosen = np.argsort(far, kind="stable")[:most]
    reach = faces.reach
    return tuple(
        Like(int(i), as_score(float(far[i]), faces.metric), None if reach is None else bool(far[i] <= reach))
        for i in chosen
    )


def doubts(faces: Faces, given: Sequence[str]) -> tuple[Doubt, ...]:
    """Faces that probably do not belong to the person they were given to, most doubtful first.

    given: (n,) who each face is said to be, "" unknown. A face is doubted when its middle distance to its person's
    other faces is beyond the recogniser's threshold and another person's faces are nearer, or most of the person's
    others agree. A person with one face cannot be doubted. Raises BadRequest without a threshold.
    """
    if faces.reach is None:
        raise BadRequest(f"{faces.model} has no calibrated threshold, so no picture can be called doubtful.")
    names = np.asarray(given)
    places, found = faces.places, []
    rows_of = {name: np.flatnonzero(names == name) for name in dict.fromkeys(given) if name}
    for name, rows in rows_of.items():
        if len(rows) < 2:
            continue
        apart = distances(places[rows], places[rows]) / faces.reach
        own = np.array([np.median(np.delete(apart[i], i)) for i in range(len(rows))])
        if not (suspects := np.flatnonzero(own > 1)).size:
            continue
        others = distances(places[rows[suspects]], places) / faces.reach
        for place, there in zip(suspects, others, strict=True):
            other, far = _nearest_other(there, rows_of, name)
            settled = len(rows) > 2 and np.median(np.delete(own, place)) <= 1
            if (other and far < own[place]) or settled:
                nobody = not other or far >= own[place]
                found.append(Doubt(int(rows[place]), name, float(own[place]), "" if nobody else other, far))
    return tuple(sorted(found, key=lambda each: (-each.surer, each.face)))


def _nearest_other(apart: np.ndarray, rows_of: dict[str, np.ndarray], name: str) -> tuple[str, float]:
    """Whose faces are nearest within the threshold, by their middle distance; ("", ∞) for nobody's."""
    near = {other: float(np.median(apart[rows])) for other, rows in rows_of.items() if other != name}
    other = min(near, key=lambda key: (near[key], key), default="")
    return (other, near[other]) if other and near[other] <= 1 else ("", float("inf"))
