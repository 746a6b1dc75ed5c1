"""Potato's JSON lines, both ways: one object per rater and item, labels under the name of their scheme.

Read too: a rater's `user_state.json`, where Potato keeps what is not exported yet (potato docs, "Export Formats"). What
is drawn or placed goes as text in a scheme `detail`, because Potato has no shape of its own for it in these files.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from workbench.errors import StudyError
from workbench.labeling.foreign.given import (
    Given,
    Shown,
    flags_of,
    mapping,
    moment,
    placed,
    read_json,
    read_lines,
    seconds_of,
    words,
)
from workbench.labeling.study.details import MARK
from workbench.labeling.study.tasktypes import SKIP

_ANSWER, _DETAIL = "answer", "detail"


def write(shown: Shown, table: pd.DataFrame) -> bytes:
    """Every judgement (repeats left out) as a line. table: as `Store.judgements`."""
    lines = []
    for row in table[~table["is_repeat"].astype(bool)].to_dict("records"):
        head, _, detail = str(row["answer"]).partition(MARK)
        labels: dict[str, Any] = {_ANSWER: {head: True}}
        for name, text in ((_DETAIL, detail), ("reason", row["reason"]), ("flags", row["flags"])):
            labels |= {name: {"text_box": text}} if text else {}
        told = {"instance_id": row["item"], "user_id": row["rater"], "labels": labels, "spans": {}, "links": {}}
        told |= {"seconds": row["response_ms"] / 1000, "at": row["answered_at"]}
        lines.append(json.dumps(told, ensure_ascii=False) + "\n")
    return "".join(lines).encode()


def read(data: bytes, shown: Shown, name: str) -> Iterator[Given]:
    """The judgements of an exported file, or of one rater's state. Raises StudyError with the place of what is
    wrong."""
    state = _state(data, name)
    if state is not None:
        rater = str(state.get("user_id", ""))
        kept = mapping(state["instance_id_to_label_to_value"], f"{name}, instance_id_to_label_to_value")
        for item, labels in kept.items():
            yield _given(shown, str(item), rater, _unpaired(labels), {}, f"{name}, {words(str(item)[:60])}")
        return
    for place, line in read_lines(data, name):
        where = f"{name}, {place}"
        yield _given(
            shown, str(line.get("instance_id", "")), str(line.get("user_id", "")), line.get("labels"), line, where
        )


def _state(data: bytes, name: str) -> Mapping[str, Any] | None:
    """The file as one rater's state, None for lines."""
    if b"instance_id_to_label_to_value" not in data:
        return None
    return mapping(read_json(data, name), name)


def _unpaired(labels: Any) -> Any:
    """Labels as an object; older states keep them as pairs of {schema, name} and value."""
    if not isinstance(labels, list):
        return labels
    found: dict[str, dict[str, Any]] = {}
    for pair in labels:
        if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], Mapping)):
            return labels
        found.setdefault(str(pair[0].get("schema")), {})[str(pair[0].get("name"))] = pair[1]
    return found


def _given(shown: Shown, item: str, rater: str, labels: Any, line: Mapping[str, Any], where: str) -> Given:
    schemes = {str(name): _chosen(value, where) for name, value in mapping(labels, f"{where}, labels").items()}
    told = schemes.get(_ANSWER) or next((v for k, v in schemes.items() if k not in (_DETAIL, "reason", "flags")), [])
    if len(told) != 1:
        raise StudyError(f"{where}: expected one label in one scheme, got {words(', '.join(told)[:80]) or 'none'}.")
    with placed(where):
        head = told[0] if told[0] == SKIP else shown.said(told[0])
    detail, reason, flags = ("".join(schemes.get(name, [])[:1]) for name in (_DETAIL, "reason", "flags"))
    return Given(
        item,
        (),
        rater,
        f"{head}{MARK}{detail}" if detail else head,
        seconds_of(line.get("seconds"), f"{where}, seconds"),
        moment(line.get("at"), f"{where}, at"),
        flags_of(flags),
        reason,
        where,
    )


def _chosen(value: Any, where: str) -> list[str]:
    """The labels of a scheme that are set: names of those that are true, or the text or number that stands there."""
    if not isinstance(value, Mapping):
        return [] if value in (None, "", False) else [str(value)]
    inner = value.get("labels", value)
    chosen = mapping(inner, where) if isinstance(inner, Mapping) else {str(name): True for name in inner or []}
    names = [(str(name), said) for name, said in chosen.items() if said not in (None, False, "", "false")]
    return [name if said is True or said == "true" or said == name else str(said) for name, said in names]
