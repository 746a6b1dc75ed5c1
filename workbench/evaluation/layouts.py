"""The layouts a folder with truth may have, each with the sign it is recognised by.

Nothing here looks at pixels but `read_mask`. Links that lead out of the folder are not followed.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from workbench.errors import BadImage, BadRequest
from workbench.evaluation import beside, coco, points, voting
from workbench.evaluation.folders import PHOTO_FOLDERS, first_folder, inside, photos_in, unmatched
from workbench.evaluation.truth import (
    CELEBA_NAMES,
    EXPRESSIONS,
    IGNORED,
    VOCABULARIES,
    Case,
    Pair,
    Shapes,
    Truth,
    part_of,
    read_table,
)
from workbench.parts import INDEX, PARTS
from workbench.tasks.mask_shapes import filled, uncompressed

_MASK_FOLDERS = ("masks", "labels", "annotations")
_RAF_DB = ("", "surprise", "fear", "disgust", "happy", "sad", "anger", "neutral")
"""RAF-DB numbers its labels from 1."""
_MOST_MASK = 100_000_000
"""Pixels of the largest mask that is read."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One convention. fits: whether a folder has it. read: folder and vocabulary → truth. named: only when asked for by
    name."""

    name: str
    words: str
    fits: Callable[[Path], bool]
    read: Callable[[Path, tuple[str, ...]], Truth]
    named: bool = False


def read_truth(folder: Path, layout: str = "", vocabulary: str = "", names: Path | None = None) -> Truth:
    """The photos of a folder with their truth. layout: a name of LAYOUTS, "" to find out.

    vocabulary: a name of VOCABULARIES for masks of indices, "" to find out; names: a JSON of names instead. Raises
    BadRequest when the folder has no layout that is known, saying which are.
    """
    if not folder.is_dir():
        raise BadRequest(f"{folder.name} is no folder.")
    known = [row for row in LAYOUTS if layout in ("", row.name)]
    if not known:
        raise BadRequest(f"layout: expected one of {', '.join(row.name for row in LAYOUTS)}, got {layout[:40]!r}.")
    if vocabulary and vocabulary not in VOCABULARIES:
        raise BadRequest(f"vocabulary: expected one of {', '.join(VOCABULARIES)}, got {vocabulary[:40]!r}.")
    row = next((row for row in known if row.fits(folder) and (layout or not row.named)), None)
    if row is None:
        ways = "; ".join(row.words for row in known if layout or not row.named)
        raise BadRequest(f"{folder.name} has no truth that is recognised. Known: {ways}.")
    return row.read(folder, _vocabulary(folder, vocabulary, names))


def read_mask(case: Case, parts: tuple[str, ...]) -> np.ndarray:
    """A case's mask as (H, W) uint8 canonical indices, IGNORED where the data set names a part that is none of ours.

    Raises BadImage for a file that is no mask or holds an index without a name.
    """
    if case.shapes is not None:
        return _painted(case.id, case.shapes)
    whole = case.masks.get("")
    if whole is not None:
        return _indexed(whole, parts)
    canvas: np.ndarray | None = None
    for part, path in case.masks.items():
        here = _opened(path)
        if canvas is None:
            canvas = np.zeros(here.shape[:2], np.uint8)
        if here.shape[:2] != canvas.shape:
            raise BadImage(f"{path.name}: expected {canvas.shape[1]} × {canvas.shape[0]} as the other parts of it.")
        canvas[(here if here.ndim == 2 else here.max(axis=2)) > 127] = INDEX[part]
    if canvas is None:
        raise BadImage(f"{case.id}: no mask.")
    return canvas


def _painted(name: str, told: Shapes) -> np.ndarray:
    """A mask of COCO shapes; of two on one pixel the later counts."""
    if min(told.size) < 1 or told.size[0] * told.size[1] > _MOST_MASK:
        raise BadImage(f"{name}: expected a photo of 1 pixel to {_MOST_MASK // 10**6} megapixels, got {told.size}.")
    canvas = np.zeros(told.size, np.uint8)
    for part, shape in told.shapes:
        try:
            whole = uncompressed(shape["counts"], told.size) if isinstance(shape, dict) else filled(shape, told.size)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise BadImage(f"{name}: the shape of {part} is neither outlines nor run lengths.") from error
        canvas[whole] = INDEX[part]
    return canvas


def _indexed(path: Path, parts: tuple[str, ...]) -> np.ndarray:
    values = _opened(path, palette=True)
    if values.ndim != 2:
        raise BadImage(f"{path.name}: expected a mask of indices (palette or grey PNG), got a colour picture.")
    if int(values.max(initial=0)) >= len(parts) and set(np.unique(values)) <= {0, 255}:
        raise BadImage(f"{path.name}: only 0 and 255; expected the index of a part in every pixel.")
    if (highest := int(values[values != IGNORED].max(initial=0))) >= len(parts):
        raise BadImage(f"{path.name}: index {highest} has no name; {len(parts)} are named. Give names as JSON.")
    table = np.full(256, IGNORED, np.uint8)
    table[: len(parts)] = [INDEX.get(name, IGNORED) for name in parts]
    return table[values]


def _opened(path: Path, palette: bool = False) -> np.ndarray:
    try:
        with Image.open(path, formats=("PNG", "BMP", "TIFF", "GIF", "JPEG")) as picture:
            if picture.width * picture.height > _MOST_MASK:
                raise BadImage(f"{path.name}: larger than {_MOST_MASK // 10**6} megapixels.")
            if palette and picture.format == "JPEG":
                raise BadImage(f"{path.name}: JPEG does not keep indices; save masks as PNG.")
            wanted = picture.mode if picture.mode in ("P", "L") else "L" if picture.mode in ("1", "LA") else "RGB"
            return np.array(picture.convert(wanted), np.uint8)
    except BadImage:
        raise
    except Exception as error:
        raise BadImage(f"{path.name} is no mask that can be read ({type(error).__name__}).") from error


def _vocabulary(folder: Path, name: str, names: Path | None) -> tuple[str, ...]:
    if name:
        return VOCABULARIES[name]
    path = names or next((p for p in (folder / "names.json", folder / "labels.json") if p.is_file()), None)
    if path is None:
        return VOCABULARIES["lapa"] if (folder / "landmarks").is_dir() else PARTS
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        rows = dict(enumerate(found)) if isinstance(found, list) else {int(key): value for key, value in found.items()}
        count = max(rows) + 1
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise BadRequest(f"{path.name}: expected a JSON list of names, or an object of index to name.") from error
    if count > IGNORED:
        raise BadRequest(f"{path.name}: expected at most {IGNORED} indices.")
    return tuple(part_of(str(rows.get(index, ""))) for index in range(count))


def _has_masks(folder: Path) -> bool:
    masks = first_folder(folder, _MASK_FOLDERS)
    return first_folder(folder, PHOTO_FOLDERS) is not None and masks is not None and any(masks.rglob("*.png"))


def _masks(folder: Path, parts: tuple[str, ...]) -> Truth:
    images, masks = first_folder(folder, PHOTO_FOLDERS), first_folder(folder, _MASK_FOLDERS)
    assert images is not None
    assert masks is not None
    found = {path.relative_to(masks).with_suffix("").as_posix(): path for path in sorted(masks.rglob("*.png"))}
    cases, without = [], 0
    for photo in photos_in(images):
        stem = photo.relative_to(images).with_suffix("").as_posix()
        mask = found.pop(stem, None)
        without += mask is None
        if mask is not None:
            cases.append(Case(photo.relative_to(folder).as_posix(), photo, masks={"": mask}))
    return Truth(
        "parsing", f"{images.name}/ and {masks.name}/", tuple(cases), parts=parts, notes=unmatched(without, len(found))
    )


def _has_celeba(folder: Path) -> bool:
    return (folder / "CelebAMask-HQ-mask-anno").is_dir() and first_folder(folder, PHOTO_FOLDERS) is not None


def _celeba(folder: Path, parts: tuple[str, ...]) -> Truth:
    """CelebAMask-HQ as it is published: `CelebA-HQ-img/7.jpg`, `CelebAMask-HQ-mask-anno/0/00007_hair.png`."""
    images = first_folder(folder, PHOTO_FOLDERS)
    assert images is not None
    masks: dict[int, dict[str, Path]] = {}
    for path in sorted((folder / "CelebAMask-HQ-mask-anno").rglob("*.png")):
        number, _, word = path.stem.partition("_")
        if number.isdecimal() and word in CELEBA_NAMES:
            masks.setdefault(int(number), {})[CELEBA_NAMES[word]] = path
    order = {part: place for place, part in enumerate(PARTS)}
    cases, without = [], 0
    for photo in photos_in(images):
        found = masks.pop(int(photo.stem), None) if photo.stem.isdecimal() else None
        without += found is None
        if found:
            sorted_masks = dict(sorted(found.items(), key=lambda item: order[item[0]]))
            cases.append(Case(photo.relative_to(folder).as_posix(), photo, masks=sorted_masks))
    return Truth("parsing", "CelebAMask-HQ, one file per part", tuple(cases), notes=unmatched(without, len(masks)))


def _labels_file(folder: Path) -> Path | None:
    names = ("labels.csv", "expressions.csv", "truth.csv")
    return next((folder / name for name in names if (folder / name).is_file()), None)


_FILE = ("file", "image", "filename", "path")
_LABEL = ("label", "expression", "emotion", "class")


def _labels(folder: Path, parts: tuple[str, ...]) -> Truth:
    path = _labels_file(folder)
    assert path is not None
    rows, columns = read_table(path, ())
    file, label = _column(path, columns, _FILE), _column(path, columns, _LABEL)
    images = first_folder(folder, PHOTO_FOLDERS) or folder
    others = [name for name in columns if name not in (file, label, "person")]
    cases, missing, several = [], 0, 0
    for row in rows:
        photo, word = inside(folder, images, row[file]), (row[label] or "").strip()
        several += "|" in word
        missing += photo is None
        if photo is not None and word and "|" not in word:
            groups = {name: row[name].strip() for name in others if (row[name] or "").strip()}
            person = (row.get("person") or "").strip() or _person(photo.name)
            cases.append(Case(photo.relative_to(folder).as_posix(), photo, person, _word(word), groups=groups))
    notes = [f"{missing} rows of {path.name} name no photo that is here."] if missing else []
    notes += [f"{several} rows of {path.name} give several labels and are left out."] if several else []
    return Truth("labels", path.name, tuple(cases), notes=tuple(notes))


def _column(path: Path, columns: list[str], words: tuple[str, ...]) -> str:
    found = next((name for name in words if name in columns), None)
    if found is None:
        raise BadRequest(f"{path.name}: expected a column {' or '.join(words)}, got {', '.join(columns) or 'none'}.")
    return found


def _word(label: str) -> str:
    return EXPRESSIONS.get(label.lower(), label)


def _person(name: str) -> str:
    """Whose photo it is where files are named as LFW names them: `Ann_Lee_0002.jpg`."""
    found = re.fullmatch(r"(.+)_\d{4}\.\w+", name)
    return found[1] if found else ""


def _raf_file(folder: Path) -> Path | None:
    names = ("list_patition_label.txt", "list_partition_label.txt")
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _raf(folder: Path, parts: tuple[str, ...]) -> Truth:
    path = _raf_file(folder)
    assert path is not None
    images, cases, missing = first_folder(folder, ("aligned", "original", *PHOTO_FOLDERS)) or folder, [], 0
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, number = line.strip().rpartition(" ")
        if not name or not number.isdecimal() or not 1 <= int(number) < len(_RAF_DB):
            continue
        photo = inside(folder, images, name) or inside(folder, images, f"{Path(name).stem}_aligned.jpg")
        missing += photo is None
        if photo:
            cases.append(Case(photo.relative_to(folder).as_posix(), photo, label=_RAF_DB[int(number)]))
    return Truth("labels", "RAF-DB's list", tuple(cases), notes=unmatched(0, missing))


def _class_folders(folder: Path) -> list[Path]:
    """Folders of photos whose names are expressions: ImageFolder and FER2013 as it is usually unpacked."""
    return [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name.lower() in EXPRESSIONS]


def _image_folder(folder: Path, parts: tuple[str, ...]) -> Truth:
    cases = [
        Case(photo.relative_to(folder).as_posix(), photo, _person(photo.name), _word(place.name))
        for place in _class_folders(folder)
        for photo in photos_in(place)
    ]
    return Truth("labels", "one folder per label", tuple(cases))


def _pairs(folder: Path, parts: tuple[str, ...]) -> Truth:
    rows, _ = read_table(folder / "pairs.csv", ("file_a", "file_b", "same"))
    words = {"1": True, "0": False, "true": True, "false": False, "same": True, "different": False}
    found = []
    for number, row in enumerate(rows, 2):
        said = (row["same"] or "").strip().lower()
        if said not in words:
            raise BadRequest(f"pairs.csv, line {number}: same: expected 1 or 0, got {said[:20]!r}.")
        found.append((row["file_a"].strip(), row["file_b"].strip(), words[said]))
    return _paired(folder, "pairs.csv", found)


def _lfw_pairs(folder: Path, parts: tuple[str, ...]) -> Truth:
    """LFW's list: `name 1 4` is one person twice, `name 1 other 2` are two people."""
    found = []
    for line in (folder / "pairs.txt").read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.replace("\t", " ").split()
        if len(words) == 3 and words[1].isdecimal() and words[2].isdecimal():
            found.append((_lfw(words[0], words[1]), _lfw(words[0], words[2]), True))
        elif len(words) == 4 and words[1].isdecimal() and words[3].isdecimal():
            found.append((_lfw(words[0], words[1]), _lfw(words[2], words[3]), False))
    return _paired(folder, "LFW's pairs.txt", found)


