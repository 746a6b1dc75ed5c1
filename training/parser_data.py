"""Aligned faces with masks, laid out on disk for training: colours, labels, mesh maps. Fixes which pictures validate.

Pictures are 512 × 512 (CelebAMask-HQ), masks palette PNGs of the same stem. Nothing here is committed anywhere.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from workbench import WEIGHTS
from workbench import mesh as mesh_regions
from workbench.models.finders.mediapipe import FaceFinder
from workbench.models.parsers.selfie import Matte
from workbench.parts import INDEX, MIRROR, PAIRS, PARTS

SIDE = 512
MAP_SIDE = 320
VALIDATION = 100
RARE = tuple(INDEX[name] for name in ("necklace", "hat", "eyeglasses", "earring"))
STORED = ("oval", "across", "down", "matte", *mesh_regions.REGIONS)
"""The maps kept on disk: first those that go on beyond the picture's edge, then those that end there."""


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """images (n, 512, 512, 3), masks (n, 512, 512), maps (n, 3, 320, 320, 4) uint8, all memory-mapped; meshes (n, 478,
    3) float32, NaN where no mesh was found; areas (n, 19): pixels of each part; exchanged (n,) bool: left and right are
    named the wrong way round in the mask; stems: file names."""

    stems: tuple[str, ...]
    images: np.ndarray
    masks: np.ndarray
    maps: np.ndarray
    meshes: np.ndarray
    areas: np.ndarray
    exchanged: np.ndarray

    def righted(self, index: int) -> np.ndarray:
        """The picture's mask with left and right as they lie in the picture."""
        mask: np.ndarray = self.masks[index]
        return np.array(MIRROR, np.uint8)[mask] if self.exchanged[index] else mask

    def has_mesh(self, index: int) -> bool:
        """Whether a mesh was found on this picture."""
        return bool(np.isfinite(self.meshes[index, 0, 0]))


def split(stems: tuple[str, ...], areas: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and of the 100 validation pictures.

    Systematic sampling: sorted by which rare parts a picture shows, in random order among equals, every n-th validates,
    so that rare parts are as frequent in one set as in the other. The same for the same pictures and seed.
    """
    present = areas[:, RARE] > 0
    order = np.lexsort([np.random.default_rng(seed).permutation(len(stems)), *present.T[::-1]])
    chosen = order[((np.arange(VALIDATION) + 0.5) * len(stems) / VALIDATION).astype(int)]
    return np.setdiff1d(np.arange(len(stems)), chosen), np.sort(chosen)


def open_faces(data: Path, cache: Path, finder: FaceFinder, matte: Matte) -> Faces:
    """The pictures of `data` (folders `images` and `masks`), prepared once into `cache`."""
    stems = tuple(sorted(path.stem for path in (data / "images").glob("*.jpg")))
    listed = cache / "stems.txt"
    if not listed.exists() or listed.read_text().split() != list(stems):
        cache.mkdir(parents=True, exist_ok=True)
        _prepare(data, cache, stems, finder, matte)
        listed.write_text("\n".join(stems))
    arrays = {
        name: np.load(cache / f"{name}.npy", mmap_mode="r")
        for name in ("images", "masks", "maps", "meshes", "areas", "exchanged")
    }
    return Faces(stems, **arrays)


def _prepare(data: Path, cache: Path, stems: tuple[str, ...], finder: FaceFinder, matte: Matte) -> None:
    count = len(stems)
    shapes = {"images": (count, SIDE, SIDE, 3), "masks": (count, SIDE, SIDE), "maps": (count, 3, MAP_SIDE, MAP_SIDE, 4)}
    arrays = {
        name: np.lib.format.open_memmap(cache / f"{name}.npy", "w+", np.uint8, shape) for name, shape in shapes.items()
    }
    meshes = np.full((count, 478, 3), np.nan, np.float32)
    areas = np.zeros((count, len(PARTS)), np.int64)
    exchanged = np.zeros(count, bool)
    for index, stem in enumerate(stems):
        image = np.asarray(Image.open(data / "images" / f"{stem}.jpg").convert("RGB"))
        arrays["images"][index] = image
        arrays["masks"][index] = np.asarray(Image.open(data / "masks" / f"{stem}.png"))
        areas[index] = np.bincount(arrays["masks"][index].ravel(), minlength=len(PARTS))
        exchanged[index] = sides_exchanged(arrays["masks"][index])
        points = central_mesh(image, finder)
        if points is not None:
            meshes[index] = points
        arrays["maps"][index] = stored_maps(points, matte(image))
    np.save(cache / "meshes.npy", meshes)
    np.save(cache / "areas.npy", areas)
    np.save(cache / "exchanged.npy", exchanged)


def sides_exchanged(mask: np.ndarray) -> bool:
    """Whether the eyes, or failing them the brows or ears, are named the wrong way round.

    So it is in one of fifteen pictures here, which look mirrored without their labels; learnt from as they are, they
    would teach to guess.
    """
    columns = np.arange(mask.shape[1])
    for _, left, right in PAIRS:
        one, other = ((mask == part).sum(axis=0) for part in (left, right))
        if min(one.sum(), other.sum()) > 50:
            return bool((one * columns).sum() / one.sum() > (other * columns).sum() / other.sum())
    return False


def central_mesh(image: np.ndarray, finder: FaceFinder) -> np.ndarray | None:
    """The mesh of the face an aligned picture is about: large and near the middle. None when there is none to trust."""
    found = finder.detect(image)
    if not len(found):
        return None
    centres, sizes = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2, found.boxes[:, 2] - found.boxes[:, 0]
    best = int(np.argmin(np.linalg.norm(centres - SIDE / 2, axis=1) - 0.2 * sizes))
    mesh = finder.mesh(image, found.boxes[best], found.keypoints[best])
    return mesh.points if mesh.score >= 0.5 else None


def stored_maps(points: np.ndarray | None, matte: np.ndarray) -> np.ndarray:
    """(3, 320, 320, 4) uint8: the maps in the order of `STORED`."""
    scale = MAP_SIDE / SIDE
    grid = None if points is None else (points[:, :2] + 0.5) * scale - 0.5
    small = np.asarray(
        Image.fromarray((matte * 255).round().astype(np.uint8)).resize((MAP_SIDE, MAP_SIDE), Image.Resampling.BILINEAR)
    )
    every = mesh_regions.maps(grid, small, (MAP_SIDE, MAP_SIDE))
    kept = np.stack([every[mesh_regions.MAPS.index(name)] for name in STORED])
    return kept.reshape(3, 4, MAP_SIDE, MAP_SIDE).transpose(0, 2, 3, 1)


def built_in_models() -> tuple[FaceFinder, Matte]:
    """The face finder and the matte that ship with the package."""
    names = {
        "back": "face_detection_back",
        "full": "face_detection_full_range",
        "mesh": "face_landmark",
        "iris": "iris_landmark",
    }
    finder = FaceFinder({role: WEIGHTS / f"{name}.tflite" for role, name in names.items()})
    return finder, Matte(WEIGHTS / "selfie_segmentation.tflite")
