"""How far off pose, gaze and openness are, against faces that were drawn with known ones.

    python benchmarks/analysis.py PHOTOS --people 40 --work FOLDER

The mesh of a photo that faces the camera is turned in space by a known angle, its lips and lids are moved, two eyeballs
that look a known way are put behind the lids, and the photo's pixels are drawn onto it. The mesh is then fitted again
to the drawn picture and read as in any photo. What differs between people's eyes (the ball's size and place) is drawn
anew for every person, by 8 % and 3 % of an eye's width. A photo is cut to its face and made at most `LARGEST` pixels
large. With --work every person's figures are kept there, and a run that was ended goes on.
"""

import argparse
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from measure import report
from scipy.spatial import Delaunay

from workbench.bench import Workbench
from workbench.generation.repose_moves import Edit, expression
from workbench.geometry import turn, umeyama
from workbench.images import read
from workbench.mesh import LIPS_INNER, REGIONS
from workbench.tasks.analysis import Gaze, angle_between, gaze
from workbench.tasks.analysis.eyes import BEHIND, BELOW, CORNERS, INWARD
from workbench.tasks.detection import FIVE, find_faces
from workbench.tasks.head_pose import HEAD, INDICES, eyes_open, head_pose, mouth_open
from workbench.values import Face, Pose

HOLES = (REGIONS["image_left_eye"], REGIONS["image_right_eye"])
BALL = 0.38
"""From the middle of an eye to the middle of its iris, in widths between the corners: 10 mm of 26."""
IRIS, PUPIL = 0.223, 0.08
"""Radii in widths between an eye's corners: 11.7 mm across of 26, and a pupil of about 4 mm."""
COLOURS = ((92, 58, 34), (70, 92, 110), (84, 98, 62), (48, 32, 22))


LARGEST = 448
"""Pixels of a photo's longer side, its face and as much again around it."""
STILL = Edit()


@dataclass(frozen=True)
class Eyes:
    """One person's eyes: the ball's size, its middle (inward, below, behind), all in eye widths, and the colour."""

    ball: float
    middle: tuple[float, float, float]
    colour: tuple[int, int, int]

    @staticmethod
    def of(rng: np.random.Generator) -> "Eyes":
        """Eyes as people have them, each a little different."""
        middle = np.array([INWARD, BELOW, BEHIND]) + rng.normal(0, 0.03, 3)
        return Eyes(BALL * (1 + rng.normal(0, 0.08)), tuple(middle), COLOURS[rng.integers(len(COLOURS))])


