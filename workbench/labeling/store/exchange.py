"""One exchange with a rater's browser in one transaction: votes in, the next items out, and where the rater stands."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from workbench.labeling.store import schema
from workbench.labeling.store.assignment import Me, adopt, hold, whoever
from workbench.labeling.store.deciding import Disputes, decide, hold_disputed
from workbench.labeling.store.editions import Since, in_force
from workbench.labeling.store.entries import recount
from workbench.labeling.store.leases import DECISION, Lease, Outcome, Vote
from workbench.labeling.store.votes import record
from workbench.labeling.study.study import Study

NONE: Since = []
"""The editions of a study that was never edited."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came of it. outcomes: one per vote. leases: items this rater holds now. state: of the study ("" if not
    registered).

    rater: active, blocked, withdrawn, or "" for one this store does not know (then nothing else was done). role:
    adjudicator, or "".
    """

    outcomes: list[Outcome]
    leases: list[Lease]
    state: str
    rater: str
    answered: int
    role: str = ""


def exchange(
    connection: sa.Connection,
    study: Study,
    rater: str,
    votes: Sequence[tuple[Lease, Vote]],
    held: Sequence[Lease],
    wanted: int,
    now: float,
    lend: bool = True,
    disputes: Disputes | None = None,
    since: Since = NONE,
) -> Exchange:
    """Record votes, take up leases the browser holds, and lend up to `wanted` items unless the study is paused.

    lend: False gives back only what this rater holds already. disputes: of those who decide about them. since: the
    study's editions.
    """
    me = whoever(connection, study.name, rater)
    if me is None:
        return Exchange([], [], "", "", 0)
    outcomes = [accept(connection, study, lease, vote, now, me, since) for lease, vote in votes]
    new = sum(o.state == "recorded" and not lease.supersedes for o, (lease, _) in zip(outcomes, votes, strict=True))
    me = me._replace(answered=me.answered + new)
    voted = {lease.lease for lease, _ in votes}
    for lease in held:
        if lease.lease not in voted and not _is_answered(connection, lease.lease):
            adopt(connection, lease, now)
    leases: list[Lease] = []
    if wanted and me.study == "open" and me.role:
        leases = hold_disputed(connection, study, rater, wanted, now, me, disputes or Disputes(), lend)
    elif wanted and me.study == "open":
        leases = hold(connection, study, rater, wanted, now, me, lend)
    return Exchange(outcomes, leases, me.study or "", me.state, me.answered, me.role)


def accept(
    connection: sa.Connection,
    study: Study,
    lease: Lease,
    vote: Vote,
    now: float,
    me: Me | None = None,
    since: Since = NONE,
) -> Outcome:
    """Store a vote, or a decision, under its lease. me: the rater's row, if it is locked already."""
    me = me or whoever(connection, lease.study, lease.rater)  # locks it: of one vote sent twice at once, one waits here
    edition = in_force(study, since, lease.issued_at)
    outcome = (decide if lease.purpose == DECISION else record)(connection, study, lease, vote, now, me, edition)
    if since and (lease.supersedes or edition != since[-1][1]) and outcome.state == "recorded":
        recount(connection, study.name, [lease.item])  # what is of the item as it was holds no place any more
    return outcome


def _is_answered(connection: sa.Connection, label: str) -> bool:
    queries = [sa.select(table.c.label).where(table.c.label == label) for table in (schema.labels, schema.decisions)]
    return any(connection.execute(query).first() is not None for query in queries)
