"""Points against true points: normalised mean error and failure rate, with intervals; left and right changed over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.errors import BadRequest
from workbench.evaluation.weighing import Statistic

FAILED = 0.08
"""An error, in distances between the outer corners of the eyes, from which a face counts as failed."""
CORNERS = {5: (0, 1), 68: (36, 45), 98: (60, 72)}
"""Number of points → the outer corners of the eyes (of five points, the middles of the eyes)."""
LAYOUTS = ("5", "68", "98")
"""Layouts a face mesh is read in, named for their number of points."""
GROUPS = {
    68: {"jaw": (0, 17), "brows": (17, 27), "nose": (27, 36), "eyes": (36, 48), "mouth": (48, 68)},
    98: {"jaw": (0, 33), "brows": (33, 51), "nose": (51, 60), "eyes": (60, 76), "mouth": (76, 96), "pupils": (96, 98)},
    5: {"eyes": (0, 2), "nose": (2, 3), "mouth": (3, 5)},
}
_PAIRED = {
    68: ("36-45 37-44 38-43 39-42 40-47 41-46", ((0, 17), (17, 27), (31, 36), (48, 55), (55, 60), (60, 65), (65, 68))),
    98: (
        "33-46 34-45 35-44 36-43 37-42 38-50 39-49 40-48 41-47 60-72 61-71 62-70 63-69 64-68 65-75 66-74 67-73 96-97",
        ((0, 33), (55, 60), (76, 83), (83, 88), (88, 93), (93, 96)),
    ),
    5: ("0-1 3-4", ()),
}


def mirror(count: int) -> np.ndarray:
    """(count,): the point on the other side of the face of each of 5, 68 or 98 points."""
    places = np.arange(count)
    pairs, runs = _PAIRED[count]
    for pair in pairs.split():
        one, two = map(int, pair.split("-"))
        places[one], places[two] = two, one
    for begin, end in runs:
        places[begin:end] = places[begin:end][::-1].copy()
    return places


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """One photo's faces. errors: (faces, n) float64, distance by point over that between the eyes' outer corners; NaN
    where the face was not found. pairs: true and found points, (n, 2) each, None when not found. exchanged: a face
    agrees better with left and right changed over."""

    id: str
    errors: np.ndarray
    pairs: tuple[tuple[np.ndarray, np.ndarray | None], ...]
    exchanged: bool

    @property
    def means(self) -> np.ndarray:
        """(faces,): the normalised mean error of each face, NaN where it was not found."""
        return np.asarray(self.errors.mean(axis=1))


def trace(id: str, truth: np.ndarray, answer: Sequence[Mapping[str, Sequence[Sequence[float]]]]) -> Traced:
    """Compare one photo. truth: (faces, n, 2). answer: of each face found, points by their number.

    Of the faces found the nearest counts, each once. Raises BadRequest for another number of points than the model's,
    and for eyes that lie on one spot.
    """
    count = truth.shape[1]
    if count not in CORNERS:
        raise BadRequest(f"{id}: expected {', '.join(map(str, CORNERS))} points a face, got {count}.")
    if answer and not any(str(count) in face for face in answer):
        known = ", ".join(sorted({key for face in answer for key in face}))
        raise BadRequest(f"{id}: the truth has {count} points a face, the model gives {known}.")
    left = [np.array(face[str(count)], np.float64) for face in answer if str(count) in face]
    errors, pairs, exchanged = [], [], False
    for points in truth.astype(np.float64):
        unit = float(np.linalg.norm(np.subtract(*points[list(CORNERS[count])])))
        if unit < 1e-6:
            raise BadRequest(f"{id}: both eyes of the truth lie on one spot.")
        place = _nearest(points, left, unit)
        found = None if place is None else left.pop(place)
        pairs.append((points, found))
        errors.append(np.full(count, np.nan) if found is None else np.linalg.norm(found - points, axis=1) / unit)
        if found is not None:
            turned = np.linalg.norm(found[mirror(count)] - points, axis=1).mean() / unit
            exchanged = exchanged or bool(turned < errors[-1].mean())
    return Traced(id, np.stack(errors), tuple(pairs), exchanged)


def _nearest(points: np.ndarray, found: list[np.ndarray], unit: float) -> int | None:
    """The face whose middle is nearest, if it is not farther than the eyes are apart."""
    far = [float(np.linalg.norm(each.mean(axis=0) - points.mean(axis=0))) / unit for each in found]
    return int(np.argmin(far)) if far and min(far) <= 1 else None


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """All photos of one model, in the order of the cases."""

    photos: tuple[Traced, ...]

    def statistics(self) -> dict[str, Statistic]:
        """NME of the faces found; failure rate at 8 %, faces not found among them; share of faces found."""
        means = [photo.means for photo in self.photos]
        faces = np.array([len(each) for each in means], np.float64)
        seen = np.array([np.isfinite(each).sum() for each in means], np.float64)
        summed = np.array([np.nansum(each) for each in means])
        failed = np.array([(~(each <= FAILED)).sum() for each in means], np.float64)
        return {
            "NME": ratio(summed, seen),
            "failure rate at 8 %": ratio(failed, faces),
            "faces found": ratio(seen, faces),
        }

    def exchanged(self) -> list[str]:
        """Ids of photos where a face agrees better with left and right changed over."""
        return [photo.id for photo in self.photos if photo.exchanged]

    def worst(self, count: int = 20) -> list[Traced]:
        """The photos with the largest error, a face not found before all others."""

        def badness(photo: Traced) -> float:
            return float(np.nan_to_num(photo.means, nan=np.inf).max())

        return sorted(self.photos, key=badness, reverse=True)[:count]

    def parts(self) -> dict[str, float]:
        """Mean error of the points of each part of the face, over the faces found."""
        table = np.concatenate([photo.errors for photo in self.photos])
        table = table[np.isfinite(table).all(axis=1)]
        groups = GROUPS[table.shape[1]]
        return {name: float(table[:, a:b].mean()) if len(table) else float("nan") for name, (a, b) in groups.items()}


def as_row(photo: Traced) -> Mapping[str, object]:
    """A line of the table per photo."""
    mean = photo.means
    seen = mean[np.isfinite(mean)]
    return {
        "file": photo.id, "faces": len(mean), "found": len(seen),
        "nme": round(float(seen.mean()), 5) if len(seen) else "", "sides exchanged": photo.exchanged,
    }  # fmt: skip


def ratio(above: np.ndarray, below: np.ndarray) -> Statistic:
    """The statistic `above` summed over `below` summed; NaN where there is nothing below."""

    def of(weights: np.ndarray) -> np.ndarray:
        counted = weights @ below
        return np.divide(weights @ above, counted, out=np.full(counted.shape, np.nan), where=counted > 0)

    return of