class Head:
    """A photo's face as something that can be turned and drawn."""

    def __init__(self, image: np.ndarray, face: Face, eyes: Eyes) -> None:
        """face: with landmarks; `eyes` are put behind its lids."""
        assert face.mesh is not None
        self.image, self.eyes = image, eyes
        self.flat = face.mesh[:468, :2].astype(np.float64)
        self.scale, self.rotation, self.shift = umeyama(HEAD, face.mesh[list(INDICES)].astype(np.float64))
        self.head = (face.mesh[:468].astype(np.float64) - self.shift) @ self.rotation / self.scale
        corners = Delaunay(self.flat).simplices
        inside = [_inside(self.flat, corners, path) for path in (*HOLES, LIPS_INNER)]
        self.corners = corners[~np.any(inside, axis=0)]

    def draw(self, pose: Pose, look: tuple[float, float] = (0, 0), edit: Edit = STILL) -> tuple[np.ndarray, np.ndarray]:
        """The picture, and the mesh (468, 3) that was drawn. look: yaw and pitch of the eyes against the head."""
        rotation = turn(pose)
        mesh = self.scale * (self.head + expression(self.head, edit)) @ rotation.T + self.shift
        picture = cv2.GaussianBlur(self.image, (0, 0), 0.4 * self.scale)
        self._paint_holes(picture, mesh, rotation, look)
        owner = np.zeros(picture.shape[:2], np.int32)
        depth = mesh[self.corners, 2].mean(axis=1)
        order = np.argsort(-depth)
        facing = _signed(mesh[self.corners, :2]) * _signed(self.flat[self.corners]) > 0
        order = order[facing[order]]
        for number in order:
            cv2.fillConvexPoly(
                owner, np.round(mesh[self.corners[number], :2] * 16).astype(np.int32), int(number) + 1, shift=4
            )
        rows, columns = np.nonzero(owner)
        affine = _back(mesh[self.corners, :2], self.flat[self.corners])[owner[rows, columns] - 1]
        source = np.einsum("nij,nj->ni", affine, np.stack([columns, rows, np.ones(len(rows))], axis=1))
        maps = np.zeros((*owner.shape, 2), np.float32)
        maps[rows, columns] = source
        picture[rows, columns] = cv2.remap(self.image, maps, None, cv2.INTER_CUBIC)[rows, columns]
        return picture, mesh

    def _paint_holes(
        self, picture: np.ndarray, mesh: np.ndarray, rotation: np.ndarray, look: tuple[float, float]
    ) -> None:
        mouth = np.round(mesh[list(LIPS_INNER), :2] * 16).astype(np.int32)
        cv2.fillPoly(picture, [mouth], (60, 24, 24), cv2.LINE_AA, 4)
        yaw, pitch = np.radians(look)
        ray = rotation @ np.array([np.sin(yaw) * np.cos(pitch), -np.sin(pitch), -np.cos(yaw) * np.cos(pitch)])
        for side, hole in enumerate(HOLES):
            self._paint_eye(picture, mesh, rotation, ray, side, hole)

    def _paint_eye(
        self,
        picture: np.ndarray,
        mesh: np.ndarray,
        rotation: np.ndarray,
        ray: np.ndarray,
        side: int,
        hole: tuple[int, ...],
    ) -> None:
        ends = mesh[list(CORNERS[side])]
        width = float(np.linalg.norm(ends[1] - ends[0]))
        inward, below, behind = self.eyes.middle
        middle = ends.mean(axis=0) + width * rotation @ np.array([inward if side == 0 else -inward, below, behind])
        region = np.zeros(picture.shape[:2], np.uint8)
        cv2.fillPoly(region, [np.round(mesh[list(hole), :2] * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
        rows, columns = np.nonzero(cv2.dilate(region, np.ones((3, 3), np.uint8)))
        fine = np.stack(np.meshgrid([-1 / 3, 0, 1 / 3], [-1 / 3, 0, 1 / 3]), -1).reshape(-1, 2)
        total = np.zeros((len(rows), 3))
        for step in fine:
            total += self._colours(np.stack([columns, rows], 1) + step - middle[:2], width, ray)
        picture[rows, columns] = np.clip(total / len(fine), 0, 255).astype(np.uint8)

    def _colours(self, place: np.ndarray, width: float, ray: np.ndarray) -> np.ndarray:
        """Of points (n, 2) beside the ball's middle: the flat iris where the line of sight meets it, the white else."""
        centre = self.eyes.ball * width * ray
        offset = place - centre[:2]
        depth = -(offset @ ray[:2]) / ray[2]
        apart = np.sqrt((offset**2).sum(1) + depth**2) / width
        radius = width * float(np.hypot(self.eyes.ball, IRIS))
        shade = np.sqrt(np.clip(1 - (place**2).sum(1) / radius**2, 0.15, 1))
        colours = np.array([228, 218, 212]) * shade[:, None] ** 0.5
        iris = np.array(self.eyes.colour) * (1.0 - 0.45 * (apart[:, None] / IRIS > 0.88))
        colours = np.where(apart[:, None] < IRIS, iris, colours)
        return np.where(apart[:, None] < PUPIL, np.array([12.0, 10, 10]), colours)


def _inside(points: np.ndarray, corners: np.ndarray, path: tuple[int, ...]) -> np.ndarray:
    """(n,) bool: triangles whose three corners all lie on a closed path and whose middle is inside it."""
    on = np.isin(corners, path).all(axis=1)
    outline = points[list(path)].astype(np.float32)
    middles = points[corners].mean(axis=1)
    return on & np.array([cv2.pointPolygonTest(outline, tuple(map(float, middle)), False) > 0 for middle in middles])


def _signed(triangles: np.ndarray) -> np.ndarray:
    u, v = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]


def _back(moved: np.ndarray, still: np.ndarray) -> np.ndarray:
    full = np.concatenate([moved, np.ones((*moved.shape[:2], 1))], axis=2)
    full[np.abs(np.linalg.det(full)) < 1e-6] = np.eye(3)
    return np.linalg.solve(full, still).transpose(0, 2, 1)


def heads(folder: Path, bench: Workbench, people: int, work: Path | None) -> Iterator[tuple[str, Head | None]]:
    """Faces of a folder's photos that face the camera with open eyes and a closed mouth, each with eyes of its own; no
    head of those that `work` holds already. What was found to be no such photo is noted there."""
    rng = np.random.default_rng(5)
    count = 0
    for path in sorted(folder.iterdir()):
        noted = work / f"{path.name}.json" if work else None
        if noted and noted.exists():
            head, plain = None, noted.read_text() != "null"
        else:
            found = _cut(read(path, bench.settings).image, bench)
            plain = found is not None
            head = Head(*found, Eyes.of(rng)) if found else None
        if head is None and plain:
            Eyes.of(rng)  # as if it had been drawn: the next ones have the eyes of a whole run
        if plain:
            yield path.name, head
            count += 1
        elif noted:
            noted.write_text("null")
        if count == people:
            return


def _cut(image: np.ndarray, bench: Workbench) -> tuple[np.ndarray, Face] | None:
    """A photo's largest face with as much again around it, not larger than `LARGEST`; None when it is not plain."""
    faces = find_faces(image, bench.finder(), limit=1)
    if not faces or not _plain(faces[0]):
        return None
    left, top, right, bottom = faces[0].box
    margin = (right - left + bottom - top) / 4
    edges = np.round([left - margin, top - margin, right + margin, bottom + margin]).astype(int).clip(0)
    part = image[edges[1] : edges[3], edges[0] : edges[2]]
    share = min(1.0, LARGEST / max(part.shape[:2]))
    part = np.ascontiguousarray(cv2.resize(part, None, fx=share, fy=share, interpolation=cv2.INTER_AREA))
    faces = find_faces(part, bench.finder(), limit=1)
    return (part, faces[0]) if faces and _plain(faces[0]) else None


def _plain(face: Face) -> bool:
    if face.pose is None or face.eyes_open is None or face.mouth_open is None:
        return False
    level = max(abs(face.pose.yaw), abs(face.pose.pitch), abs(face.pose.roll)) < 12
    return level and min(face.eyes_open) > 0.22 and face.mouth_open < 0.1


def measured(image: np.ndarray, mesh: np.ndarray, bench: Workbench) -> Face | None:
    """The face as the mesh network finds it in a picture, looking where it was drawn; None where it sees none."""
    flat = mesh[:, :2]
    keypoints = np.zeros((6, 2))
    keypoints[0], keypoints[1] = flat[[33, 133]].mean(axis=0), flat[[362, 263]].mean(axis=0)
    box = np.concatenate([flat.min(axis=0), flat.max(axis=0)])
    finder = bench.finder()
    fitted = finder.refine(image, finder.outline(image, box, keypoints))
    if fitted.score < 0.5:
        return None
    points = fitted.points
    five = points[list(FIVE), :2].astype(np.float32)
    openness = eyes_open(points), mouth_open(points)
    return Face(box.astype(np.float32), five, 1.0, points, fitted.score, head_pose(points), *openness)


class Findings:
    """Errors by what they are of, and pairs of the true and the found number."""

    def __init__(self) -> None:
        self.errors: dict[str, list[float]] = {}
        self.lost: dict[str, int] = {}
        self.pairs: dict[str, list[tuple[float, float]]] = {}

    def add(self, of: str, error: float | None) -> None:
        """An error; None: not found."""
        self.errors.setdefault(of, [])
        if error is None:
            self.lost[of] = self.lost.get(of, 0) + 1
        else:
            self.errors[of].append(error)

    def pair(self, of: str, true: float, found: float) -> None:
        """A true and a found number."""
        self.pairs.setdefault(of, []).append((true, found))

    def take(self, kept: str) -> None:
        """Add what `text` of one person's findings said."""
        told = json.loads(kept)
        for of, errors in told["errors"].items():
            self.errors.setdefault(of, []).extend(errors)
        for of, lost in told["lost"].items():
            self.lost[of] = self.lost.get(of, 0) + lost
        for of, pairs in told["pairs"].items():
            self.pairs.setdefault(of, []).extend(map(tuple, pairs))

    def text(self) -> str:
        """As JSON."""
        return json.dumps({"errors": self.errors, "lost": self.lost, "pairs": self.pairs}, default=float)

    def rows(self) -> list[dict[str, object]]:
        """The table."""
        told: list[dict[str, object]] = []
        for of, errors in self.errors.items():
            middle = {"median": np.median(errors), "mean": np.mean(errors), "95 %": np.quantile(errors, 0.95)}
            numbers = {name: round(float(value), 3) for name, value in middle.items()}
            told.append({"error of": of, "n": len(errors), "not found": self.lost.get(of, 0)} | numbers)
        for of, pairs in self.pairs.items():
            true, found = np.array(pairs).T
            slope, offset = np.polyfit(true, found, 1)
            alike = float(np.corrcoef(true, found)[0, 1])
            line = {"slope": round(float(slope), 3), "offset": round(float(offset), 3), "correlation": round(alike, 3)}
            told.append({"error of": f"{of}: found against true", "n": len(true)} | line)
        return told


POSES = ((0, 0, 0), (15, 0, 0), (-30, 0, 0), (40, 0, 0), (0, 12, 0), (0, -15, 0), (0, 0, 25), (-20, 10, -10))
LOOKS = ((0, 0), (12, 0), (-12, 0), (25, 0), (-25, 0), (0, 12), (0, -12), (15, 8))


def poses(head: Head, bench: Workbench, found: Findings) -> None:
    """Heads turned by known angles."""
    for angles in POSES:
        face = measured(*head.draw(Pose(*angles)), bench)
        part = "head within 20°" if max(map(abs, angles)) <= 20 else "head turned by 25 to 40°"
        for axis, true in zip(("yaw", "pitch", "roll"), angles, strict=True):
            got = None if face is None or face.pose is None else float(getattr(face.pose, axis))
            found.add(f"{axis}, {part}", None if got is None else abs(got - true))
            if got is not None:
                found.pair(f"head {axis}", true, got)


def gazes(head: Head, bench: Workbench, found: Findings) -> None:
    """Eyes that look known ways, in level and turned heads, and in small faces."""
    for (yaw, pitch), turned in itertools.product(LOOKS, ((0, 0), (20, 0), (0, 10))):
        drawn, mesh = head.draw(Pose(*turned, 0), (yaw, pitch))
        for share in (1.0, 0.25) if turned == (0, 0) else (1.0,):
            image = drawn if share == 1 else cv2.resize(drawn, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
            face = measured(image, (mesh + 0.5) * share - 0.5, bench)
            seen = None if face is None else gaze(face)
            where = "level head" if turned == (0, 0) else "turned head"
            part = f"gaze against the head, {where}{'' if share == 1 else ', a quarter as large'}"
            if seen is None or seen.in_head is None:
                found.add(part, None)
                continue
            found.add(part, angle_between(Gaze(*seen.in_head), Gaze(yaw, pitch)))
            if share == 1:
                found.pair("gaze yaw", yaw, seen.in_head[0])
                found.pair("gaze pitch", pitch, seen.in_head[1])


def openness(head: Head, bench: Workbench, found: Findings) -> None:
    """Mouths and lids opened and closed by known amounts."""
    for edit in (*(Edit(mouth_open=share) for share in (0.0, 0.5, 1.0)), *(Edit(eyes=to) for to in (-1.0, -0.5, 0.7))):
        drawn, mesh = head.draw(Pose(0, 0, 0), edit=edit)
        face = measured(drawn, mesh, bench)
        if face is None or face.eyes_open is None or face.mouth_open is None:
            found.add("openness", None)
            continue
        if not edit.eyes:
            found.add("mouth openness", abs(face.mouth_open - mouth_open(mesh)))
            found.pair("mouth openness", mouth_open(mesh), face.mouth_open)
        for got, true in zip(face.eyes_open, eyes_open(mesh), strict=True):
            if not edit.mouth_open:
                found.add("eye openness", abs(got - true))
                found.pair("eye openness", true, got)


def run(folder: Path, people: int, show: Path | None, work: Path | None) -> None:
    """Measure everything and print the table."""
    bench, found = Workbench.from_env(), Findings()
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
    for name, head in heads(folder, bench, people, work):
        if head is None:
            assert work is not None
            found.take((work / f"{name}.json").read_text())
            continue
        if show is not None:
            looks = ((0, (0, 0)), (30, (0, 0)), (0, (20, 0)), (-20, (20, 10)))
            sheet = [head.draw(Pose(yaw, 0, 0), look)[0] for yaw, look in looks]
            cv2.imwrite(str(show / f"{name}.png"), np.concatenate(sheet, axis=1)[..., ::-1])
        own = Findings()
        for measure in (poses, gazes, openness):
            measure(head, bench, own)
        found.take(own.text())
        if work is not None:
            part = work / f"{name}.part"
            part.write_text(own.text())
            part.replace(work / f"{name}.json")
    report("analysis", found.rows())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--show", type=Path, help="also write pictures here, to look at")
    parser.add_argument("--work", type=Path, help="keep each person's figures here, and go on from them")
    asked = parser.parse_args()
    run(asked.photos, asked.people, asked.show, asked.work)
