"""Label Studio's JSON, both ways: tasks with annotations, and the labeling interface that shows them there.

Written after "Label Studio JSON format of annotated tasks" (labelstud.io/guide/task_format). An annotation that is
written here names its rater in a text region, because Label Studio refuses unknown users in `completed_by`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

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
)
from workbench.labeling.study import details
from workbench.labeling.study.items import SUFFIXES, Item
from workbench.labeling.study.study import Study
from workbench.labeling.study.tasktypes import SKIP

_SIDES = {"left": "image_1", "right": "image_2"}
BRUSH, _PLACE = "brushlabels", "keypointlabels"


def write(shown: Shown, table: pd.DataFrame) -> bytes:
    """Every item as a task, every judgement (repeats left out) as an annotation. table: as `Store.judgements`."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in table[~table["is_repeat"].astype(bool)].to_dict("records"):
        rows.setdefault(str(row["item"]), []).append({str(name): value for name, value in row.items()})
    tasks = [_task(shown, item, number, rows.get(item.id, [])) for number, item in enumerate(shown.items, start=1)]
    return (json.dumps(tasks, ensure_ascii=False) + "\n").encode()


def interface(study: Study) -> bytes:
    """The labeling interface (XML) under which Label Studio shows what `write` wrote."""
    pictures = "".join(
        f'  <Image name="image_{n}" value="$image_{n}"/>\n' for n in range(1, study.task.images + 1 - _beside(study))
    )
    names = "".join(f"    <Choice value={quoteattr(answer.key)}/>\n" for answer in study.answers)
    asked = [f'  <Choices name="answer" toName="image_1">\n{names}  </Choices>']
    if _is_pair(study):
        asked.append('  <Pairwise name="preference" toName="image_1,image_2"/>')
    if study.task.form == "expression":
        asked += [f'  <Number name="{name}" toName="image_1"/>' for name in ("intensity", "valence", "arousal")]
    if study.task.form in ("units", "points"):
        labels = "".join(f"    <{_ONE[study.task.form]} value={quoteattr(name)}/>\n" for name in study.asked)
        asked.append(f"  {_OPEN[study.task.form]}\n{labels}  {_SHUT[study.task.form]}")
    if study.task.form in ("mask", "attention"):
        label = f"    <Label value={quoteattr(study.attribute)}/>\n"
        asked.append(f'  <BrushLabels name="drawn" toName="image_1">\n{label}  </BrushLabels>')
    asked += [f'  <TextArea name="{name}" toName="image_1"/>' for name in ("rater", "reason", "flags")]
    header = f"  <Header value={quoteattr(study.question)}/>\n"
    return f"<View>\n{header}{pictures}{chr(10).join(asked)}\n</View>\n".encode()


_OPEN = {
    "units": '<Choices name="units" toName="image_1" choice="multiple">',
    "points": '<KeyPointLabels name="points" toName="image_1">',
}
_SHUT = {"units": "</Choices>", "points": "</KeyPointLabels>"}
_ONE = {"units": "Choice", "points": "Label"}


def read(data: bytes, shown: Shown, name: str) -> Iterator[Given]:
    """The annotations of a Label Studio export (JSON). Raises StudyError with the place of what is wrong."""
    for n, one in enumerate(listed(read_json(data, name), name), start=1):
        where = f"{name}, task {n}"
        task = mapping(one, where)
        values = mapping(task.get("data"), f"{where}, data")
        files = tuple(found for value in values.values() if (found := file_name(value)).lower().endswith(SUFFIXES))
        for k, annotation in enumerate(listed(task.get("annotations", []), f"{where}, annotations"), start=1):
            place = f"{where}, annotation {k}"
            yield _given(shown, str(values.get("item", "")), files, mapping(annotation, place), place)


