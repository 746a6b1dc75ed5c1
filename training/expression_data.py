"""Reads the labelled press photos the expression net learns from, finds their faces, and shows them a little changed
each time.

The photos are 3,977 grey crops of 1,912 people with one student's impression each (an LFW derivative, research use).
People are split by the SHA-256 of their names, within strata of the rarest expression each shows: 65 % learn, 15 % set
the temperature and the bar of "unsure", 20 % are kept aside and only measured. Nobody is in two parts.
"""

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from training.lfw import WORDS
from workbench import images
from workbench.bench import Workbench
from workbench.models.blocks.windows import upright_square
from workbench.models.expressions.compact_expression import DROP, ORDER, SIZE, WIDTH
from workbench.tasks.detection import find_faces

PARTS = ("train", "validation", "test")
SHARES = (0.65, 0.15, 0.20)
SALT = "expression "
RAREST_FIRST = ("sad", "anger", "surprise", "happy", "neutral")

WIDE, WIDE_WIDTH = 160, 4.2
"""Side in pixels, and in eye distances, of the square kept of each face: larger than the chip, so that it can be turned
and shifted."""


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """squares: (n, 160, 160) uint8 grey. labels: (n,) places in `ORDER`, −1 for another expression. words: the labels
    as written.

    people: whose face. missed: files in which no face with landmarks was found.
    """

    files: tuple[str, ...]
    squares: np.ndarray
    words: tuple[str, ...]
    people: tuple[str, ...]
    missed: tuple[str, ...]

    @property
    def labels(self) -> np.ndarray:
        """(n,) int: places in `ORDER`; −1 for an expression the net does not know."""
        return np.array([ORDER.index(word) if word in ORDER else -1 for word in self.words])


def read_labels(path: Path) -> dict[str, tuple[str, str]]:
    """File to (expression in our words, person), of labels.csv. Where two students disagreed the first one's label is
    taken."""
    with path.open() as stream:
        rows = [(row["file"], row["label"].partition("|")[0], row["person"]) for row in csv.DictReader(stream)]
    return {file: (WORDS.get(label, label), person) for file, label, person in rows}


def split(labels: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Person to part. The same people always land in the same part; every part gets its share of those with rare
    expressions."""
    shown: dict[str, set[str]] = {}
    for word, person in labels.values():
        shown.setdefault(person, set()).add(word)
    strata: dict[str, list[str]] = {}
    for person, words in shown.items():
        strata.setdefault(next((word for word in RAREST_FIRST if word in words), "other"), []).append(person)
    parts = {}
    for people in strata.values():
        people.sort(key=lambda person: hashlib.sha256((SALT + person).encode()).hexdigest())
        for index, person in enumerate(people):
            share = (index + 0.5) / len(people)
            parts[person] = "test" if share < SHARES[2] else "validation" if share < SHARES[1] + SHARES[2] else "train"
    return parts


def prepare(folder: Path, labels: Mapping[str, tuple[str, str]], kept: Path, bench: Workbench) -> Faces:
    """The largest face with landmarks of each labelled photo in `folder`/images, found once and kept in `kept`."""
    if not kept.is_file():
        window, finder = upright_square(WIDE, WIDE_WIDTH, DROP * WIDTH / WIDE_WIDTH), bench.model("blazeface")
        found, squares = [], []
        for file in tqdm(sorted(labels), desc="faces", unit="photo"):
            photo = images.decode(folder / "images" / file, bench.settings)
            face = next((face for face in find_faces(photo, finder) if face.mesh is not None), None)
            if face is not None:
                found.append(file)
                squares.append(images.warp(photo, window(face), (WIDE, WIDE))[..., 0])
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(kept, files=np.array(found), squares=np.array(squares))
    with np.load(kept, allow_pickle=False) as stored:
        files, squares = tuple(stored["files"].tolist()), stored["squares"]
    words, people = zip(*(labels[file] for file in files), strict=True)
    return Faces(files, squares, words, people, tuple(sorted(set(labels) - set(files))))


def views(squares: np.ndarray, random: torch.Generator | None = None) -> Tensor:
    """(n, 1, 112, 112) float32 in 0..255, the chips the net sees; with `random` each is mirrored, turned, lit and
    blurred a little.

    squares: (n, 160, 160) uint8 grey. Half are mirrored; turns of 7° and shifts of 3 % are usual; light, contrast,
    gamma, a sideways shade, noise, a coarser resolution for a quarter, and a grey patch on a quarter.
    """
    n, x = len(squares), torch.from_numpy(squares)[:, None].float()
    scale = torch.full((n,), WIDTH / WIDE_WIDTH)
    angle, shift, side = torch.zeros(n), torch.zeros(n, 2), torch.ones(n)
    if random is not None:
        scale = scale * torch.exp(0.07 * torch.randn(n, generator=random))
        angle, shift = 0.12 * torch.randn(n, generator=random), 0.03 * torch.randn(n, 2, generator=random)
        side = torch.where(torch.rand(n, generator=random) < 0.5, -1.0, 1.0)
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    matrices = torch.stack(
        [torch.stack([cosine * side, -sine, shift[:, 0]], 1), torch.stack([sine * side, cosine, shift[:, 1]], 1)], 1
    )
    places = functional.affine_grid(matrices, [n, 1, SIZE, SIZE], align_corners=False)
    x = functional.grid_sample(x, places, mode="bilinear", padding_mode="border", align_corners=False)
    return x if random is None else _lit(x, random)


def _lit(x: Tensor, random: torch.Generator) -> Tensor:
    n = len(x)

    def normal(scale: float) -> Tensor:
        return scale * torch.randn(n, 1, 1, 1, generator=random)

    x = 255 * (x.clamp(0, 255) / 255).clamp(min=1e-4) ** torch.exp(normal(0.25))
    mean = x.mean((2, 3), keepdim=True)
    x = (x - mean) * torch.exp(normal(0.2)) + mean + normal(18)
    along = torch.linspace(-1, 1, SIZE)
    x = x * (1 + normal(0.15) * along + normal(0.1) * along[:, None])
    coarse = torch.rand(n, generator=random) < 0.25
    if coarse.any():
        small = [round(SIZE * (0.35 + 0.5 * float(torch.rand(1, generator=random))))] * 2
        shrunk = functional.interpolate(x[coarse], small, mode="bilinear", antialias=True, align_corners=False)
        x[coarse] = functional.interpolate(shrunk, [SIZE, SIZE], mode="bilinear", align_corners=False)
    x = x + 4 * torch.rand(n, 1, 1, 1, generator=random) * torch.randn(x.shape, generator=random)
    for index in torch.nonzero(torch.rand(n, generator=random) < 0.25).flatten().tolist():
        size = int(SIZE * (0.12 + 0.2 * float(torch.rand(1, generator=random))))
        top, left = (torch.rand(2, generator=random) * (SIZE - size)).long().tolist()
        x[index, :, top : top + size, left : left + size] = mean[index]
    return x.clamp(0, 255)
