"""The demo study: pairs of faces of nobody, written to disk like any other study. It knows no generator, only two
callables."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, PngImagePlugin

from workbench.errors import BadRequest, StudyError
from workbench.labeling.study.items import Item, Picture, write_items
from workbench.labeling.study.study import FILE, Study, load_study

Sample = Callable[[int, int], Sequence[np.ndarray]]
"""`sample(n, seed)`: n RGB uint8 faces of different people who do not exist."""

Vary = Callable[[np.ndarray, int], np.ndarray]
"""`vary(image, seed)`: the same face, pictured differently, in the same size."""

SIDE = 256

_TOML = '''# The built-in demo study. Every face is drawn by a network; none belongs to a person.
[study]
name = "demo"
title = "Same person or not?"
task = "same_different"
instructions = """
You will see two faces. Say whether they show the same person, and how sure you are.
All faces are **synthetic**: a small network drew them, none belongs to a person. \
Pairs that are "the same" show one drawn face twice, posed and lit differently.
Take your time: four to eight seconds a pair is usual."""
seed = 1

[consent]
version = "demo-1"
minimum_age = 18
text = """
This is a demonstration. Your answers, the time each took and a random number in place of your name are kept on this \
machine (and in a data set, if its owner set one up). You can stop at any time and withdraw your answers with one click."""

[items]
csv = "items.csv"
synthetic = true

[assignment]
raters_per_item = 3
conflict_gap = 1

[blocks]
size = 16
gold = 2
repeats = 1
repeat_gap = 5
break_seconds = 5

'''  # noqa: E501
_TEXTS = Path(__file__).with_name("demo_texts.toml")
"""What it says in the other languages of the raters' screen."""


def build_demo(folder: Path, sample: Sample, vary: Vary, *, people: int = 12, gold: int = 4, seed: int = 1) -> Study:
    """Write the demo study into `folder` and return it: `people` same pairs, as many different ones, and `gold` of each
    kind.

    A same pair is one sampled face and a variant of it; a different pair two sampled faces, one of them varied
    likewise, so that the signs of the variation give nothing away. Every file is marked synthetic. An existing study is
    left as it is. Raises StudyError when the sampler gives too few faces.
    """
    if (folder / FILE).is_file():
        return load_study(folder)
    total = people + gold
    faces = list(sample(2 * total, seed))
    if len(faces) != 2 * total:
        raise StudyError(f"The demo study needs {2 * total} faces, the sampler gave {len(faces)}.")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    items: list[Item] = []
    for n in range(total):
        own, other = upscale(faces[2 * n]), upscale(faces[2 * n + 1])
        kind_of_gold = n >= people
        names = [f"images/{code:08x}.png" for code in rng.integers(0, 2**32, 3)]
        for name, image in zip(names, (own, vary(own, seed + n), vary(other, seed + n)), strict=True):
            write_synthetic(image, folder / name)
        for truth, second in (("same", names[1]), ("different", names[2])):
            gold_answer = truth if kind_of_gold else ""
            item = Item(
                f"{truth}-{n:03d}",
                (Picture(names[0]), Picture(second)),
                "synthetic",
                gold_answer,
                truth,
                (f"face-{n:03d}",),
            )
            items.append(item)
    rng.shuffle(items)
    write_items(items, folder / "items.csv")
    (folder / FILE).write_text(_TOML + _TEXTS.read_text(encoding="utf-8"), encoding="utf-8")
    return load_study(folder)


def upscale(image: np.ndarray, side: int = SIDE) -> np.ndarray:
    """A square RGB uint8 face at `side` pixels (Lanczos, then a slight unsharp mask); one of that size as it is. Raises
    BadRequest unless it is square."""
    if image.ndim != 3 or image.shape[0] != image.shape[1] or image.dtype != np.uint8:
        raise BadRequest(f"A sampled face must be a square uint8 RGB picture, got {image.shape} of {image.dtype}.")
    if image.shape[0] == side:
        return image.copy()
    large = cv2.resize(image, (side, side), interpolation=cv2.INTER_LANCZOS4)
    soft = cv2.GaussianBlur(large, (0, 0), side / 100)
    return cv2.addWeighted(large, 1.4, soft, -0.4, 0)


def vary(image: np.ndarray, seed: int) -> np.ndarray:
    """The same face as if photographed again: turned, moved, stretched a little, lit from a side, with another white
    balance.

    image: H × W × 3 uint8 RGB. The change is at most 9° of roll, 8 % of scale and shift, 6 % of perspective. The same
    seed gives the same change.
    """
    rng = np.random.default_rng(seed)
    height, width = image.shape[:2]
    warped = cv2.warpPerspective(
        image, _warp(rng, width, height), (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    towards, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.3)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 1 + strength * (np.cos(towards) * x + np.sin(towards) * y)
    balance = rng.uniform(0.92, 1.08, 3)
    gamma = rng.uniform(0.8, 1.25)
    lit = 255 * np.clip(warped / 255.0 * light[..., None] * balance, 0, 1) ** gamma
    return np.asarray(lit.round(), np.uint8)


def _warp(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """A random mild homography about the picture's centre, as a 3 × 3 matrix."""
    roll, scale = np.deg2rad(rng.uniform(-9, 9)), rng.uniform(0.96, 1.08)
    shift = rng.uniform(-0.04, 0.04, 2) * (width, height)
    tilt = rng.uniform(-0.06, 0.06, 2) / (width, height)
    cosine, sine = scale * np.cos(roll), scale * np.sin(roll)
    squeeze = rng.uniform(0.94, 1.0)
    middle = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
    back = np.array([[1, 0, width / 2 + shift[0]], [0, 1, height / 2 + shift[1]], [0, 0, 1]])
    turn = np.array([[cosine * squeeze, -sine, 0], [sine * squeeze, cosine, 0], [*tilt, 1]])
    return back @ turn @ middle


def write_synthetic(image: np.ndarray, path: Path) -> None:
    """Write a PNG whose text says that it is synthetic."""
    note = PngImagePlugin.PngInfo()
    note.add_text("Description", "Synthetic face, drawn by a generative network. It shows no real person.")
    note.add_text("Synthetic", "true")
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", pnginfo=note)
    path.write_bytes(buffer.getvalue())
