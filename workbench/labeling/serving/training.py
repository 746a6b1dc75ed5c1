"""Before a rater begins: questions on the instructions, and practice with feedback; who passes by the study's rule goes
on.

Nothing of it is a judgement and none of it is kept but how often somebody failed. Where somebody is lies sealed in
their browser, so that any server can go on with it; a pass lies in the rater's token.
"""

import random
from collections.abc import Mapping
from typing import Any

from workbench.errors import BadRequest, NotAllowed, StudyError
from workbench.labeling.serving.pictures import Shelf
from workbench.labeling.serving.tokens import Sealer
from workbench.labeling.store import readout
from workbench.labeling.store.store import Store
from workbench.labeling.study.items import Item, hashed, inside, items_from_csv
from workbench.labeling.study.study import Study
from workbench.labeling.study.tasktypes import display_order

FAILED = "practice failed"
"""The audit log's word for a try that did not pass."""


class Training:
    """The practice of one study."""

    def __init__(self, study: Study, store: Store, sealer: Sealer, shelf: Shelf) -> None:
        """Raises StudyError when practice items lack an answer."""
        self._study, self._store, self._sealer, self._shelf = study, store, sealer, shelf
        self._items = practice_items(study)

    def step(self, rater: str, body: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
        """One step: what to show next, feedback on what was answered, or the end.

        body: of the rater's token. asked: progress (sealed), and choices (question → option) or answer. Raises
        BadRequest and NotAllowed.
        """
        row = self._store.rater(self._study.name, rater)
        if row is None or row["state"] != "active":
            return {"state": "screened_out"}
        told = asked.get("progress")
        if told in (None, ""):
            return self._show({"rater": rater, "study": self._study.name, "understood": not self._study.comprehension})
        at = self._sealer.open("practice", told)
        if at["rater"] != rater or at["study"] != self._study.name:
            raise NotAllowed("This practice belongs to another rater. Reload the page.")
        if not at["understood"]:
            return self._questions(at, body, asked.get("choices"))
        if int(at.get("number", 0)) >= len(self._items):  # the study has fewer of them since
            return self._show({"rater": rater, "study": self._study.name, "understood": not self._study.comprehension})
        return self._answered(at, body, asked.get("answer"))

    def _questions(self, at: dict[str, Any], body: Mapping[str, Any], choices: Any) -> dict[str, Any]:
        if not isinstance(choices, Mapping) or set(choices) != set(self._study.comprehension):
            raise BadRequest("choices: expected an answer to every question.")
        wrong = [name for name, options in self._study.comprehension.items() if choices[name] != options[0]]
        if wrong:
            return self._fail(str(at["rater"]))
        at = at | {"understood": True}
        return self._show(at) if self._items else self._passed(body)

    def _answered(self, at: dict[str, Any], body: Mapping[str, Any], answer: Any) -> dict[str, Any]:
        number, right = int(at.get("number", 0)), int(at.get("right", 0))
        item = self._order(at)[number]
        if not isinstance(answer, str) or self._study.answer(answer) is None:
            raise BadRequest("answer: expected one of the study's answers.")
        correct = self._study.is_correct(answer, item.gold)
        told = {"correct": correct, "expected": self._expected(item)}
        at, right = at | {"number": number + 1, "right": right + correct}, right + correct
        if number + 1 < len(self._items):
            return told | self._show(at)
        passed = right >= self._study.practice.share * len(self._items)
        return told | (self._passed(body) if passed else self._fail(str(at["rater"])))

    def _show(self, at: dict[str, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = {"state": "practice", "progress": self._sealer.seal("practice", at)}
        if not at["understood"]:
            mixed = random.Random(f"{at['rater']}:{self._study.name}")
            listed = self._study.comprehension.items()
            return shown | {"questions": [{"question": q, "options": mixed.sample(o, len(o))} for q, o in listed]}
        number = int(at.get("number", 0))
        item, seed = self._order(at)[number], f"{at['rater']}:{number}"
        order = display_order(self._study.task, random.Random(seed).randrange(2**31))
        pictures = [self._shelf.address(item.pictures[place].file, item.pictures[place].sha256) for place in order]
        shown |= {"number": number + 1, "all": len(self._items), "images": pictures}
        if self._study.task.choose_image:
            shown["keys"] = [f"image_{place + 1}" for place in order[self._study.task.fixed :]]
        return shown

    def _order(self, at: Mapping[str, Any]) -> list[Item]:
        return random.Random(str(at["rater"])).sample(self._items, len(self._items))

    def _expected(self, item: Item) -> list[str]:
        """The titles of the right answers; of pictures, their keys."""
        right = [answer for answer in self._study.answers if self._study.is_correct(answer.key, item.gold)]
        return [answer.key if self._study.task.choose_image else answer.title for answer in right]

    def _passed(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return {"state": "qualified", "rater": self._sealer.seal("rater", {**body, "qualified": True})}

    def _fail(self, rater: str) -> dict[str, Any]:
        """Note a failed try; the last one closes the study to this rater."""
        self._store.write_down(self._study.name, "practice", FAILED, rater)
        if readout.noted(self._store.database, self._study.name, FAILED, rater) < self._study.practice.tries:
            return {"state": "again"}
        self._store.set_rater_state(self._study.name, rater, "blocked", who="practice")
        return {"state": "screened_out"}


def practice_items(study: Study) -> list[Item]:
    """The practice items of a study; none without `[practice] csv`. Raises StudyError for one without an answer."""
    if not study.practice.csv:
        return []
    items = list(hashed(items_from_csv(study, inside(study.folder, study.practice.csv)), study.folder))
    for item in items:
        if not any(study.is_correct(answer.key, item.gold) for answer in study.answers):
            raise StudyError(f"{study.practice.csv}, item {item.id!r}: practice needs gold, the answer that is right.")
    if not items:
        raise StudyError(f"{study.practice.csv} holds no items to practise on.")
    return items
