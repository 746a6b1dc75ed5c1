"""Landmarks as data sets ship them: a .pts file beside each photo (300-W), or WFLW's lists of one line per face."""

import re
from pathlib import Path

import numpy as np

from workbench.errors import BadRequest
from workbench.evaluation.folders import PHOTO_FOLDERS, first_folder, inside, photos_in, unmatched
from workbench.evaluation.truth import Case, Truth

MOST = 1000
"""Points of a face."""
FLAGS = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")
"""WFLW's attributes, in their order."""
_POINTS, _BOX = 2 * 98, 4
_LARGEST = 1e6


def has_pts(folder: Path) -> bool:
    """Whether a .pts file lies in the folder."""
    return next(folder.rglob("*.pts"), None) is not None


def read_pts_folder(folder: Path, parts: tuple[str, ...]) -> Truth:
    """Photos and .pts files of the same name, beside each other. Raises BadRequest naming a file that is wrong."""
    root = folder.resolve()
    found = {
        path.with_suffix(""): path for path in sorted(folder.rglob("*.pts")) if path.resolve().is_relative_to(root)
    }
    cases, without = [], 0
    for photo in photos_in(folder):
        path = found.pop(photo.with_suffix(""), None)
        without += path is None
        if path is not None:
            cases.append(Case(photo.relative_to(folder).as_posix(), photo, points=read_pts(path)[None]))
    _alike(cases)
    return Truth("landmarks", ".pts files", tuple(cases), notes=unmatched(without, len(found)))


def read_pts(path: Path) -> np.ndarray:
    """(n, 2) float32 of a .pts file, which counts pixels from one. Raises BadRequest."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        inner = re.search(r"\{(.*?)\}", text, re.DOTALL)
        rows = [
            [float(word) for word in line.split()] for line in (inner[1] if inner else "").splitlines() if line.strip()
        ]
        points = np.array(rows, np.float64)  # a number too large for float32 is found below
    except (OSError, ValueError) as error:
        raise BadRequest(f"{path.name}: expected a .pts file, lines of x y between braces ({error}).") from error
    told = re.search(r"n_points:\s*(\d+)", text)
    if points.ndim != 2 or points.shape[1] != 2 or not 3 <= len(points) <= MOST or not _sound(points):
        raise BadRequest(f"{path.name}: expected 3 to {MOST} lines of x y between braces, got {points.shape}.")
    if told and told[1].lstrip("0") != str(len(points)):
        raise BadRequest(f"{path.name}: it says n_points {told[1][:20]} and holds {len(points)}.")
    return np.asarray(points - 1, np.float32)


def wflw_list(folder: Path) -> Path | None:
    """The first text file whose first line is one of WFLW's: 98 points, a box, perhaps six flags, a name."""
    for path in sorted([*folder.glob("*.txt"), *folder.glob("annotations/*.txt")]):
        with path.open(encoding="utf-8", errors="replace") as stream:
            if len(stream.readline(10_000).split()) in (_POINTS + _BOX + 7, _POINTS + 1):
                return path
    return None


def read_wflw(folder: Path, parts: tuple[str, ...]) -> Truth:
    """WFLW's list; its flags become groups where a photo's faces agree. Raises BadRequest naming a wrong line."""
    path = wflw_list(folder)
    assert path is not None
    images = first_folder(folder, ("WFLW_images", *PHOTO_FOLDERS)) or folder
    faces: dict[Path, list[np.ndarray]] = {}
    flags: dict[Path, list[list[str]]] = {}
    absent = 0
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        words = line.split()
        if not words:
            continue
        photo = inside(folder, images, words[-1])
        absent += photo is None
        if photo is not None:
            faces.setdefault(photo, []).append(_line(words, f"{path.name}, line {number}"))
            flags.setdefault(photo, []).append(words[_POINTS + _BOX : -1])
    cases = tuple(
        Case(photo.relative_to(folder).as_posix(), photo, points=np.stack(rows), groups=_groups(flags[photo]))
        for photo, rows in faces.items()
    )
    return Truth("landmarks", "WFLW's list", cases, notes=unmatched(0, absent))


def _line(words: list[str], where: str) -> np.ndarray:
    try:
        points = np.array([float(word) for word in words[:_POINTS]], np.float64).reshape(-1, 2)
    except ValueError as error:
        raise BadRequest(f"{where}: expected 196 numbers, a box, six flags and a name ({error}).") from error
    if len(points) != 98 or not _sound(points):
        raise BadRequest(f"{where}: expected 98 points within a picture, got {len(points)}.")
    return points.astype(np.float32)


def _groups(flags: list[list[str]]) -> dict[str, str]:
    if not all(len(row) == len(FLAGS) and set(row) <= {"0", "1"} for row in flags):
        return {}
    return {
        name: "yes" if column[0] == "1" else "no"
        for name, column in zip(FLAGS, zip(*flags, strict=True), strict=True)
        if len(set(column)) == 1
    }


def _alike(cases: list[Case]) -> None:
    counts = {case.points.shape[1]: case.id for case in cases if case.points is not None}
    if len(counts) > 1:
        words = ", ".join(f"{count} ({name})" for count, name in sorted(counts.items()))
        raise BadRequest(f"Expected as many points in every .pts file, got {words}.")


def _sound(points: np.ndarray) -> bool:
    return bool(np.isfinite(points).all() and np.abs(points).max(initial=0) < _LARGEST)
