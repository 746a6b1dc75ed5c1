"""A study made from another tool's file: its pictures, found by name in one folder, become items.

Only the last part of a path in the file is believed; where a picture lies is looked up, never taken from the file.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import StudyError
from workbench.images import encode_png
from workbench.labeling.foreign import runs
from workbench.labeling.foreign.given import (
    UPLOADED,
    file_name,
    listed,
    mapping,
    placed,
    read_bytes,
    read_json,
    read_lines,
)
from workbench.labeling.foreign.label_studio import BRUSH, brushed
from workbench.labeling.study.items import SUFFIXES, Item, Picture, write_items
from workbench.labeling.study.reading import load_items
from workbench.labeling.study.study import FILE, Study, load_study, parse_study
from workbench.labeling.study.tables import NAME
from workbench.labeling.study.tasktypes import find_task

MOST_ITEMS = 200_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What the new study asks. choices: of tasks that list their own; () takes those in the file."""

    task: str
    attribute: str = ""
    choices: tuple[str, ...] = ()


def make(folder: Path, path: Path, kind: str, pictures: Path, asked: Asked) -> Study:
    """Make the study `folder` from the tasks in a file of Label Studio, Potato or COCO; the pictures are copied.

    Raises StudyError, and then there is no folder.
    """
    if (folder / FILE).exists() or (folder.exists() and any(folder.iterdir())):
        raise StudyError(f"{folder} is not empty; a new study goes into a new folder.")
    task = find_task(asked.task)
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name in ("pictures", "masks"):
            (part / name).mkdir()
        kept = _Kept(_by_name(pictures), part)
        needed = task.images - (1 if task.form == "mask" else 0)
        items = list(_items(path, kind, kept, needed, task.form == "mask"))
        if not items:
            raise StudyError(f"{path.name} names no pictures.")
        choices = asked.choices or (tuple(_choices(path, kind)) if task.open_choices or task.form == "points" else ())
        text = _toml(folder.name, Asked(asked.task, asked.attribute, choices), task.title)
        (part / FILE).write_text(text, encoding="utf-8")
        write_items(items, part / "items.csv")
        load_items(parse_study(text, part))
        part.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except OSError as error:
        raise StudyError(f"{folder} cannot be written: {error.strerror or type(error).__name__}.") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return load_study(folder)


class _Kept:
    """Pictures that were copied into the new study, each once."""

    def __init__(self, places: Mapping[str, list[Path]], folder: Path) -> None:
        self._places, self._folder, self._files = places, folder, dict[str, str]()

    def file(self, name: str, where: str) -> str:
        """The place of a picture in the study, copied there on first use, under its own name. Raises StudyError."""
        if name not in self._files:
            found = self._places.get(name) or self._places.get(UPLOADED.sub("", name), [])
            if len(found) != 1:
                raise StudyError(f"{where}: {name[:80]!r} is {len(found)} times among the pictures; expected once.")
            self._files[name] = f"pictures/{found[0].name}"
            shutil.copyfile(found[0], self._folder / self._files[name])
        return self._files[name]

    def mask(self, mask: np.ndarray, number: int) -> str:
        """A mask as a new picture, white on black."""
        target = f"masks/{number:06d}.png"
        (self._folder / target).write_bytes(encode_png(np.repeat(255 * mask.astype(np.uint8)[..., None], 3, axis=2)))
        return target


