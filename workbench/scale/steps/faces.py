"""The face that `classify` and `embed` judge in a photo."""

from typing import Any

import numpy as np

from workbench import images
from workbench.bench import Workbench
from workbench.errors import NoFace
from workbench.settings import Settings
from workbench.tasks.detection import find_faces
from workbench.values import Face


def finder_id(bench: Workbench) -> str:
    """The finder that every step uses: the first one here."""
    return bench.first("detection").id


def largest_face(data: bytes, finder: Any, settings: Settings) -> tuple[np.ndarray, Face, int]:
    """The photo at its own size, its largest face and how many there are. Raises NoFace, saying how large the photo
    was, and BadImage for no photo."""
    image, faces = photo_and_faces(data, finder, settings)
    return image, faces[0], len(faces)


def photo_and_faces(data: bytes, finder: Any, settings: Settings) -> tuple[np.ndarray, tuple[Face, ...]]:
    """The photo at its own size, and its faces, largest first, at least one. Raises NoFace, BadImage."""
    image = images.decode(data, settings)
    faces = find_faces(image, finder)
    if not faces:
        height, width = image.shape[:2]
        raise NoFace(width=width, height=height)
    return image, faces


def box(face: Face) -> dict[str, str]:
    """The columns of a face's box, pixels of the photo."""
    return dict(zip(("left", "top", "right", "bottom"), (f"{side:.1f}" for side in face.box), strict=True))
