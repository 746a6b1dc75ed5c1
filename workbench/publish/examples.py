"""Makes the photos a newcomer can click: NASA's portrait, a montage, and portraits of nobody.

They are written once into the cache by `make setup` (or at a Space's start), never shipped. Knows nothing of screens.
"""

from pathlib import Path

import cv2
import numpy as np

from workbench.bench import Workbench
from workbench.catalog.generation import NOBODY
from workbench.settings import Settings

SYNTHETIC = "synthetic"
"""In the name of every picture of a person who does not exist."""

TOGETHER = "several-faces"
"""In the name of the picture with all of them."""

_MADE_BY, _MADE_OF = "made-by.txt", "made-of.txt"
"""Beside the pictures, the generator's id and its files' sums: an update that draws better faces, by another generator
or by other files of the same, replaces those an older version left."""

_SEEDS = (3, 8, 11, 21, 34, 55, 89, 144)
"""Of the faces, tried in turn."""


def folder(settings: Settings) -> Path:
    """Where the examples lie."""
    return settings.cache / "examples"


def are_made(bench: Workbench, generator: str = NOBODY) -> bool:
    """Whether this generator's examples lie there, all of them."""
    out = folder(bench.settings)
    told = _note(out / _MADE_BY), _note(out / _MADE_OF)
    return bool(list(out.glob(f"*{TOGETHER}*"))) and told == (
        generator,
        _sums(bench, generator),
    )  # a montage comes last


def make(bench: Workbench, wanted: int = 3, generator: str = NOBODY) -> list[Path]:
    """Write the examples unless this generator already drew them, and return all of them.

    Needs the detector and a generator of faces.
    """
    out = folder(bench.settings)
    if are_made(bench, generator):
        return sorted(out.glob("*.png"))
    out.mkdir(parents=True, exist_ok=True)
    for older in out.glob("*.png"):
        older.unlink()
    (out / _MADE_BY).write_text(generator, "utf-8")
    (out / _MADE_OF).write_text(_sums(bench, generator), "utf-8")
    from skimage import data

    astronaut = data.astronaut()
    _write(out / "1-NASA-astronaut.png", astronaut)
    if generator in {spec.id for spec in bench.specs("generation")} and bench.available(generator):
        faces = _synthetic(bench, wanted, generator)
        for number, face in enumerate(faces, start=2):
            _write(out / f"{number}-{SYNTHETIC}-face-{number - 1}.png", face)
        _write(out / f"{len(faces) + 2}-{TOGETHER}-({SYNTHETIC}-and-NASA).png", _montage(astronaut, faces))
    return sorted(out.glob("*.png"))


def _note(path: Path) -> str:
    """What is noted there; empty beside the pictures of versions that did not note it."""
    return path.read_text("utf-8") if path.is_file() else ""


def _sums(bench: Workbench, generator: str) -> str:
    """The checksums of a generator's files, a line each; empty for one that is in no table."""
    rows = [spec for spec in bench.specs("generation") if spec.id == generator]
    return "\n".join(file.sha256 for spec in rows for file in spec.files)


def _synthetic(bench: Workbench, wanted: int, generator: str) -> list[np.ndarray]:
    """Sampled faces, 256 × 256, the first ones the detector is sure of."""
    from workbench.tasks.detection import find_faces

    draw, finder = bench.generator(generator), bench.finder()
    faces = (cv2.resize(draw(1, seed)[0], (256, 256), interpolation=cv2.INTER_CUBIC) for seed in _SEEDS)
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
    if not path.is_file():
        part = path.with_suffix(".part.png")
        cv2.imwrite(str(part), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        part.replace(path)