def _by_name(pictures: Path) -> dict[str, list[Path]]:
    if not pictures.is_dir():
        raise StudyError(f"{pictures} is no folder of pictures.")
    found: dict[str, list[Path]] = {}
    for path in sorted(pictures.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file() and path.resolve().is_relative_to(pictures.resolve()):
            found.setdefault(path.name, []).append(path)
    return found


def _items(path: Path, kind: str, kept: _Kept, needed: int, masked: bool) -> Iterator[Item]:
    ids: set[str] = set()
    for number, (name, files, where, mask) in enumerate(_tasks(path, kind, masked), start=1):
        if number > MOST_ITEMS:
            raise StudyError(f"{path.name} holds more than {MOST_ITEMS} items; split it.")
        if len(files) < needed:
            raise StudyError(f"{where}: expected {needed} pictures, got {len(files)}.")
        own = name if NAME.fullmatch(name) and name not in ids else f"{number:06d}"
        ids.add(own)
        pictures = [Picture(kept.file(file, where)) for file in files[:needed]]
        if masked:
            if mask is None:
                raise StudyError(f"{where}: a mask to correct is missing.")
            pictures.append(Picture(kept.mask(mask, number), source=path.stem))
        yield Item(own, tuple(pictures))


_Task = tuple[str, tuple[str, ...], str, np.ndarray | None]
"""Name, names of pictures, place in the file, and the mask that comes along."""


def _tasks(path: Path, kind: str, masked: bool) -> Iterator[_Task]:
    data = read_bytes(path)
    if kind == "coco":
        yield from _coco(mapping(read_json(data, path.name), path.name), path.name, masked)
    elif kind == "label-studio":
        for n, one in enumerate(listed(read_json(data, path.name), path.name), start=1):
            where = f"{path.name}, task {n}"
            task = mapping(one, where)
            values = mapping(task.get("data"), f"{where}, data")
            mask = _predicted(task, where) if masked else None
            yield str(values.get("item", task.get("id", ""))), _files(values), where, mask
    elif kind == "potato":
        for place, line in read_lines(data, path.name):
            yield str(line.get("id", line.get("instance_id", ""))), _files(line), f"{path.name}, {place}", None
    else:
        raise StudyError(f"A new study is made from label-studio, potato or coco, not from {kind[:40]!r}.")


def _files(values: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for value in values.values() if (name := file_name(value)).lower().endswith(SUFFIXES))


def _coco(file: Mapping[str, Any], name: str, masked: bool) -> Iterator[_Task]:
    shapes: dict[str, list[Any]] = {}
    for one in listed(file.get("annotations", []), f"{name}, annotations"):
        annotation = mapping(one, f"{name}, annotations")
        shapes.setdefault(str(annotation.get("image_id")), []).append(annotation.get("segmentation"))
    for n, one in enumerate(listed(file.get("images"), f"{name}, images"), start=1):
        where, image = f"{name}, image {n}", mapping(one, f"{name}, image {n}")
        mask = None
        if masked and (own := shapes.get(str(image.get("id")))):
            with placed(where):
                mask = runs.union(runs.uncounted(one, image.get("width"), image.get("height")) for one in own)
        given = file_name(image.get("file_name"))
        yield str(image.get("item", image.get("id", ""))), (given,) if given else (), where, mask


def _predicted(task: Mapping[str, Any], where: str) -> np.ndarray | None:
    """The brush mask of a task's first prediction."""
    for prediction in listed(task.get("predictions", []), f"{where}, predictions")[:1]:
        regions = listed(mapping(prediction, where).get("result"), f"{where}, predictions")
        for region in (mapping(one, where) for one in regions):
            if region.get("type") == BRUSH:
                with placed(where):
                    return brushed(region)
    return None


def _choices(path: Path, kind: str) -> Sequence[str]:
    """The words that annotations of a file choose from, or the names of its key points, in the order met."""
    found: dict[str, None] = {}
    data = read_bytes(path)
    if kind == "coco":
        for category in listed(mapping(read_json(data, path.name), path.name).get("categories", []), path.name):
            found |= dict.fromkeys(map(str, listed(mapping(category, path.name).get("keypoints", []), path.name)))
    elif kind == "label-studio":
        for task in listed(read_json(data, path.name), path.name):
            for annotation in listed(mapping(task, path.name).get("annotations", []), path.name):
                for region in listed(mapping(annotation, path.name).get("result", []), path.name):
                    value = mapping(mapping(region, path.name).get("value", {}), path.name)
                    words = value.get("choices") or value.get("keypointlabels") or []
                    found |= dict.fromkeys(map(str, listed(words, path.name)))
    return [word for word in found if word != "skip"]


def _toml(name: str, asked: Asked, title: str) -> str:
    words = {"name": name, "title": title, "task": asked.task, "instructions": f"{title}."}
    words |= {"attribute": asked.attribute} if asked.attribute else {}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in words.items()]
    lines += [f"choices = {json.dumps(list(asked.choices), ensure_ascii=False)}"] if asked.choices else []
    return "\n".join(["[study]", *lines, *_REST])


_REST = (
    "",
    "[consent]",
    'version = "1"',
    "minimum_age = 18",
    'text = "Your answers are kept without your name and are used for research on face models. You may stop at any '
    'time, and withdraw all your answers with one button."',
    "",
    "[items]",
    'csv = "items.csv"',
    "",
    "[assignment]",
    "raters_per_item = 5",
    "",
    "[blocks]",
    "size = 30",
    "gold = 0",
    "repeats = 0",
    "",
)
