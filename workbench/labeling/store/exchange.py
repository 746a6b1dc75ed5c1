"""One exchange with a rater's browser in one transaction: votes in, the next items out, and where the rater stands."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from workbench.labeling.store import schema
from workbench.labeling.store.assignment import ME, adopt, hold
from workbench.labeling.store.leases import Lease, Outcome, Vote
from workbench.labeling.store.prepared import Prepared
from workbench.labeling.store.votes import record
from workbench.labeling.study.study import Study

_STATE = Prepared(sa.select(schema.studies.c.state).where(schema.studies.c.study == sa.bindparam("study_")))


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came of it. outcomes: one per vote. leases: items this rater holds now. state: of the study ("" if not
    registered).

    rater: active, blocked, withdrawn, or "" for one this store does not know (then nothing else was done).
    """

    outcomes: list[Outcome]
    leases: list[Lease]
    state: str
    rater: str
    answered: int


def exchange(
    connection: sa.Connection,
    study: Study,
    rater: str,
    votes: Sequence[tuple[Lease, Vote]],
    held: Sequence[Lease],
    wanted: int,
    now: float,
    lend: bool = True,
) -> Exchange:
    """Record votes, take up leases the browser holds, and lend up to `wanted` items unless the study is paused.

    lend: False gives back only what this rater holds already.
    """
    me = ME.row(connection, study_=study.name, rater_=rater)
    if me is None:
        return Exchange([], [], "", "", 0)
    outcomes = [record(connection, study, lease, vote, now) for lease, vote in votes]
    voted = {lease.lease for lease, _ in votes}
    for lease in held:
        if lease.lease not in voted and not _is_label(connection, lease.lease):
            adopt(connection, lease, now)
    state = _STATE.row(connection, study_=study.name)
    is_open = state is not None and state[0] == "open"
    leases = hold(connection, study, rater, wanted, now, lend) if wanted and is_open else []
    after = ME.row(connection, study_=study.name, rater_=rater) or me
    return Exchange(outcomes, leases, state[0] if state else "", after[0], after[2])


def _is_label(connection: sa.Connection, label: str) -> bool:
    return (
        connection.execute(sa.select(schema.labels.c.label).where(schema.labels.c.label == label)).first() is not None
    )
