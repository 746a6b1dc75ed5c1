"""Where a rater stands: how many answers can be counted for pay, gold, what may still come, and the last answers."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from workbench.labeling.store import schema
from workbench.labeling.store.clock import seconds
from workbench.labeling.store.leases import DECISION
from workbench.labeling.study.study import Study
from workbench.labeling.study.tasktypes import SKIP

_SLACK = 10.0
_labels, _leases, _items = schema.labels, schema.leases, schema.items


@dataclass(frozen=True, slots=True)
class Standing:
    """A rater's current rows, counted. valid: neither skipped nor faster than the study's floor nor of an impossible
    time. gold: gold items met; gold_answered, gold_right: of those, answered at all, and rightly. claimed, spent:
    seconds that the answers are said to have taken, and seconds from consent to the last one."""

    rows: int
    valid: int
    claimed: float
    spent: float
    gold: int
    gold_answered: int
    gold_right: int

    def outcome(self, study: Study) -> str:
        """How this visit ends: one of OUTCOMES.

        Gold counts from the first one on; who skipped all gold met has not passed it. Who was given less than twice the
        study's `least` needs half of what was given. Answers that are said to have taken more than twice the time there
        was (two tabs may run at once) were not given by a person.
        """
        if not self.rows:
            return "full"
        enough = self.valid >= min(study.crowd.least, (self.rows + 1) // 2)
        enough = enough and self.claimed <= 2 * self.spent + _SLACK
        share = self.gold_right / self.gold_answered if self.gold_answered else 0.0
        passed = not self.gold or share >= study.exclusion.gold_accuracy
        return "complete" if enough and passed else "failed_checks"


def standing(connection: sa.Connection, study: Study, rater: str) -> Standing:
    """Count a rater's rows that were not superseded."""
    rows = _current(connection, study.name, rater)
    began = connection.scalar(
        sa.select(schema.raters.c.consented_at).where(
            schema.raters.c.study == study.name, schema.raters.c.rater == rater
        )
    )
    slow = [
        row
        for row in rows
        if row["answer"] != SKIP
        and row["response_ms"] >= study.exclusion.floor_ms
        and "clock" not in row["flags"].split(",")
    ]
    gold = [row for row in rows if row["is_gold"]]
    answered = [row for row in gold if row["correct"] is not None]
    return Standing(
        rows=len(rows),
        valid=len(slow),
        claimed=sum(row["response_ms"] for row in rows) / 1000,
        spent=seconds(max(row["answered_at"] for row in rows)) - seconds(began) if rows and began else 0.0,
        gold=len(gold),
        gold_answered=len(answered),
        gold_right=sum(bool(row["correct"]) for row in answered),
    )


def recent(connection: sa.Connection, study: Study, rater: str) -> list[dict[str, Any]]:
    """The last answers that can be undone, oldest first: id, block, answer."""
    rows = sorted(_current(connection, study.name, rater), key=lambda row: row["number"])
    last = rows[-1]["number"] if rows else 0
    return [
        {"id": row["label"], "block": row["block"], "answer": row["answer"]}
        for row in rows
        if row["number"] > last - study.assigning.undo_window
    ]


def may_come_back(connection: sa.Connection, study: Study, rater: str, now: float) -> bool:
    """Whether somebody else holds an item that this rater has not met: should the lease run out, it is theirs."""
    mine = sa.exists().where(_labels.c.study == study.name, _labels.c.rater == rater, _labels.c.item == _leases.c.item)
    query = (
        sa.select(_leases.c.lease)
        .join(_items, sa.and_(_items.c.study == _leases.c.study, _items.c.item == _leases.c.item))
        .where(
            _leases.c.study == study.name,
            _leases.c.rater != rater,
            _leases.c.expires_at > now,
            _leases.c.repeat_of == "",
            _leases.c.supersedes == "",
            _leases.c.purpose != DECISION,
            _items.c.is_gold.is_(False),
            ~mine,
        )
    )
    return connection.execute(query.limit(1)).first() is not None


def _current(connection: sa.Connection, study: str, rater: str) -> list[dict[str, Any]]:
    queries = [
        sa.select(table).where(table.c.study == study, table.c.rater == rater) for table in (_labels, schema.decisions)
    ]
    rows = [dict(row) for query in queries for row in connection.execute(query).mappings()]
    undone = {row["supersedes"] for row in rows}
    return [row for row in rows if row["label"] not in undone]