def _task(shown: Shown, item: Item, number: int, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    shows = item.pictures[: len(item.pictures) - _beside(shown.study)]
    data: dict[str, Any] = {"item": item.id} | {
        f"image_{n}": f"/data/local-files/?d={shown.study.name}/{picture.file}" for n, picture in enumerate(shows, 1)
    }
    size = shown.size(item) if rows and shown.study.task.form in ("mask", "attention", "points") else (0, 0)
    return {
        "id": number,
        "data": data,
        "annotations": [_annotation(shown.study, row, size) for row in rows],
        "predictions": [],
        "meta": {"group": item.group},
    }


def _annotation(study: Study, row: Mapping[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    answer = str(row["answer"])
    regions = [] if answer == SKIP else list(_regions(study, answer, size))
    for name in ("rater", "reason", "flags"):
        if row[name]:
            regions.append(_region("textarea", name, {"text": [str(row[name])]}))
    for number, region in enumerate(regions, start=1):
        region["id"] = f"{row['label']}-{number}"
    return {
        "unique_id": str(row["label"]),
        "was_cancelled": answer == SKIP,
        "ground_truth": False,
        "created_at": str(row["answered_at"]),
        "lead_time": row["response_ms"] / 1000,
        "result": regions,
    }


def _region(kind: str, name: str, value: dict[str, Any], size: tuple[int, int] = (0, 0)) -> dict[str, Any]:
    region: dict[str, Any] = {"type": kind, "from_name": name, "to_name": "image_1", "value": value}
    if any(size):
        region |= {"original_width": size[0], "original_height": size[1], "image_rotation": 0}
    return region


def _regions(study: Study, answer: str, size: tuple[int, int]) -> Iterator[dict[str, Any]]:
    head, form = details.head(answer), study.task.form
    if _is_pair(study) and answer in _SIDES.values():
        side = next(name for name, image in _SIDES.items() if image == answer)
        yield _region("pairwise", "preference", {"selected": side}) | {"to_name": "image_1,image_2"}
        return
    yield _region("choices", "answer", {"choices": [head if form else answer]})
    if form == "expression":
        felt = details.feeling(answer)
        for name in ("intensity", "valence", "arousal"):
            yield _region("number", name, {"number": getattr(felt, name)})
    elif form == "units" and head == "coded":
        yield _region("choices", "units", {"choices": [str(unit) for unit in details.units(answer)]})
    elif form == "points":
        for name, place in zip(study.asked, details.points(answer), strict=True):
            if place is not None:
                value = {"x": round(100 * place[0], 2), "y": round(100 * place[1], 2), "width": 1, _PLACE: [name]}
                yield _region(_PLACE, "points", value, size)
    elif form in ("mask", "attention") and head != "fine":
        cells = details.drawn(answer)
        value = {"format": "rle", "rle": runs.packed(runs.resized(cells, *size)), BRUSH: [study.attribute]}
        note = {"meta": {"text": [answer]}} if runs.is_lossy(cells, *size) else {}
        yield _region(BRUSH, "drawn", value, size) | note


def _given(shown: Shown, item: str, files: tuple[str, ...], annotation: Mapping[str, Any], where: str) -> Given:
    regions = [mapping(one, where) for one in listed(annotation.get("result"), f"{where}, result")]
    with placed(where):
        answer = SKIP if annotation.get("was_cancelled") is True else _answer(shown, regions)
    by = annotation.get("completed_by")
    by = by.get("email") or by.get("id") if isinstance(by, Mapping) else by
    rater = _text(regions, "rater") or str("" if by is None else by)
    return Given(
        item,
        files,
        rater,
        answer,
        seconds_of(annotation.get("lead_time"), f"{where}, lead_time"),
        moment(annotation.get("created_at"), f"{where}, created_at"),
        flags_of(_text(regions, "flags")),
        _text(regions, "reason"),
        where,
    )


def _answer(shown: Shown, regions: Sequence[Mapping[str, Any]]) -> str:
    form = shown.study.task.form
    if form == "points":
        return _points(shown.study, regions)
    if form in ("mask", "attention"):
        return _drawn(shown, regions)
    for region in regions:
        if region.get("type") == "pairwise":
            side = str(_value(region).get("selected"))
            return shown.said(shown.words.get(side) or _SIDES.get(side, side))
    chosen = _chosen(regions, "answer")
    if form == "units":
        units = [str(unit) for unit in _chosen(regions, "units", missing=[])]
        return f"coded#{','.join(units)}" if units and chosen[:1] != ["none"] else "none"
    if len(chosen) != 1:
        raise StudyError(f"expected one choice, got {len(chosen)}.")
    head = shown.said(chosen[0])
    if form != "expression":
        return head
    told = [_number(regions, name) for name in ("intensity", "valence", "arousal")]
    return f"{head}#{','.join(map(str, told))}"


def _chosen(regions: Sequence[Mapping[str, Any]], name: str, missing: list[Any] | None = None) -> list[Any]:
    """The choices of the region of this name, or, unless `missing` is given, of the only region that has any."""
    every = [one for one in regions if one.get("type") in ("choices", "rating")]
    found = [one for one in every if one.get("from_name") == name] or (every if missing is None else [])
    if not found and missing is not None:
        return missing
    if len(found) != 1:
        raise StudyError(f"expected one region of choices, got {len(found)}.")
    value = _value(found[0])
    if found[0]["type"] == "rating":
        return [value.get("rating")]
    return list(listed(value.get("choices"), "choices"))


def _number(regions: Sequence[Mapping[str, Any]], name: str) -> int:
    for region in regions:
        number = _value(region).get("number")
        if region.get("type") == "number" and region.get("from_name") == name:
            if isinstance(number, bool) or not isinstance(number, int | float) or number % 1 != 0:  # NaN too
                raise StudyError(f"{name}: expected a whole number, got {str(number)[:40]!r}.")
            return int(number)
    raise StudyError(f"{name}: is missing.")


def _points(study: Study, regions: Sequence[Mapping[str, Any]]) -> str:
    places = dict.fromkeys(study.asked, "-")
    for region in regions:
        if region.get("type") != _PLACE:
            continue
        value = _value(region)
        for label in listed(value.get(_PLACE), _PLACE):
            at: tuple[Any, Any] = value.get("x"), value.get("y")
            if label not in places or not all(type(n) in (int, float) and 0 <= n <= 100 for n in at):
                raise StudyError(
                    f"a key point {str(label)[:40]!r} at {str(at)[:40]}: expected one of {', '.join(study.asked)} with "
                    "x and y in percent."
                )
            places[label] = ",".join(str(round(100 * n)) for n in at)
    return f"placed#{';'.join(places.values())}"


def _drawn(shown: Shown, regions: Sequence[Mapping[str, Any]]) -> str:
    form = shown.study.task.form
    strokes = [region for region in regions if region.get("type") == BRUSH]
    if not strokes and form == "mask" and _chosen(regions, "answer", missing=[]) == ["fine"]:
        return "fine"
    if not strokes:
        raise StudyError("expected something drawn with the brush, got nothing.")
    full = runs.union(map(brushed, strokes))
    note = strokes[0].get("meta")
    noted = note.get("text") if isinstance(note, Mapping) else None
    return recelled(form, full, noted[0] if isinstance(noted, list) and noted else None)


def brushed(region: Mapping[str, Any]) -> np.ndarray:
    """(h, w) bool: what a region of the brush covers, in the photo's pixels. Raises StudyError."""
    return runs.unpacked(_value(region).get("rle"), region.get("original_width"), region.get("original_height"))


def _value(region: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(region.get("value"), "value")


def _text(regions: Sequence[Mapping[str, Any]], name: str) -> str:
    """What stands in the text region of this name; "" without one."""
    for region in regions:
        if region.get("type") == "textarea" and region.get("from_name") == name:
            text = _value(region).get("text")
            return str(text[0] if isinstance(text, list) and text else text or "")
    return ""


def _is_pair(study: Study) -> bool:
    """Whether the answers name one of exactly two pictures, as Label Studio's Pairwise does."""
    return study.task.choose_image and study.task.images == 2


def _beside(study: Study) -> int:
    """How many pictures an item has that no rater sees as such: a model's mask."""
    return 1 if study.task.form == "mask" else study.task.beside
