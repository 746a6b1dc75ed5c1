"""How many faces each finder finds: large, small, turned, cut, dark and crowded ones, each with a known place.

    python benchmarks/finders.py PHOTOS --each 20 [--plot curves.png]

Heads are cut out of portraits and pasted onto pictures without faces, so that every face's box is known. A face counts
as found when a box overlaps it by 0.4. Two tables: the whole search as the workbench does it (every candidate must also
fit a mesh), and the detector's own candidates in one look, at every threshold (average precision). Times are ratios to
the first finder in the same run. Where a folder `masks` lies beside PHOTOS (in CelebAMask-HQ's colours), the photos are
also searched as they are; a face is then where the parts of the face are. --plot draws precision over recall.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from measure import report

from workbench.bench import Workbench
from workbench.detections import overlap
from workbench.geometry import apply, invert, square_crop
from workbench.images import paste, read
from workbench.mesh import OVAL
from workbench.tasks.detection import find_faces

PHOTOS = Path(__file__).resolve().parents[2] / "shared" / "data" / "celebamask_mini" / "images"
SIDE = 640
SAME = 0.4


@dataclass(frozen=True)
class Head:
    """A portrait to paste: its picture, a soft mask of the head, and the box of its face."""

    image: np.ndarray
    mask: np.ndarray
    box: np.ndarray


def heads(folder: Path, bench: Workbench, count: int) -> list[Head]:
    """The first portraits of a folder that face the camera, as heads."""
    found: list[Head] = []
    for path in sorted(folder.iterdir()):
        image = read(path, bench.settings).image
        faces = find_faces(image, bench.finder("blazeface"), limit=1)
        if faces and faces[0].mesh is not None and faces[0].pose is not None and abs(faces[0].pose.yaw) < 25:
            mask = np.zeros(image.shape[:2], np.float32)
            oval = faces[0].mesh[list(OVAL), :2]
            grown = oval.mean(axis=0) + 1.35 * (oval - oval.mean(axis=0))
            cv2.fillPoly(mask, [np.round(grown).astype(np.int32)], 1.0)
            blur = 0.03 * faces[0].size
            found.append(Head(image, cv2.GaussianBlur(mask, (0, 0), blur), faces[0].box.astype(np.float64)))
        if len(found) == count:
            return found
    return found


def put(canvas: np.ndarray, head: Head, centre: tuple[float, float], size: float, turn: float = 0.0) -> np.ndarray:
    """Paste a head whose face is `size` pixels high; the box of the face on the canvas (turned: around its corners)."""
    middle = (head.box[:2] + head.box[2:]) / 2
    scale = size / float((head.box[2:] - head.box[:2]).max())
    side = len(head.image) * scale
    matrix = square_crop(np.array(centre, np.float64), side, np.radians(turn), len(head.image))
    shift = middle - (len(head.image) - 1) / 2
    matrix[:, 2] += shift
    canvas[:] = paste(canvas, head.image, matrix, head.mask)
    left, top, right, bottom = head.box
    corners = apply(invert(matrix), np.array([[left, top], [right, top], [right, bottom], [left, bottom]]))
    half = (corners.max(axis=0) - corners.min(axis=0)) / 2
    if turn % 90:
        half = np.full(2, size / 2)
    place = corners.mean(axis=0)
    return np.concatenate([place - half, place + half])


def ground(rng: np.random.Generator) -> np.ndarray:
    """A picture without faces: soft clouds of colour with grain."""
    small = rng.uniform(40, 215, (6, 6, 3)).astype(np.float32)
    large = cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return np.clip(large + rng.normal(0, 6, large.shape), 0, 255).astype(np.uint8)


Picture = tuple[np.ndarray, np.ndarray]
"""A picture and the boxes (n, 4) of its faces."""


def large(rng: np.random.Generator, people: list[Head], n: int) -> Picture:
    """One face of 180 pixels."""
    canvas = ground(rng)
    return canvas, put(canvas, people[n], tuple(rng.uniform(200, 440, 2)), 180)[None]


def small(rng: np.random.Generator, people: list[Head], n: int) -> Picture:
    """One face of 9 to 20 pixels."""
    canvas = ground(rng)
    return canvas, put(canvas, people[n], tuple(rng.uniform(60, 580, 2)), rng.uniform(9, 20))[None]


def turned(rng: np.random.Generator, people: list[Head], n: int) -> Picture:
    """One face of 140 pixels turned in the picture by 45° to 180°."""
    canvas = ground(rng)
    turn = (1 if rng.random() < 0.5 else -1) * rng.uniform(45, 180)
    return canvas, put(canvas, people[n], tuple(rng.uniform(200, 440, 2)), 140, turn)[None]


def cut(rng: np.random.Generator, people: list[Head], n: int) -> Picture:
    """One face of 180 pixels of which a side edge cuts off 30 to 45 %."""
    canvas = ground(rng)
    return canvas, put(canvas, people[n], (-90 + 180 * 0.62 + rng.uniform(-14, 14), rng.uniform(200, 440)), 180)[None]


def dark(rng: np.random.Generator, people: list[Head], n: int) -> Picture:
    """One face of 120 pixels at 1.5 to 4 % of the light, with grain."""
    canvas = ground(rng)
    box = put(canvas, people[n], tuple(rng.uniform(200, 440, 2)), 120)[None]
    light = rng.uniform(0.015, 0.04)
    return np.clip(canvas * light + rng.normal(0, 1.5, canvas.shape), 0, 255).round().astype(np.uint8), box


def crowd(rng: np.random.Generator, people: list[Head], n: int) -> Picture:
    """Forty faces of 24 to 60 pixels in rows, neighbours nearly touching."""
    canvas, boxes = ground(rng), []
    for place in range(40):
        centre = 48 + 78 * (place % 8) + rng.uniform(-8, 8), 60 + 128 * (place // 8) + rng.uniform(-20, 20)
        boxes.append(put(canvas, people[(n + place) % len(people)], centre, rng.uniform(24, 60)))
    return canvas, np.stack(boxes)


def nobody(rng: np.random.Generator, people: list[Head], n: int) -> Picture:
    """No face."""
    return ground(rng), np.zeros((0, 4))


FACE = (
    (204, 0, 0), (76, 153, 0), (51, 51, 255), (204, 0, 204), (0, 255, 255),
    (255, 204, 204), (102, 204, 0), (255, 255, 0), (0, 0, 153),
)  # fmt: skip
"""Skin, nose, eyes, brows, mouth and lips in the colours CelebAMask-HQ's authors draw masks in."""


