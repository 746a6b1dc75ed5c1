"""A clip with known truth: drawn people who move, turn, tilt, cross, come and leave, in changing light.

What `benchmarks/video.py` measures on; not a benchmark itself. Every person is drawn once (`drawn_people`), re-posed to
a few turns of the head and cut out softly; where a face is in a frame, and how much of it others cover, is known by
construction.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import cv2
import numpy as np

from workbench.bench import Workbench
from workbench.errors import WorkbenchError
from workbench.generation.population import population
from workbench.generation.repose import Scene
from workbench.generation.repose_moves import Edit
from workbench.mesh import OVAL
from workbench.portraits import Recipe
from workbench.tasks.detection import find_faces
from workbench.values import Face

PORTRAIT = "appearance-portrait-256"
YAWS = (-18.0, -9.0, 0.0, 9.0, 18.0)


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A drawn head. turned: (256, 256, 3) uint8 pictures by `YAWS`. cover: (256, 256) float32, what of them is pasted.
    box: (4,) of the face, brow to chin, in a picture."""

    turned: tuple[np.ndarray, ...]
    cover: np.ndarray
    box: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Where a face is in a frame. box: (4,) around brow to chin. shown: share of it inside the frame and uncovered."""

    person: int
    box: np.ndarray
    shown: float


def drawn_people(bench: Workbench, count: int, seed: int = 5) -> list[Person]:
    """`count` people who do not exist, each with turns of the head. A portrait in which no face is found is drawn
    anew."""
    model, people, tried = bench.portrait(PORTRAIT), list[Person](), 0
    everybody = population(model.recogniser)
    assert everybody is not None
    while len(people) < count:
        vectors = everybody.sample(4, seed + tried).astype(np.float32)
        for picture in model(vectors, Recipe(seed=seed + tried, steps=model.steps[1])):
            faces = find_faces(picture, bench.finder())
            if faces and faces[0].mesh is not None and len(people) < count:
                people.append(_person(picture, faces[0]))
        tried += 1
    return people


def _person(picture: np.ndarray, face: Face) -> Person:
    assert face.mesh is not None
    scene, turned = Scene(picture, face), []
    for yaw in YAWS:
        try:
            turned.append(scene.draw(Edit(yaw=yaw)).image)
        except WorkbenchError:
            turned.append(picture)
    oval = face.mesh[list(OVAL), :2]
    middle = oval.mean(axis=0)
    cover = np.zeros(picture.shape[:2], np.uint8)
    grown = middle + (oval - middle) * (1.28, 1.34) + (0, -8)
    cv2.fillPoly(cover, [np.round(grown).astype(np.int32)], 255)
    soft = cv2.GaussianBlur(cover, (0, 0), 5).astype(np.float32) / 255
    return Person(tuple(turned), soft, np.concatenate([oval.min(axis=0), oval.max(axis=0)]))


@dataclass(frozen=True, slots=True)
class Way:
    """How one person goes through the clip; sizes are widths of the face in pixels."""

    start: tuple[float, float]
    speed: tuple[float, float]
    size: tuple[float, float]
    swing: float
    turn: float
    tilt: float
    first: int
    last: int
    phase: float


def paths(count: int, frames: int, width: int, height: int, least: float = 24.0, seed: int = 1) -> list[Way]:
    """A way for each person: three are there all the time, the others come in the first third and leave in the last.

    One in five is close, one in seven tilts far.
    """
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        size = float(np.exp(rng.uniform(np.log(least), np.log(110 if number % 5 == 0 else 56))))
        away = size * float(rng.uniform(0.8, 1.4))
        side = rng.choice([-1, 1])
        found.append(
            Way(
                (float(rng.uniform(0.05, 0.95) * width), float(rng.uniform(0.1, 0.9) * height)),
                (float(side * rng.uniform(0.3, 1.8) * width / 400), float(rng.uniform(-0.4, 0.4))),
                (max(least, size), max(least, away)),
                float(rng.uniform(0, 12)),
                float(rng.uniform(0.02, 0.09)),
                float(rng.uniform(-70, 70)) if number % 7 == 3 else float(rng.uniform(-20, 20)),
                0 if number < 3 else int(rng.integers(0, max(frames // 3, 1))),
                frames if number < 3 else int(rng.integers(2 * frames // 3, frames + 1)),
                float(rng.uniform(0, 6.28)),
            )
        )
    return found


def clip(
    people: list[Person], frames: int, width: int = 1280, height: int = 720, least: float = 24.0, seed: int = 1
) -> Iterator[tuple[np.ndarray, list[Truth]]]:
    """Frame after frame, (height, width, 3) uint8, with the truth of each; the same numbers give the same clip."""
    ways = paths(len(people), frames, width, height, least, seed)
    order = sorted(range(len(people)), key=lambda number: ways[number].size[0])
    ground, rng = _ground(width + 200, height, seed), np.random.default_rng(seed)
    for time in range(frames):
        shift = time * 60 // max(frames, 1)
        canvas = ground[:, shift : shift + width].copy()
        owner = np.full((height, width), -1, np.int16)
        areas: dict[int, tuple[np.ndarray, float]] = {}
        for number in order:
            if ways[number].first <= time < ways[number].last:
                areas[number] = _paste(canvas, owner, people[number], ways[number], number, time, frames)
        light = 1 - 0.6 * max(0.0, float(np.sin(9 * time / max(frames, 1)))) ** 4
        noise = rng.normal(0, 3.5, (height, width, 1)).astype(np.float32)
        yield np.clip(canvas * light + noise, 0, 255).astype(np.uint8), _truth(areas, owner)


def _truth(areas: dict[int, tuple[np.ndarray, float]], owner: np.ndarray) -> list[Truth]:
    found = []
    for number, (box, whole) in areas.items():
        left, top, right, bottom = np.clip(box, 0, (*owner.shape[::-1], *owner.shape[::-1])).astype(int)
        mine = float((owner[top:bottom, left:right] == number).sum())
        found.append(Truth(number, box.astype(np.float32), mine / max(whole, 1.0)))
    return found


def _paste(
    canvas: np.ndarray, owner: np.ndarray, person: Person, way: Way, number: int, time: int, frames: int
) -> tuple[np.ndarray, float]:
    """Paste one person; the face's box in the frame and its area in pixels when nothing covers it."""
    height, width = owner.shape
    share = (time - way.first) / max(frames, 1)
    size = way.size[0] + (way.size[1] - way.size[0]) * share
    scale = size / float(person.box[2] - person.box[0])
    travelled = way.start[0] + way.speed[0] * (time - way.first)
    x = travelled if number % 3 == 0 else _bounce(travelled, width)
    y = _bounce(way.start[1] + way.speed[1] * (time - way.first), height) + way.swing * np.sin(0.11 * time + way.phase)
    yaw = 17.9 * np.sin(way.turn * time + way.phase)
    angle = np.radians(way.tilt * np.sin(0.05 * time + way.phase))
    picture = person.turned[int(np.argmin([abs(yaw - each) for each in YAWS]))]
    middle = (person.box[:2] + person.box[2:]) / 2
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    half = int(np.ceil(190 * scale))
    left, top = int(x) - half, int(y) - half
    matrix = np.concatenate([linear, (np.array([x - left, y - top]) - linear @ middle)[:, None]], axis=1)
    if scale < 0.5:
        factor = int(1 / scale)
        picture, cover = (cv2.blur(each, (factor, factor)) for each in (picture, person.cover))
    else:
        cover = person.cover
    side = (2 * half, 2 * half)
    head, weight = cv2.warpAffine(picture, matrix, side), cv2.warpAffine(cover, matrix, side)
    corners = np.array([(a, b) for a in person.box[::2] for b in person.box[1::2]]) @ linear.T + matrix[:, 2]
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)]) + np.array([left, top, left, top])
    if (streak := round(abs(way.speed[0]))) > 1:
        head, weight = cv2.blur(head, (streak, 1)), cv2.blur(weight, (streak, 1))
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + 2 * half, width), min(top + 2 * half, height)
    if x0 < x1 and y0 < y1:
        part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        where = (slice(y0, y1), slice(x0, x1))
        mix = weight[part][..., None]
        canvas[where] = (canvas[where] + mix * (head[part].astype(np.float32) - canvas[where])).astype(np.uint8)
        owner[where][weight[part] > 0.5] = number
    return box, float((box[2] - box[0]) * (box[3] - box[1])) * 0.8


def _bounce(value: float, length: int) -> float:
    """Back and forth between the edges."""
    value = value % (2 * length)
    return value if value < length else 2 * length - value


def _ground(width: int, height: int, seed: int) -> np.ndarray:
    """Walls, doors and blots of colour, nothing like a face."""
    rng = np.random.default_rng(seed)
    ground = np.full((height, width, 3), (172, 176, 170), np.float32)
    for _ in range(60):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        colour = tuple(float(value) for value in rng.uniform(60, 220, 3))
        cv2.rectangle(ground, (x, y), (x + int(rng.integers(20, 160)), y + int(rng.integers(20, 240))), colour, -1)
    blurred: np.ndarray = cv2.GaussianBlur(ground, (0, 0), 2)
    return blurred + rng.normal(0, 6, (height, width, 1)).astype(np.float32)
