"""How long raters' names and answers are kept, by the study's own rule: what is due, and its erasure.

Who is due for answers is treated as one who withdrew: out of every figure and export at once, out of the data set and
the database with the compaction that follows.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from workbench.labeling.store import people, schema
from workbench.labeling.store.clock import iso
from workbench.labeling.store.store import Store
from workbench.labeling.study.study import Study

NAMES, ANSWERS = "names erased when due", "answers erased when due"
"""The audit log's words."""
_DAY = 86_400.0
_people, _raters = schema.people, schema.raters


@dataclass(frozen=True, slots=True)
class Due:
    """Raters whose platform names, and whose answers, have been kept as long as the study says."""

    names: tuple[str, ...]
    answers: tuple[str, ...]


def due(store: Store, study: Study) -> Due:
    """Who is due now: so many days after their last answer, or after they agreed if they gave none."""

    def work(connection: sa.Connection) -> Due:
        rule, now = study.retention, store.now()
        old = _before(study.name, now, rule.names)
        named = sa.select(_people.c.rater).where(_people.c.study == study.name, _people.c.rater.in_(old)).distinct()
        answered = _before(study.name, now, rule.answers).where(_raters.c.state != "withdrawn")
        return Due(
            tuple(sorted(connection.scalars(named))) if rule.names else (),
            tuple(sorted(connection.scalars(answered))) if rule.answers else (),
        )

    return store.database.run(work)


def erase(store: Store, study: Study, found: Due) -> None:
    """Erase names at once, from the write-ahead log too, and put answers out of use; compaction takes the rows."""

    def work(connection: sa.Connection) -> None:
        for rater in found.names:
            connection.execute(_people.delete().where(_people.c.study == study.name, _people.c.rater == rater))
            store.note(connection, study.name, "clock", NAMES, rater)
        for rater in found.answers:
            if people.tombstone(connection, study.name, rater) is None:
                people.leave(connection, study.name, rater, iso(store.now()))
                store.note(connection, study.name, "clock", ANSWERS, rater)

    if found.names or found.answers:
        store.database.run(work)
        store.database.forget()


def left_over(store: Store) -> bool:
    """Whether the database still holds answers of people who withdrew or were due."""
    gone = schema.tombstones
    queries = [
        sa.select(table.c.rater).join(gone, sa.and_(gone.c.study == table.c.study, gone.c.rater == table.c.rater))
        for table in (schema.raters, schema.labels, schema.decisions)
    ]
    return store.database.run(lambda c: any(c.execute(query.limit(1)).first() is not None for query in queries))


def _before(study: str, now: float, days: int) -> sa.Select[tuple[str]]:
    return sa.select(_raters.c.rater).where(_raters.c.study == study, _raters.c.seen_at < iso(now - days * _DAY))
