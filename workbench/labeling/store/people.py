"""Who raters are to a crowd platform, in the private table only, and how a rater leaves."""

from collections.abc import Mapping

import sqlalchemy as sa

from workbench.labeling.store import entries, schema
from workbench.labeling.store.database import Database
from workbench.labeling.store.entries import WITHDRAWAL

_people = schema.people


def returning(connection: sa.Connection, study: str, person: Mapping[str, str]) -> str:
    """The rater who came with this platform name and this session before; "" without either of the two."""
    found = [_known_as(connection, study, person, name) for name in ("participant", "session")]
    both = sorted(set(found[0]) & set(found[1]))
    return both[0] if both else ""


def namesakes(connection: sa.Connection, study: str, rater: str, person: Mapping[str, str]) -> list[str]:
    """Other raters who came with the same platform name."""
    return sorted(set(_known_as(connection, study, person, "participant")) - {rater})


def _known_as(connection: sa.Connection, study: str, person: Mapping[str, str], name: str) -> list[str]:
    mine = (_people.c.study == study, _people.c.name == name, _people.c.value == person.get(name, ""))
    return list(connection.scalars(sa.select(_people.c.rater).where(*mine))) if person.get(name) else []


def twins(database: Database, study: str) -> dict[str, list[str]]:
    """Rater → others who came with the same platform name, for those who have any. The names stay where they are."""
    query = sa.select(_people.c.rater, _people.c.value)
    query = query.where(_people.c.study == study, _people.c.name == "participant")
    groups: dict[str, set[str]] = {}
    for row in database.run(lambda c: c.execute(query).all()):
        groups.setdefault(row.value, set()).add(row.rater)
    return {rater: sorted(group - {rater}) for group in groups.values() for rater in group if len(group) > 1}


def tombstone(connection: sa.Connection, study: str, rater: str) -> dict[str, str] | None:
    """The withdrawal of a rater, None for those who did not withdraw."""
    table = schema.tombstones
    row = connection.execute(sa.select(table).where(table.c.study == study, table.c.rater == rater)).mappings().first()
    return None if row is None else {str(name): str(value) for name, value in row.items()}


def leave(connection: sa.Connection, study: str, rater: str, at: str) -> None:
    """Write a rater's tombstone, erase the private names, end the leases and free the items; what was not yet on its
    way to the Hub never goes there."""
    labels, leases = schema.labels, schema.leases
    judged = sa.select(labels.c.item).where(labels.c.study == study, labels.c.rater == rater)
    lent = sa.select(leases.c.item).where(leases.c.study == study, leases.c.rater == rater)
    items = list({*connection.scalars(judged), *connection.scalars(lent)})
    for table in (_people, leases, schema.practice):
        connection.execute(table.delete().where(table.c.study == study, table.c.rater == rater))
    waiting = schema.entries
    connection.execute(
        waiting.delete().where(waiting.c.study == study, waiting.c.rater == rater, waiting.c.shard == "")
    )
    connection.execute(schema.tombstones.insert(), {"study": study, "rater": rater, "withdrawn_at": at})
    entries.enter(connection, WITHDRAWAL, study, rater, rater)
    mine = (schema.raters.c.study == study, schema.raters.c.rater == rater)
    connection.execute(schema.raters.update().where(*mine).values(state="withdrawn"))
    for start in range(0, len(items), 500):
        entries.recount(connection, study, items[start : start + 500])


def sessions(database: Database, study: str) -> dict[tuple[str, str], str]:
    """(participant, session) → rater, of those who came with both."""
    query = sa.select(_people.c.rater, _people.c.name, _people.c.value).where(_people.c.study == study)
    told: dict[str, dict[str, str]] = {}
    for row in database.run(lambda c: c.execute(query).all()):
        told.setdefault(row.rater, {})[row.name] = row.value
    both = ("participant", "session")
    return {(own[both[0]], own[both[1]]): rater for rater, own in told.items() if all(name in own for name in both)}


def person(database: Database, study: str, rater: str) -> dict[str, str]:
    """A rater's private names; empty when there are none (any more)."""
    return database.run(lambda c: named(c, study, rater))


def named(connection: sa.Connection, study: str, rater: str) -> dict[str, str]:
    """The same, in a transaction."""
    query = sa.select(_people.c.name, _people.c.value).where(_people.c.study == study, _people.c.rater == rater)
    return {row.name: row.value for row in connection.execute(query)}
