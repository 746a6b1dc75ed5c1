"""COCO's JSON, both ways: masks as run lengths or polygons, points as key points; one annotation per judgement.

COCO knows neither raters nor answers like "it fits": the rater stands in `attributes` of each annotation, where CVAT
and others put such things, and what has no shape in a list `judgements` beside, which readers of COCO pass over.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import StudyError
from workbench.labeling.foreign import runs
from workbench.labeling.foreign.given import (
    Given,
    Shown,
    file_name,
    flags_of,
    listed,
    mapping,
    moment,
    placed,
    read_json,
    recelled,
    seconds_of,
    words,
)
from workbench.labeling.study import details
from workbench.labeling.study.study import Study

_FORMS = ("mask", "attention", "points")


def write(shown: Shown, table: pd.DataFrame) -> bytes:
    """Every item as an image, every judgement (repeats left out) as an annotation. Raises StudyError for a task whose
    answers are neither drawn nor placed."""
    study = shown.study
    _check(study)
    sizes = {item.id: shown.size(item) for item in shown.items}
    numbers = {item.id: number for number, item in enumerate(shown.items, start=1)}
    images = [
        {"id": numbers[item.id], "file_name": item.pictures[0].file, "width": sizes[item.id][0]}
        | {"height": sizes[item.id][1], "item": item.id}
        for item in shown.items
    ]
    drawn: list[dict[str, Any]] = []
    plain: list[dict[str, Any]] = []
    for row in table[~table["is_repeat"].astype(bool)].to_dict("records"):
        item, answer = str(row["item"]), str(row["answer"])
        told = {"rater": row["rater"], "seconds": row["response_ms"] / 1000, "at": row["answered_at"]}
        told |= {"flags": row["flags"], "reason": row["reason"]}
        if details.MARK in answer:
            shape = _shape(study, answer, sizes[item])
            if study.task.form != "points" and runs.is_lossy(details.drawn(answer), *sizes[item]):
                told |= {"drawn": answer}
            drawn.append(
                {"id": len(drawn) + 1, "image_id": numbers[item], "category_id": 1} | shape | {"attributes": told}
            )
        else:
            plain.append({"image_id": numbers[item], "answer": answer} | told)
    file = {"images": images, "annotations": drawn, "categories": [_category(study)], "judgements": plain}
    return (json.dumps(file, ensure_ascii=False) + "\n").encode()


def read(data: bytes, shown: Shown, name: str) -> Iterator[Given]:
    """The annotations of a COCO file, all those of one image and rater as one answer. Raises StudyError."""
    _check(shown.study)
    file = mapping(read_json(data, name), name)
    images = {}
    for n, one in enumerate(listed(file.get("images"), f"{name}, images"), start=1):
        image = mapping(one, f"{name}, image {n}")
        images[_key(image.get("id"))] = image
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for n, one in enumerate(listed(file.get("annotations"), f"{name}, annotations"), start=1):
        annotation = mapping(one, f"{name}, annotation {n}")
        told = mapping(annotation.get("attributes", {}), f"{name}, annotation {n}, attributes")
        groups.setdefault((_key(annotation.get("image_id")), str(told.get("rater", ""))), []).append(annotation)
    names = _point_names(file, name)
    for (image_id, rater), annotations in groups.items():
        where = f"{name}, image {words(image_id[:40])}"
        if image_id not in images:
            raise StudyError(f"{where}: an annotation is of an image that is not in the list of images.")
        with placed(where):
            answer = _answer(shown.study, images[image_id], annotations, names)
        yield _given(images[image_id], rater, answer, annotations[0].get("attributes", {}), where)
    for n, one in enumerate(listed(file.get("judgements", []), f"{name}, judgements"), start=1):
        where, plain = f"{name}, judgement {n}", mapping(one, f"{name}, judgement {n}")
        image = images.get(_key(plain.get("image_id")), {})
        yield _given(image, str(plain.get("rater", "")), str(plain.get("answer", "")), plain, where)


def _check(study: Study) -> None:
    if study.task.form not in _FORMS:
        raise StudyError(
            f"COCO holds what is drawn or placed; answers of task {study.task.name!r} are neither. Use label-studio, "
            "potato or csv."
        )


def _category(study: Study) -> dict[str, Any]:
    if study.task.form != "points":
        return {"id": 1, "name": study.attribute, "supercategory": "face"}
    return {"id": 1, "name": "face", "supercategory": "face", "keypoints": list(study.asked), "skeleton": []}


def _shape(study: Study, answer: str, size: tuple[int, int]) -> dict[str, Any]:
    if study.task.form == "points":
        places = details.points(answer)
        flat = [n for p in places for n in ((p[0] * size[0], p[1] * size[1], 2) if p is not None else (0, 0, 0))]
        seen = np.array([[p[0] * size[0], p[1] * size[1]] for p in places if p is not None] or [[0.0, 0.0]])
        low, high = seen.min(axis=0), seen.max(axis=0)
        return {
            "keypoints": [round(n, 6) for n in flat],
            "num_keypoints": sum(p is not None for p in places),
            "bbox": [round(float(n), 2) for n in (*low, *(high - low))],
            "area": round(float(np.prod(high - low)), 2),
            "iscrowd": 0,
        }
    full = runs.resized(details.drawn(answer), *size)
    rows, columns = np.flatnonzero(full.any(axis=1)), np.flatnonzero(full.any(axis=0))
    box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1] if len(rows) else [0, 0, 0, 0]
    return {
        "segmentation": runs.counts(full),
        "bbox": [int(n) for n in box],
        "area": int(full.sum()),
        "iscrowd": 1,
    }


def _point_names(file: Mapping[str, Any], name: str) -> dict[str, list[str]]:
    """Category → names of its key points."""
    found = {}
    for n, one in enumerate(listed(file.get("categories", []), f"{name}, categories"), start=1):
        category = mapping(one, f"{name}, category {n}")
        points = listed(category.get("keypoints", []), f"{name}, category {n}, keypoints")
        found[_key(category.get("id"))] = [str(point) for point in points]
    return found


def _answer(
    study: Study, image: Mapping[str, Any], annotations: Sequence[Mapping[str, Any]], names: Mapping[str, list[str]]
) -> str:
    width, height = image.get("width", 0), image.get("height", 0)
    runs.check_size(width, height)
    if study.task.form == "points":
        if len(annotations) != 1:
            raise StudyError(f"expected the key points of one face, got {len(annotations)} annotations.")
        return _placed(study, annotations[0], names, width, height)
    full = runs.union(runs.uncounted(one.get("segmentation"), width, height) for one in annotations)
    return recelled(study.task.form, full, annotations[0].get("attributes", {}).get("drawn"))


def _placed(
    study: Study, annotation: Mapping[str, Any], names: Mapping[str, list[str]], width: int, height: int
) -> str:
    known = names.get(_key(annotation.get("category_id")), [])
    flat = listed(annotation.get("keypoints"), "keypoints")
    good = len(flat) == 3 * len(known) and all(type(n) in (int, float) and -1e6 < n < 1e6 for n in flat)
    if not good or not set(study.asked) <= set(known):
        raise StudyError(f"expected x, y and visibility of {', '.join(study.asked)}, got {len(flat)} numbers.")
    places = []
    for name in study.asked:
        x, y, seen = flat[3 * known.index(name) : 3 * known.index(name) + 3]
        at = [min(max(round(1e4 * n / side), 0), 10_000) for n, side in ((x, width), (y, height))]
        places.append(f"{at[0]},{at[1]}" if seen else "-")
    return f"placed#{';'.join(places)}"


def _given(image: Mapping[str, Any], rater: str, answer: str, told: Mapping[str, Any], where: str) -> Given:
    return Given(
        str(image.get("item", "")),
        tuple(name for name in [file_name(image.get("file_name"))] if name),
        rater,
        answer,
        seconds_of(told.get("seconds"), f"{where}, seconds"),
        moment(told.get("at"), f"{where}, at"),
        flags_of(str(told.get("flags", ""))),
        str(told.get("reason", "")),
        where,
    )


def _key(value: Any) -> str:
    """An id of the file as text: COCO's are numbers, others write texts."""
    return str(value)[:200] if isinstance(value, int | str) else ""
