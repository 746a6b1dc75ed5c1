"""Recording a vote: one transaction, after which it cannot be lost; a vote sent twice counts once."""

from typing import Any

import sqlalchemy as sa

from workbench.labeling import schema
from workbench.labeling.assignment import adopt, free_place
from workbench.labeling.clock import iso
from workbench.labeling.entries import LABEL, enter
from workbench.labeling.leases import REPEAT, REVISION, Lease, Outcome, Vote
from workbench.labeling.study import Study
from workbench.labeling.tasktypes import SKIP

_SLACK_MS = 3000


def record(connection: sa.Connection, study: Study, lease: Lease, vote: Vote, now: float) -> Outcome:
    """Store a vote under its lease, which ends with it.

    The lease may be unknown here although it was issued here (the disk was wiped): it is taken up again while the item has a
    place left. Outcome: recorded, already, expired, withdrawn or taken; only `recorded` changes anything.
    """
    rater = _rater(connection, lease)  # locks the rater's row first, so that the same vote sent twice at once waits here
    here = connection.execute(sa.select(schema.labels).where(schema.labels.c.label == lease.lease)).mappings().first()
    if here is not None:
        return Outcome("already", dict(here))
    if rater is None or rater["state"] == "withdrawn":
        return Outcome("withdrawn")
    if lease.supersedes and _is_superseded(connection, lease.supersedes):
        return Outcome("taken")
    if not adopt(connection, lease, now):
        return Outcome("expired")
    item = (
        connection.execute(sa.select(schema.items).where(schema.items.c.study == lease.study, schema.items.c.item == lease.item))
        .mappings()
        .first()
    )
    row = _row(study, lease, vote, dict(item) if item else {}, now)
    connection.execute(schema.labels.insert(), row)
    enter(connection, LABEL, lease.study, lease.lease, lease.rater)
    connection.execute(schema.leases.delete().where(schema.leases.c.lease == lease.lease))
    _account(connection, lease, row, now)
    return Outcome("recorded", row)


def _rater(connection: sa.Connection, lease: Lease) -> dict[str, Any] | None:
    table = schema.raters
    query = sa.select(table).where(table.c.study == lease.study, table.c.rater == lease.rater).with_for_update()
    row = connection.execute(query).mappings().first()
    return dict(row) if row else None


def _is_superseded(connection: sa.Connection, label: str) -> bool:
    return connection.execute(sa.select(schema.labels.c.label).where(schema.labels.c.supersedes == label)).first() is not None


def _account(connection: sa.Connection, lease: Lease, row: dict[str, Any], now: float) -> None:
    """Count the answer for its rater, and give the item's place back when nothing was answered."""
    skipped = row["answer"] == SKIP
    if lease.purpose == REVISION:
        earlier = connection.execute(
            sa.select(schema.labels.c.answer, schema.labels.c.is_repeat).where(schema.labels.c.label == lease.supersedes)
        ).first()
        if earlier is not None and not earlier.is_repeat and (earlier.answer == SKIP) != skipped:
            free_place(connection, lease.study, lease.item, -1 if earlier.answer == SKIP else 1)
    elif lease.counted and skipped:
        free_place(connection, lease.study, lease.item)
    table = schema.raters
    connection.execute(
        table.update()
        .where(table.c.study == lease.study, table.c.rater == lease.rater)
        .values(answered=table.c.answered + int(lease.purpose != REVISION), seen_at=iso(now))
    )


def _row(study: Study, lease: Lease, vote: Vote, item: dict[str, Any], now: float) -> dict[str, Any]:
    answer = study.answer(vote.answer)
    age = min(max(vote.age, 0.0), max(now - lease.issued_at, 0.0))
    answered = now - age
    possible = (answered - lease.issued_at) * 1000 + _SLACK_MS
    flags = [*vote.flags, *(["clock"] if vote.response_ms > possible else [])]
    gold = item.get("gold", "")
    is_gold = bool(gold) and vote.answer != SKIP
    return {
        "label": lease.lease,
        "study": lease.study,
        "item": lease.item,
        "rater": lease.rater,
        "task_type": study.task.name,
        "answer": vote.answer,
        "value": answer.value if answer else None,
        "correct": study.is_correct(vote.answer, gold) if is_gold else None,
        "is_gold": bool(gold),
        "is_repeat": lease.purpose == REPEAT or bool(lease.repeat_of),
        "repeat_of": lease.repeat_of,
        "swapped": lease.swapped,
        "seed": lease.seed,
        "response_ms": vote.response_ms,
        "shown_at": iso(answered - vote.response_ms / 1000),
        "answered_at": iso(answered),
        "flags": ",".join(flags),
        "reason": vote.reason,
        "number": lease.number,
        "block": lease.block,
        "grp": item.get("grp", ""),
        "propensity": lease.propensity,
        "supersedes": lease.supersedes,
        "study_sha256": study.sha256,
    }
