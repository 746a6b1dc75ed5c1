"""Before a rater begins: questions on the instructions, and practice with feedback; who passes by the study's rule goes
on.

Nothing of it is a judgement. Where somebody is lies in the database and every step is taken once: who sends an earlier
one again, having seen what was expected, is shown the one they are at. A pass lies in the rater's token too, and so
outlives a wiped disk.
"""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from workbench.errors import BadRequest, NotAllowed, StudyError
from workbench.labeling.serving.pictures import Shelf
from workbench.labeling.serving.tokens import Sealer
from workbench.labeling.store.schooling import FAILED, Progress, keep, progress
from workbench.labeling.store.store import Store
from workbench.labeling.study.items import Item, hashed, inside, items_from_csv
from workbench.labeling.study.study import Study
from workbench.labeling.study.tasktypes import display_order


class Training:
    """The practice of one study."""

    def __init__(self, study: Study, store: Store, sealer: Sealer, shelf: Shelf) -> None:
        """Raises StudyError when practice items lack an answer."""
        self._study, self._store, self._sealer, self._shelf = study, store, sealer, shelf
        self._items = practice_items(study)

    def step(self, rater: str, body: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
        """One step: what to show next, feedback on what was answered, or the end.

        body: of the rater's token. asked: progress (sealed: which step this is), and choices (question → option) or
        answer. A step that was taken already is not taken again: its sender is shown the one they are at. Raises
        BadRequest and NotAllowed.
        """
        told = asked.get("progress")
        step = None if told in (None, "") else self._sealer.open("practice", told)
        if step is not None and (step["rater"] != rater or step["study"] != self._study.name):
            raise NotAllowed("This practice belongs to another rater. Reload the page.")
        row = self._store.rater(self._study.name, rater)
        if row is None or row["state"] != "active":
            return {"state": "screened_out"}
        number = None if step is None else step.get("step")

        def work(connection: sa.Connection) -> tuple[Progress, dict[str, Any]]:
            self._store.database.lock(connection, f"practice:{self._study.name}:{rater}")
            before = progress(connection, self._study.name, rater)
            after, told = self._taken(rater, before, number, asked)
            if after.failed > before.failed:
                self._store.note(connection, self._study.name, "practice", FAILED, rater)
            if after != before:
                keep(connection, self._study.name, rater, after)
            return after, told

        at, said = self._store.database.run(work)
        if at.passed:
            return said | {"state": "qualified", "rater": self._sealer.seal("rater", {**body, "qualified": True})}
        if at.failed >= self._study.practice.tries:
            self._store.set_rater_state(self._study.name, rater, "blocked", who="practice")
            return said | {"state": "screened_out"}
        return said if "state" in said else said | self._show(rater, at)

    def _taken(self, rater: str, at: Progress, step: Any, asked: Mapping[str, Any]) -> tuple[Progress, dict[str, Any]]:
        """Where the rater is after this step, and what to tell of it; unchanged when it is not the one they are at."""
        if at.passed or at.failed >= self._study.practice.tries:
            return at, {}
        if at.understood and not self._items:  # the study asks questions only, since
            return replace(at, passed=True), {}
        if not at.step or (at.understood and at.number >= len(self._items)):  # new, or fewer items since
            return replace(self._begun(at), step=at.step + 1), {}
        if step != at.step:
            return at, {}
        if not at.understood:
            return self._questions(replace(at, step=at.step + 1), asked.get("choices"))
        return self._answered(rater, replace(at, step=at.step + 1), asked.get("answer"))

    def _questions(self, at: Progress, choices: Any) -> tuple[Progress, dict[str, Any]]:
        if not isinstance(choices, Mapping) or set(choices) != set(self._study.comprehension):
            raise BadRequest("choices: expected an answer to every question.")
        if any(choices[name] != options[0] for name, options in self._study.comprehension.items()):
            return self._failed(at), {"state": "again"}
        return replace(at, understood=True, passed=not self._items), {}

    def _answered(self, rater: str, at: Progress, answer: Any) -> tuple[Progress, dict[str, Any]]:
        item = self._order(rater, at)[at.number]
        if not isinstance(answer, str) or self._study.answer(answer) is None:
            raise BadRequest("answer: expected one of the study's answers.")
        correct = self._study.is_correct(answer, item.gold)
        told: dict[str, Any] = {"correct": correct, "expected": self._expected(item)}
        at = replace(at, number=at.number + 1, right_ones=at.right_ones + correct)
        if at.number < len(self._items):
            return at, told
        if at.right_ones >= self._study.practice.share * len(self._items):
            return replace(at, passed=True), told
        return self._failed(at), told | {"state": "again"}

    def _failed(self, at: Progress) -> Progress:
        """A try that did not pass: the next one begins at its beginning."""
        return replace(self._begun(at), failed=at.failed + 1)

    def _begun(self, at: Progress) -> Progress:
        """At the beginning of a try."""
        return replace(at, understood=not self._study.comprehension, number=0, right_ones=0)

    def _show(self, rater: str, at: Progress) -> dict[str, Any]:
        token = {"rater": rater, "study": self._study.name, "step": at.step}
        shown: dict[str, Any] = {"state": "practice", "progress": self._sealer.seal("practice", token)}
        if not at.understood:
            mixed = random.Random(f"{rater}:{self._study.name}")
            listed = self._study.comprehension.items()
            return shown | {"questions": [{"question": q, "options": mixed.sample(o, len(o))} for q, o in listed]}
        item, seed = self._order(rater, at)[at.number], f"{rater}:{at.failed}:{at.number}"
        order = display_order(self._study.task, random.Random(seed).randrange(2**31))
        pictures = [self._shelf.address(item.pictures[place].file, item.pictures[place].sha256) for place in order]
        shown |= {"number": at.number + 1, "all": len(self._items), "images": pictures}
        if self._study.task.choose_image:
            shown["keys"] = [f"image_{place + 1}" for place in order[self._study.task.fixed :]]
        return shown

    def _order(self, rater: str, at: Progress) -> list[Item]:
        """The items in this rater's order, another one at every try."""
        return random.Random(f"{rater}:{at.failed}").sample(self._items, len(self._items))

    def _expected(self, item: Item) -> list[str]:
        """The titles of the right answers; of pictures, their keys."""
        right = [answer for answer in self._study.answers if self._study.is_correct(answer.key, item.gold)]
        return [answer.key if self._study.task.choose_image else answer.title for answer in right]


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
