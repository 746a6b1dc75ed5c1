"""Answers from elsewhere into the store: checked as a whole first, then brought in, marked, and never twice.

Their raters get ids that follow from this server's secret and their names there, so that the same file brings nothing
new the second time and nobody reads a name out of an id. Names are not kept. Who withdrew stays away.
"""

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from workbench.errors import StudyError
from workbench.labeling.foreign.given import MOST_ANSWERS, UPLOADED, Given, check_answer
from workbench.labeling.statistics.judgements import IMPORTED, UNTIMED
from workbench.labeling.store import schema
from workbench.labeling.store.clock import iso, seconds
from workbench.labeling.store.counting import withdrawn
from workbench.labeling.store.entries import LABEL, RATER
from workbench.labeling.store.leases import FLAGS
from workbench.labeling.store.store import Store
from workbench.labeling.study.items import Item
from workbench.labeling.study.study import Study
from workbench.labeling.study.tasktypes import SKIP

_LONGEST_NAME, _LONGEST_REASON = 200, 200


@dataclass(frozen=True, slots=True)
class Account:
    """What an import did. new: answers brought in. already: here before. raters: new ones. left_out: sentences on what
    did not fit, when that was allowed."""

    new: int
    already: int
    raters: int
    left_out: tuple[str, ...]


def bring(
    store: Store, study: Study, items: Iterable[Item], given: Iterable[Given], secret: bytes, *, lenient: bool = False
) -> Account:
    """Bring answers in, all of them or none. lenient: leave out what does not fit, and say so.

    Raises StudyError naming the first answer that does not fit, and then nothing was changed.
    """
    fitting, left_out = _fitting(study, list(items), given, lenient)
    known = _known(store, study.name)
    gone = _gone(store, study.name)
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    numbers: Counter[str] = Counter()
    already = 0
    here = _judged(store, study.name)
    facts = {item.id: item for item in items}
    edition = {"study_sha256": store.edition(study)}
    for one in fitting:
        rater = one.rater if one.rater in known or one.rater in gone else _name(secret, study.name, one.rater)
        if rater in gone:
            left_out.append(f"{one.where}: this rater withdrew.")
        elif (rater, one.item) in here or (rater, one.item) in rows:
            already += 1
        elif known.get(rater, IMPORTED) != IMPORTED:
            left_out.append(f"{one.where}: {rater} is a rater of this study and did not give this answer here.")
        else:
            row = _row(study, facts[one.item], one, rater, secret, numbers[rater], store.now())
            rows[rater, one.item] = row | edition
            numbers[rater] += 1
    fresh = sorted({rater for rater, _ in rows} - set(known))
    consent = {"study": study.name, "consent_version": IMPORTED, "consented_at": iso(store.now()), "demographics": "{}"}
    store.restore(RATER, [consent | {"rater": rater} for rater in fresh], count=False)
    new = store.restore(LABEL, list(rows.values()))
    store.write_down(study.name, "owner", "import", f"{new} answers by {len({r for r, _ in rows})} raters")
    return Account(new, already, len(fresh), tuple(left_out))


def _fitting(study: Study, items: list[Item], given: Iterable[Given], lenient: bool) -> tuple[list[Given], list[str]]:
    """The answers that this study can store, under its items' ids, and what is wrong with the others."""
    find = _finder(items)
    fitting: list[Given] = []
    wrong: list[str] = []
    answers = iter(given)
    while True:
        try:
            one = next(answers)
            fitting.append(_fitted(study, find, one))
        except StopIteration:
            return fitting, wrong
        except StudyError as error:
            if not lenient:
                raise
            wrong.append(str(error))
            if _ended(answers):
                return fitting, wrong
        if len(fitting) > MOST_ANSWERS:
            raise StudyError(f"The file holds more than {MOST_ANSWERS} answers; split it.")


def _ended(answers: Iterator[Given]) -> bool:
    """Whether a reader gave up: a generator that raised gives nothing more."""
    return getattr(answers, "gi_frame", answers) is None


