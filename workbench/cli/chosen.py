"""What `classify`, `embed` and `verify` share: the face they judge in a photo, and names for files. No command of its
own."""

from pathlib import Path
from typing import Any

import numpy as np

from workbench import images
from workbench.errors import NoFace
from workbench.settings import Settings
from workbench.tasks.detection import find_faces
from workbench.values import Face


def largest_face(path: Path, finder: Any, settings: Settings) -> tuple[np.ndarray, Face, int]:
    """The photo, its largest face and how many there are. Raises NoFace, saying how large the photo was, and BadImage
    for no photo."""
    image = images.limit(images.decode(path, settings), settings.working_side)
    faces = find_faces(image, finder)
    if not faces:
        height, width = image.shape[:2]
        raise NoFace(f"no face found in {width} × {height} pixels")
    return image, faces[0], len(faces)


def name(path: Path, folder: Path) -> str:
    """A photo's name in results: its path below the folder, with forward slashes."""
    return path.relative_to(folder if folder.is_dir() else folder.parent).as_posix()
