"""Recording a vote: one transaction, after which it cannot be lost; a vote sent twice counts once."""

from typing import Any

import sqlalchemy as sa

from workbench.labeling.store import schema
from workbench.labeling.store.assignment import Me, adopt, free_place
from workbench.labeling.store.clock import iso
from workbench.labeling.store.entries import LABEL, entry_row
from workbench.labeling.store.leases import REPEAT, REVISION, Lease, Outcome, Vote
from workbench.labeling.store.prepared import Prepared
from workbench.labeling.store.retiring import retire
from workbench.labeling.study.study import Study
from workbench.labeling.study.tasktypes import SKIP

_SLACK_MS = 3000
_raters, _items, _leases = schema.raters, schema.items, schema.leases

_LENT = Prepared(
    sa.select(
        _items.c.gold,
        _items.c.grp,
        sa.select(_leases.c.lease).where(_leases.c.lease == sa.bindparam("lease_")).scalar_subquery(),
    ).where(_items.c.study == sa.bindparam("study_"), _items.c.item == sa.bindparam("item_"))
)
_INSERT = Prepared(schema.labels.insert())
_ENTER = Prepared(schema.entries.insert())
_END = Prepared(_leases.delete().where(_leases.c.lease == sa.bindparam("lease_")))
COUNT = Prepared(
    _raters.update()
    .where(_raters.c.study == sa.bindparam("study_"), _raters.c.rater == sa.bindparam("rater_"))
    .values(answered=_raters.c.answered + sa.bindparam("one_", type_=sa.Integer), seen_at=sa.bindparam("seen_"))
)


def record(
    connection: sa.Connection, study: Study, lease: Lease, vote: Vote, now: float, me: Me | None, edition: str
) -> Outcome:
    """Store a vote under its lease, which ends with it.

    The lease may be unknown here although it was issued here (the disk was wiped): it is taken up again while the item
    has a place left. me: the rater's row, locked. edition: the one the answer belongs to. Outcome: recorded, already,
    expired, withdrawn or taken; only `recorded` changes anything.
    """
    found = _LENT.row(connection, lease_=lease.lease, study_=lease.study, item_=lease.item)
    gold, group, lent = found or ("", "", None)
    here = None if lent else _here(connection, lease.lease)
    if here is not None:
        return Outcome("already", here)
    if me is None or me.state == "withdrawn":
        return Outcome("withdrawn")
    if lease.supersedes and _is_superseded(connection, lease.supersedes):
        return Outcome("taken")
    if lease.expires_at <= now or not (lent or adopt(connection, lease, now)):
        return Outcome("expired")
    row = row_of(study, lease, vote, gold, group, now, edition)
    _INSERT.change(connection, **row)
    _ENTER.change(connection, **entry_row(LABEL, lease.study, lease.lease, lease.rater))
    _END.change(connection, lease_=lease.lease)
    _account(connection, lease, row, now)
    if study.assigning.certain and not (gold or row["is_repeat"] or row["answer"] == SKIP):
        retire(connection, study, lease.item)
    return Outcome("recorded", row)


def _here(connection: sa.Connection, label: str) -> dict[str, Any] | None:
    row = connection.execute(sa.select(schema.labels).where(schema.labels.c.label == label)).mappings().first()
    return dict(row) if row else None


def _is_superseded(connection: sa.Connection, label: str) -> bool:
    return (
        connection.execute(
            sa.select(schema.labels.c.label).where(
                schema.labels.c.supersedes == label, schema.labels.c.supersedes != schema.EMPTY
            )
        ).first()
        is not None
    )


def _account(connection: sa.Connection, lease: Lease, row: dict[str, Any], now: float) -> None:
    """Count the answer for its rater, and give the item's place back when nothing was answered."""
    skipped = row["answer"] == SKIP
    if lease.purpose == REVISION:
        earlier = connection.execute(
            sa.select(schema.labels.c.answer, schema.labels.c.is_repeat).where(
                schema.labels.c.label == lease.supersedes
            )
        ).first()
        if earlier is not None and not earlier.is_repeat and (earlier.answer == SKIP) != skipped:
            free_place(connection, lease.study, lease.item, -1 if earlier.answer == SKIP else 1)
    elif lease.counted and skipped:
        free_place(connection, lease.study, lease.item)
    one = int(lease.purpose != REVISION)
    COUNT.change(connection, study_=lease.study, rater_=lease.rater, one_=one, seen_=iso(now))


def row_of(study: Study, lease: Lease, vote: Vote, gold: str, group: str, now: float, edition: str) -> dict[str, Any]:
    """An answer as it is stored."""
    answer = study.answer(vote.answer)
    age = min(max(vote.age, 0.0), max(now - lease.issued_at, 0.0))
    answered = now - age
    possible = max(answered - lease.issued_at, 0.0) * 1000 + _SLACK_MS
    flags = [*vote.flags, *(["clock"] if vote.response_ms > possible else [])]
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
        "grp": group,
        "propensity": lease.propensity,
        "supersedes": lease.supersedes,
        "study_sha256": edition,
    }
