"""Makes the photos a newcomer can click: NASA's portrait, a montage, and portraits of nobody.

They are written once into the cache, by `make setup` or when the app starts, never shipped. Knows nothing of screens.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from workbench.batch.files import write_atomically
from workbench.bench import Workbench
from workbench.catalog.generation import EXAMPLE_SEEDS, EXAMPLES, NOBODY
from workbench.errors import CannotWrite
from workbench.images import encode_png
from workbench.settings import Settings

SYNTHETIC = "synthetic"
"""In the name of every picture of a person who does not exist."""

TOGETHER = "several-faces"
"""In the name of the picture with all of them."""


def folder(settings: Settings) -> Path:
    """Where the examples lie; other faces would lie elsewhere."""
    return settings.cache / EXAMPLES


def are_made(settings: Settings) -> bool:
    """Whether the examples lie there, all of them."""
    return bool(list(folder(settings).glob(f"*{TOGETHER}*")))  # which comes last


def make(bench: Workbench, wanted: int = 3) -> list[Path]:
    """Write the examples unless they are there, and return all of them: only NASA's portrait where the face finder or
    the faces of nobody are not on this machine. Where the folder cannot be written, the page goes without, and says
    so."""
    out = folder(bench.settings)
    if are_made(bench.settings):
        return sorted(out.glob("*.png"))
    try:
        _make(bench, wanted, out)
    except CannotWrite:
        sys.stderr.write(f"{out} cannot be written: the page offers no photos to click.\n")
    return sorted(out.glob("*.png"))


def _make(bench: Workbench, wanted: int, out: Path) -> None:
    from skimage import data

    astronaut = data.astronaut()
    _write(out / "1-NASA-astronaut.png", astronaut)
    if bench.here("detection") and bench.available(NOBODY):
        faces = _synthetic(bench, wanted)
        for number, face in enumerate(faces, start=2):
            _write(out / f"{number}-{SYNTHETIC}-face-{number - 1}.png", face)
        _write(out / f"{len(faces) + 2}-{TOGETHER}-({SYNTHETIC}-and-NASA).png", _montage(astronaut, faces))


def _synthetic(bench: Workbench, wanted: int) -> list[np.ndarray]:
    """Sampled faces, 256 × 256, the first ones the detector is sure of."""
    from workbench.tasks.detection import find_faces

    draw, finder = bench.generator(NOBODY), bench.finder()
    faces = (cv2.resize(draw(1, seed)[0], (256, 256), interpolation=cv2.INTER_CUBIC) for seed in EXAMPLE_SEEDS)
    sure = [face for face in faces if any(found.score > 0.8 for found in find_faces(face, finder))]
    return sure[:wanted]


def _montage(astronaut: np.ndarray, faces: list[np.ndarray]) -> np.ndarray:
    """(512, 512 + 256·n, 3): the portrait beside the synthetic faces, of different sizes."""
    canvas = np.full((512, 512 + 256 * len(faces), 3), 235, np.uint8)
    canvas[:, :512] = astronaut
    for number, face in enumerate(faces):
        top = (40, 150, 230)[number % 3]
        canvas[top : top + 256, 512 + 256 * number : 768 + 256 * number] = face
    return canvas


def _write(path: Path, image: np.ndarray) -> None:
    """Whole or not at all, under a name that nobody takes for a picture: several servers may start at once."""
    if not path.is_file():
        write_atomically(path, encode_png(image))