def _fitted(study: Study, find: Any, one: Given) -> Given:
    item = find(one)
    if not item:
        told = one.item or " and ".join(one.files) or "nothing"
        raise StudyError(f"{one.where}: {told[:120]!r} is no item of the study {study.name!r}.")
    if not 0 < len(one.rater) <= _LONGEST_NAME:
        raise StudyError(f"{one.where}: who answered is not said, or in more than {_LONGEST_NAME} characters.")
    for text in (one.rater, one.reason):
        if "\0" in text or (not text.isascii() and text.encode(errors="ignore").decode() != text):
            raise StudyError(f"{one.where}: {ascii(text)[:60]} is no text that can be kept.")
    check_answer(study, one.answer, one.where)
    return replace(one, item=item)


def _finder(items: list[Item]) -> Any:
    """A function: an answer → the id of the item it is about, "" for none. By id, else by the names of its pictures
    where only one item has these."""
    ids = {item.id for item in items}
    names: dict[tuple[str, ...], list[str]] = {}
    for item in items:
        own = tuple(picture.file.rsplit("/", 1)[-1] for picture in item.pictures)
        for shown in {own, own[:1]}:
            names.setdefault(shown, []).append(item.id)

    def find(one: Given) -> str:
        if one.item in ids:
            return one.item
        for files in (one.files, tuple(UPLOADED.sub("", name) for name in one.files)):
            found = names.get(files, [])
            if len(found) == 1:
                return found[0]
        return ""

    return find


def _name(secret: bytes, study: str, name: str) -> str:
    return hmac.digest(secret, f"imported\0{study}\0{name}".encode(), "sha256").hex()[:16]


def _row(study: Study, item: Item, one: Given, rater: str, secret: bytes, number: int, now: float) -> dict[str, Any]:
    """A row of `labels`: as a vote's, but for what only a showing has (seed, sides, propensity)."""
    answer = study.answer(one.answer)
    timed = one.seconds is not None and UNTIMED not in one.flags
    took = one.seconds if timed and one.seconds is not None else 0.0
    at = one.at or iso(now)
    is_gold = bool(item.gold) and one.answer != SKIP
    kept = [flag for flag in (*FLAGS, "clock") if flag in one.flags]
    label = hashlib.sha256(hmac.digest(secret, f"{study.name}\0{rater}\0{one.item}".encode(), "sha256")).hexdigest()
    return {
        "label": label[:32],
        "study": study.name,
        "item": one.item,
        "rater": rater,
        "task_type": study.task.name,
        "answer": one.answer,
        "value": answer.value if answer else None,
        "correct": study.is_correct(one.answer, item.gold) if is_gold else None,
        "is_gold": bool(item.gold),
        "is_repeat": False,
        "repeat_of": "",
        "swapped": False,
        "seed": 0,
        "response_ms": round(1000 * took),
        "shown_at": iso(seconds(at) - took),
        "answered_at": at,
        "flags": ",".join([*kept, IMPORTED, *([] if timed else [UNTIMED])]),
        "reason": one.reason[:_LONGEST_REASON],
        "number": number,
        "block": number // study.blocks.size,
        "grp": item.group,
        "propensity": 1.0,
        "supersedes": "",
        "study_sha256": study.sha256,
    }


def _known(store: Store, study: str) -> dict[str, str]:
    """Rater → the consent they are here by; "imported" for those of earlier imports."""
    table = schema.raters
    query = sa.select(table.c.rater, table.c.consent_version).where(table.c.study == study)
    return {row.rater: row.consent_version for row in store.database.run(lambda c: c.execute(query).all())}


def _gone(store: Store, study: str) -> set[str]:
    return set(store.database.run(lambda c: c.scalars(withdrawn(study)).all()))


def _judged(store: Store, study: str) -> set[tuple[str, str]]:
    """(rater, item) of every answer that is here."""
    query = sa.select(schema.labels.c.rater, schema.labels.c.item).where(schema.labels.c.study == study)
    return {(row.rater, row.item) for row in store.database.run(lambda c: c.execute(query).all())}
