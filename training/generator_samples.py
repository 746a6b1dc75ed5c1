"""Faces of nobody to train an identity-conditioned generator on: what a GAN drew, where its face is, and how
recognisers see it.

Samples come in shards of one seed each, so that a run that was stopped goes on where it was. What the detector does not
find, or finds twice, and what is broken by the measures of `tasks/quality.py` is dropped. Brightness and contrast are
kept out of that
choice: they would drop dark skin. No real photo is read here.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workbench.bench import Workbench
from workbench.geometry import DLIB_POINTS
from workbench.models.finders.mediapipe import FaceFinder
from workbench.models.portraits.identity_prior import BOX, EYES
from workbench.tasks.detection import FIVE, find_faces
from workbench.tasks.head_pose import head_pose
from workbench.tasks.quality import assess
from workbench.values import Face

SHARD = 500
"""Latents per seed."""

HELD_OUT = 1_000_000
"""Seeds from here on are for measuring only."""

BOUNDS = {"sharpness": 0.3, "clipped": 0.4, "evenness": 0.3, "inside": 0.5, "yaw": 0.5, "pitch": 0.5}
"""The lowest grade of each finding that is not broken."""

SURE = 0.99
"""The lowest mesh score of a whole face: of 120 samples, one in a hundred of the detector's whole faces is lost."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Whole faces of one GAN. latents: (n, 100). points: (n, 5, 2), the mesh points of `DLIB_POINTS`. vectors: (n, 128)
    of the conditioning recogniser. judged: (n, d) of the second one, (n, 0) for training samples. drawn: latents they
    were kept from.
    """

    latents: np.ndarray
    points: np.ndarray
    vectors: np.ndarray
    judged: np.ndarray
    drawn: int

    def __len__(self) -> int:
        return len(self.latents)


def seen(picture: np.ndarray, finder: FaceFinder) -> Face | None:
    """The face of a GAN's picture, by the mesh network alone, which is asked where such pictures have their face.

    A third of the time of `find_faces`; the five points lie 0.3 pixels from its points in the median.
    """
    mesh = finder.mesh(picture, BOX, EYES)
    if mesh.score < SURE:
        return None
    flat = mesh.points[:, :2]
    box = np.concatenate([flat.min(axis=0), flat.max(axis=0)])
    pose = head_pose(mesh.points)
    return Face(box, mesh.points[list(FIVE), :2].copy(), mesh.score, mesh.points, mesh.score, pose)


def found(picture: np.ndarray, finder: FaceFinder) -> Face | None:
    """The face of a picture the way of a user's photo; None when there is none, or several, or no mesh."""
    faces = find_faces(picture, finder, limit=2)
    return faces[0] if len(faces) == 1 and faces[0].mesh is not None else None


def whole(picture: np.ndarray, face: Face) -> bool:
    """Whether a sample is not broken."""
    findings = {finding.name: finding.grade for finding in assess(picture, face).findings}
    return all(findings[name] >= bound for name, bound in BOUNDS.items())


def sample(bench: Workbench, seed: int, count: int = SHARD) -> Samples:
    """The whole faces among `count` latents of a seed; of a held-out seed, found as in a photo and seen by the second
    recogniser too."""
    gan, finder, recogniser = bench.model("dcgan-digiface-64"), bench.model("blazeface"), bench.model("dlib")
    latents, find = gan.latents(count, seed), found if seed >= HELD_OUT else seen
    pictures = gan.draw(latents)
    faces = [(row, picture, find(picture, finder)) for row, picture in enumerate(pictures)]
    kept = [(row, picture, face) for row, picture, face in faces if face is not None and whole(picture, face)]
    chips = np.stack([recogniser.align(picture, face) for _, picture, face in kept])
    judged = np.zeros((len(kept), 0), np.float32)
    if seed >= HELD_OUT:
        judge = bench.model("sface")
        judged = judge.batch(np.stack([judge.align(picture, face) for _, picture, face in kept]))
    points = np.stack([face.mesh[list(DLIB_POINTS), :2] for _, _, face in kept if face.mesh is not None])
    return Samples(latents[[row for row, *_ in kept]], points, recogniser.batch(chips), judged, count)


def shard(bench: Workbench, folder: Path, seed: int, count: int = SHARD) -> Samples:
    """The samples of a seed: read from `folder`, made and kept there first where they are not."""
    path = folder / f"{seed:07d}.npz"
    if not path.is_file():
        made = sample(bench, seed, count)
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npz")
        np.savez(
            partial,
            latents=made.latents,
            points=made.points,
            vectors=made.vectors,
            judged=made.judged,
            drawn=made.drawn,
        )
        partial.replace(path)
    with np.load(path) as found:
        return Samples(found["latents"], found["points"], found["vectors"], found["judged"], int(found["drawn"]))


def join(parts: list[Samples]) -> Samples:
    """All samples of several shards in one."""
    latents, points, vectors, judged = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("latents", "points", "vectors", "judged")
    )
    return Samples(latents, points, vectors, judged, sum(part.drawn for part in parts))
