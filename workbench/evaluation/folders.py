"""What layouts share: the photos of a folder, and a photo a table names. Links that lead out of the folder are not
followed."""

from collections.abc import Iterable
from pathlib import Path

from workbench.decoding import SUFFIXES as PHOTOS

PHOTO_FOLDERS = ("images", "photos", "CelebA-HQ-img")


def photos_in(folder: Path) -> list[Path]:
    """Photos below a folder, sorted; files reached by links that lead outside are left out."""
    root = folder.resolve()
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in PHOTOS and path.is_file() and path.resolve().is_relative_to(root)
    ]


def first_folder(folder: Path, names: Iterable[str]) -> Path | None:
    """The first of these folders that is there."""
    return next((folder / name for name in names if (folder / name).is_dir()), None)


def unmatched(photos: int, truths: int) -> tuple[str, ...]:
    """A sentence per kind of what has no counterpart."""
    notes = [f"{photos} photos have no truth and are left out."] if photos else []
    return tuple(notes + ([f"{truths} entries of the truth have no photo."] if truths else []))


def inside(folder: Path, images: Path, name: str) -> Path | None:
    """The photo a table names, in the photo folder or the folder itself, and never outside."""
    for base in (images, folder):
        path = base / (name or "").strip()
        try:
            if name and path.is_file() and path.resolve().is_relative_to(folder.resolve()):
                return path
        except (OSError, ValueError):  # a name longer than the disk allows names no file
            return None
    return None
