"""Answering again what was answered: a new row that names the old one, which stays."""

import secrets

import sqlalchemy as sa

from workbench.labeling.store import schema
from workbench.labeling.store.leases import DECISION, REVISION, Lease
from workbench.labeling.study.study import Study

_raters, _leases = schema.raters, schema.leases


def revise(connection: sa.Connection, study: Study, rater: str, label: str, now: float) -> Lease | None:
    """A lease to answer again what `label` answered (or decided); None unless it is this rater's, current and among the
    last few."""
    table, purpose = schema.labels, REVISION
    row = connection.execute(sa.select(table).where(table.c.label == label, table.c.study == study.name)).first()
    if row is None:
        table, purpose = schema.decisions, DECISION
        row = connection.execute(sa.select(table).where(table.c.label == label, table.c.study == study.name)).first()
    who = sa.select(_raters.c.state).where(_raters.c.study == study.name, _raters.c.rater == rater)
    if row is None or row.rater != rater or connection.scalar(who) != "active":
        return None
    later = sa.select(table.c.label).where(table.c.supersedes == label, table.c.supersedes != schema.EMPTY)
    if connection.execute(later).first() is not None:
        return None
    if row.number <= _last(connection, study.name, rater) - study.assigning.undo_window:
        return None
    connection.execute(_leases.delete().where(_leases.c.supersedes == label))
    lease = Lease(
        lease=secrets.token_hex(16),
        study=study.name,
        item=row.item,
        rater=rater,
        purpose=purpose,
        number=row.number,
        block=row.block,
        swapped=row.swapped,
        seed=row.seed,
        propensity=row.propensity,
        repeat_of=row.repeat_of,
        supersedes=label,
        issued_at=now,
        expires_at=now + study.assigning.lease_seconds,
    )
    connection.execute(_leases.insert(), lease.as_row())
    return lease


def _last(connection: sa.Connection, study: str, rater: str) -> int:
    """The number of this rater's last answer, 0 for none."""
    numbers = [
        connection.scalar(sa.select(sa.func.max(table.c.number)).where(table.c.study == study, table.c.rater == rater))
        for table in (schema.labels, schema.decisions)
    ]
    return max(number or 0 for number in numbers)