def as_they_are(folder: Path, bench: Workbench, count: int) -> Iterator[tuple[str, Picture]]:
    """Photos whose masks are there, with the box of each face's parts."""
    for path in sorted(folder.iterdir())[:count]:
        mask = folder.parent / "masks" / f"{path.stem}.png"
        if not mask.is_file():
            return
        image = read(path, bench.settings).image
        drawn = read(mask, bench.settings).image
        drawn = cv2.resize(drawn, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        rows, columns = np.nonzero(np.any([(drawn == colour).all(axis=2) for colour in FACE], axis=0))
        box = np.array([columns.min(), rows.min(), columns.max(), rows.max()], np.float64)
        yield "photos as they are", (image, box[None])


KINDS: tuple[Callable[..., Picture], ...] = (large, small, turned, cut, dark, crowd, nobody)


def matched(truth: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(n,) bool, in the order of `boxes` (best first): whether each is the first to meet a face."""
    free, hits = np.ones(len(truth), bool), np.zeros(len(boxes), bool)
    for number, box in enumerate(boxes):
        if not free.any():
            break
        shared = np.where(free, overlap(box, truth), 0)
        if shared.max() >= SAME:
            hits[number], free[int(shared.argmax())] = True, False
    return hits


def average_precision(scores: np.ndarray, hits: np.ndarray, faces: int) -> float:
    """Area under the curve of precision over recall, each precision the best at that recall or more."""
    order = np.argsort(-scores, kind="stable")
    right = hits[order].cumsum()
    precision = right / np.arange(1, len(right) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float((best * np.diff(np.concatenate([[0], right / max(faces, 1)]))).sum())


def pictures(people: list[Head], each: int) -> Iterator[tuple[str, Picture]]:
    """Every kind of picture, `each` times; of crowds a fifth as many."""
    rng = np.random.default_rng(11)
    for kind in KINDS:
        for n in range(each if kind is not crowd else max(1, each // 5)):
            yield kind.__name__, kind(rng, people, n % len(people))


def run(folder: Path, each: int, finders: list[str], show: Path | None, plot: Path | None) -> None:
    """Measure and print."""
    bench = Workbench.from_env()
    people = heads(folder, bench, each)
    spent = dict.fromkeys(finders, 0.0)
    seen: dict[tuple[str, str], list[Look]] = {}
    every = chain(pictures(people, each), as_they_are(folder, bench, 5 * each))
    for number, (kind, (image, truth)) in enumerate(every):
        if show is not None and number % max(each // 2, 1) == 0:
            cv2.imwrite(str(show / f"{kind}_{number}.png"), image[..., ::-1])
        for name in finders:
            look = Look.at(image, truth, bench.finder(name))
            spent[name] += look.seconds
            seen.setdefault((kind, name), []).append(look)
    rows = [row(kind, name, looks) for (kind, name), looks in seen.items()]
    times = [round(seconds / spent[finders[0]], 2) for seconds in spent.values()]
    said = "processor time of the whole search, as a ratio"
    rows += [{"kind": said, "finder": name, "recall": ratio} for name, ratio in zip(finders, times, strict=True)]
    report("finders", rows)
    if plot is not None:
        draw(seen, plot)


def draw(seen: "dict[tuple[str, str], list[Look]]", path: Path) -> None:
    """Precision over recall in one look, a panel for each kind that has faces."""
    from matplotlib.figure import Figure

    kinds = [kind for kind in dict.fromkeys(kind for kind, _ in seen) if kind != "nobody"]
    figure = Figure(figsize=(12, 6.4), dpi=110, layout="constrained")
    for axes, kind in zip(figure.subplots(2, 4).flat, kinds, strict=False):
        for (of, name), looks in seen.items():
            if of == kind:
                axes.plot(*curve(looks), label=name, marker=".", markersize=3)
        axes.set(title=kind, xlim=(0, 1.03), ylim=(0, 1.05), xlabel="recall", ylabel="precision")
        axes.grid(alpha=0.3)
    figure.axes[0].legend(loc="lower left")
    for axes in figure.axes[len(kinds) :]:
        axes.set_visible(False)
    figure.savefig(path)


def curve(looks: "list[Look]") -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision after each candidate of all pictures, surest first."""
    scores, hits = (np.concatenate([getattr(look, part) for look in looks]) for part in ("scores", "hits"))
    right = hits[np.argsort(-scores, kind="stable")].cumsum()
    return right / sum(look.faces for look in looks), right / np.arange(1, len(right) + 1)


@dataclass(frozen=True)
class Look:
    """What one finder made of one picture: faces there, found and false ones, and every candidate of one look."""

    faces: int
    found: int
    false: int
    scores: np.ndarray
    hits: np.ndarray
    seconds: float

    @staticmethod
    def at(image: np.ndarray, truth: np.ndarray, finder: Any) -> "Look":
        """Search, and look once."""
        start = time.process_time()
        found = find_faces(image, finder, landmarks=False)
        seconds = time.process_time() - start
        hits = matched(truth, np.stack([face.box for face in found]) if found else np.zeros((0, 4)))
        seen = finder.detect(image, 0.05)
        both = int(hits.sum()), int((~hits).sum())
        return Look(len(truth), *both, seen.scores, matched(truth, seen.boxes), seconds)


def row(kind: str, name: str, looks: list[Look]) -> dict[str, object]:
    """A line of the table."""
    faces, found, false = (sum(getattr(look, part) for look in looks) for part in ("faces", "found", "false"))
    scores, hits = (np.concatenate([getattr(look, part) for look in looks]) for part in ("scores", "hits"))
    told: dict[str, object] = {"kind": kind, "finder": name, "faces": faces, "false": false}
    if not faces:
        return told
    told |= {"recall": round(found / faces, 3), "precision": round(found / max(found + false, 1), 3)}
    return told | {"AP in one look": round(average_precision(scores, hits, faces), 3)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="?", default=PHOTOS)
    parser.add_argument("--each", type=int, default=20)
    parser.add_argument("--finders", nargs="+", default=["blazeface", "yunet", "mtcnn"])
    parser.add_argument("--show", type=Path, help="also write some of the pictures here, to look at")
    parser.add_argument("--plot", type=Path, help="draw the curves into this picture")
    asked = parser.parse_args()
    if asked.photos.is_dir():
        run(asked.photos, asked.each, asked.finders, asked.show, asked.plot)
