"""Disputed items go to chosen raters, whose answers lie in a table of their own: no rater's answer is ever touched.

What they give is as safe as a vote: a lease, one transaction, an entry for the Hub.
"""

from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa

from workbench.labeling.store import schema
from workbench.labeling.store.assignment import GIVEN, OUT, Me, adopt, lend_one
from workbench.labeling.store.clock import iso
from workbench.labeling.store.counting import by_class, is_last, withdrawn
from workbench.labeling.store.editions import stands
from workbench.labeling.store.entries import DECISION, enter
from workbench.labeling.store.leases import Lease, Outcome, Vote
from workbench.labeling.store.votes import COUNT, row_of
from workbench.labeling.study.disputes import is_disputed
from workbench.labeling.study.study import Study
from workbench.labeling.study.tasktypes import SKIP

ADJUDICATOR = "adjudicator"
"""The role of who decides about disputed items."""
CAME = "came to decide"
"""The audit log's word for a rater who came by a member's key or account."""
_STALE = 10.0
_labels, _decisions, _leases, _raters = schema.labels, schema.decisions, schema.leases, schema.raters


class Disputes:
    """What is disputed in every study, looked up at most every ten seconds: it takes one pass over the answers."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, dict[str, Counter[str]]]] = {}

    def of(self, connection: sa.Connection, study: Study, now: float) -> dict[str, Counter[str]]:
        """Item → class → answers, of the disputed items."""
        then, found = self._found.get(study.name, (0.0, {}))
        if abs(now - then) >= _STALE:
            found = disputed(connection, study)
            self._found[study.name] = (now, found)
        return found


def disputed(connection: sa.Connection, study: Study) -> dict[str, Counter[str]]:
    """Item → class → answers, of the items that are disputed now by the study's rule: first looks at ordinary items
    that were not taken back."""
    if not study.adjudication.rule:
        return {}
    counts = by_class(connection, study, _labels.c.is_gold.is_(False))
    return {item: found for item, found in counts.items() if is_disputed(found, study.classes, study.adjudication)}


def hold_disputed(
    connection: sa.Connection,
    study: Study,
    rater: str,
    wanted: int,
    now: float,
    me: Me,
    disputes: Disputes,
    lend: bool = True,
) -> list[Lease]:
    """Up to `wanted` leases on disputed items for who decides about them: those still out, then (if `lend`) new ones.

    Nobody decides where they answered themselves, and no more than the study asks for decide about one item.
    """
    if me.state != "active":
        return []
    out = [Lease.from_tuple(row) for row in OUT.rows(connection, study_=study.name, rater_=rater, now_=now)]
    held = [lease for lease in out if lease.purpose == DECISION and not lease.supersedes]
    number = me.given
    if lend and len(held) < wanted:
        for item in _free(connection, study, rater, disputes.of(connection, study, now), now)[: wanted - len(held)]:
            held.append(lend_one(connection, study, rater, number, DECISION, item, 1.0, now))
            number += 1
    if number != me.given:
        GIVEN.change(connection, study_=study.name, rater_=rater, given_=number)
    return held[:wanted]


def decide(
    connection: sa.Connection, study: Study, lease: Lease, vote: Vote, now: float, me: Me | None, edition: str
) -> Outcome:
    """Store a decision under its lease, which ends with it; outcomes as of `votes.record`."""
    here = connection.execute(sa.select(_decisions).where(_decisions.c.label == lease.lease)).mappings().first()
    if here is not None:
        return Outcome("already", dict(here))
    if me is None or me.state == "withdrawn":
        return Outcome("withdrawn")
    if _is_decided(connection, lease):
        return Outcome("taken")
    if lease.expires_at <= now or not adopt(connection, lease, now):
        return Outcome("expired")
    group = connection.scalar(
        sa.select(schema.items.c.grp).where(schema.items.c.study == lease.study, schema.items.c.item == lease.item)
    )
    row = row_of(study, lease, vote, "", group or "", now, edition)
    connection.execute(_decisions.insert(), row)
    enter(connection, DECISION, lease.study, lease.lease, lease.rater)
    connection.execute(_leases.delete().where(_leases.c.lease == lease.lease))
    COUNT.change(connection, study_=lease.study, rater_=lease.rater, one_=int(not lease.supersedes), seen_=iso(now))
    return Outcome("recorded", row)


def appoint(connection: sa.Connection, study: str, rater: str, is_chosen: bool) -> bool:
    """Choose a rater to decide, or let them judge as others do again; False for who is not an active rater."""
    mine = (_raters.c.study == study, _raters.c.rater == rater, _raters.c.state == "active")
    changed = connection.execute(_raters.update().where(*mine).values(role=ADJUDICATOR if is_chosen else ""))
    if not is_chosen:
        own = (_leases.c.study == study, _leases.c.rater == rater, _leases.c.purpose == DECISION)
        connection.execute(_leases.delete().where(*own))
    return bool(changed.rowcount)


def dismiss_those_of(connection: sa.Connection, study: str, member: str) -> None:
    """Let everybody judge as others do again who came to decide as this member."""
    came = schema.audit.c
    who = list(
        connection.scalars(sa.select(came.detail).where(came.study == study, came.who == member, came.what == CAME))
    )
    for start in range(0, len(who), 500):
        some = who[start : start + 500]
        connection.execute(_raters.update().where(_raters.c.study == study, _raters.c.rater.in_(some)).values(role=""))
        mine = (_leases.c.study == study, _leases.c.rater.in_(some), _leases.c.purpose == DECISION)
        connection.execute(_leases.delete().where(*mine))


def deciders(connection: sa.Connection, study: str) -> set[str]:
    """Raters who were chosen to decide."""
    mine = (_raters.c.study == study, _raters.c.role == ADJUDICATOR)
    return set(connection.scalars(sa.select(_raters.c.rater).where(*mine)))


def current(connection: sa.Connection, study: str, today: bool = False) -> list[dict[str, object]]:
    """The decisions that stand: neither superseded nor withdrawn, in the order they were given. today: only those about
    items as they are now."""
    query = (
        sa.select(_decisions)
        .where(_decisions.c.study == study, _decisions.c.rater.not_in(withdrawn(study)), is_last(_decisions))
        .order_by(_decisions.c.answered_at, _decisions.c.label)
    )
    if today:
        own = sa.and_(schema.items.c.study == _decisions.c.study, schema.items.c.item == _decisions.c.item)
        query = query.join(schema.items, own).where(stands(_decisions))
    return [{str(name): value for name, value in row.items()} for row in connection.execute(query).mappings()]


def _free(
    connection: sa.Connection, study: Study, rater: str, found: dict[str, Counter[str]], now: float
) -> Sequence[str]:
    """Disputed items that wait for a decision and that this rater has nothing to do with, the most disputed first."""
    if not found:
        return []
    if connection.dialect.name == "postgresql":  # of two who ask at once, each gets items of their own
        key = int.from_bytes(study.sha256.encode()[:7], "big")
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
    mine = {
        row.item
        for table in (_labels, _decisions, _leases)
        for row in connection.execute(
            sa.select(table.c.item).where(table.c.study == study.name, table.c.rater == rater)
        )
    }
    taken = Counter(str(row["item"]) for row in current(connection, study.name, today=True) if row["answer"] != SKIP)
    lent = sa.select(_leases.c.item).where(
        _leases.c.study == study.name,
        _leases.c.purpose == DECISION,
        _leases.c.supersedes == "",
        _leases.c.expires_at > now,
    )
    taken.update(connection.scalars(lent))
    open_ones = [item for item in found if item not in mine and taken[item] < study.adjudication.raters]
    return sorted(open_ones, key=lambda item: (max(found[item].values()) / sum(found[item].values()), item))


def _is_decided(connection: sa.Connection, lease: Lease) -> bool:
    """Whether this rater has decided about the item already, or has changed that decision elsewhere."""
    again = (_decisions.c.supersedes == lease.supersedes,)
    first = (_decisions.c.study == lease.study, _decisions.c.rater == lease.rater, _decisions.c.item == lease.item)
    query = sa.select(_decisions.c.label).where(*(again if lease.supersedes else (*first, *again)))
    return connection.execute(query).first() is not None