def _lfw(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}.jpg"


def _paired(folder: Path, layout: str, found: list[tuple[str, str, bool]]) -> Truth:
    images = first_folder(folder, PHOTO_FOLDERS) or folder
    cases: dict[str, Case] = {}
    pairs, missing = [], 0
    for first, second, same in found:
        sides = [inside(folder, images, name) or inside(folder, images, Path(name).name) for name in (first, second)]
        if None in sides:
            missing += 1
            continue
        ids = []
        for photo in sides:
            assert photo is not None
            id_ = photo.relative_to(folder).as_posix()
            cases.setdefault(id_, Case(id_, photo, _person(photo.name)))
            ids.append(id_)
        pairs.append(Pair(ids[0], ids[1], same))
    notes = (f"{missing} pairs name photos that are not here.",) if missing else ()
    return Truth("pairs", layout, tuple(cases.values()), tuple(pairs), notes=notes)


LAYOUTS: tuple[Layout, ...] = (
    Layout("celebamask-hq", "CelebAMask-HQ's folders, one PNG per part", _has_celeba, _celeba),
    Layout("helen", "Helen's labels/NAME/NAME_lbl01.png", beside.has_helen, beside.read_helen),
    Layout("masks", "images/ and masks/ (or labels/) with PNGs of indices of the same names", _has_masks, _masks),
    Layout("pairs", "pairs.csv with file_a, file_b, same", lambda f: (f / "pairs.csv").is_file(), _pairs),
    Layout("lfw", "LFW's pairs.txt", lambda f: (f / "pairs.txt").is_file(), _lfw_pairs),
    Layout("labels", "labels.csv with file, label", lambda f: _labels_file(f) is not None, _labels),
    Layout("raf-db", "RAF-DB's list of labels", lambda f: _raf_file(f) is not None, _raf),
    Layout("fer2013", "FER2013's fer2013.csv", lambda f: beside.fer_list(f) is not None, beside.read_fer),
    Layout(
        "coco",
        "COCO's annotations.json: boxes, or masks of parts",
        lambda f: coco.coco_file(f) is not None,
        coco.read_coco,
    ),
    Layout("pts", "a .pts file beside each photo", points.has_pts, points.read_pts_folder),
    Layout("wflw", "WFLW's list of 98 points", lambda f: points.wflw_list(f) is not None, points.read_wflw),
    Layout("folders", "one folder per expression", lambda f: bool(_class_folders(f)), _image_folder),
    Layout(
        "ibugmask", "a PNG of indices beside each JPEG, as iBugMask", beside.has_masks_beside, beside.read_masks_beside
    ),
    Layout("unverified", "a folder per person of photos nobody verified", lambda f: True, voting.read_unverified, True),
)
"""In the order they are tried."""
