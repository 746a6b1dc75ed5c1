"""Everything that is kept of one person, for whoever asks for it (GDPR, article 15)."""

import json
from typing import Any

import sqlalchemy as sa

from workbench.labeling.store import people, schema
from workbench.labeling.store.database import Database


def raters_of(database: Database, study: str, name: str, value: str) -> list[str]:
    """The raters of a study whose private name (as `participant`) has this value."""
    table = schema.people
    query = sa.select(table.c.rater).where(table.c.study == study, table.c.name == name, table.c.value == value)
    return sorted(database.run(lambda c: c.scalars(query).all()))


def kept_of(database: Database, study: str, rater: str) -> dict[str, Any]:
    """What is kept of a rater: rater, names (the platform's), about (consent, state, demographics), answers (all rows,
    the undone ones too), leases (items on their screen), practice (how far they are with it),
    withdrawn_at ("" if not), log (lines of the audit log that name them)."""

    def rows(connection: sa.Connection, table: sa.Table, *where: Any) -> list[dict[str, Any]]:
        found = connection.execute(sa.select(table).where(table.c.study == study, *where)).mappings()
        return [{str(name): value for name, value in row.items()} for row in found]

    def work(connection: sa.Connection) -> dict[str, Any]:
        about = rows(connection, schema.raters, schema.raters.c.rater == rater)
        gone = people.tombstone(connection, study, rater)
        for row in about:
            row["demographics"] = json.loads(row["demographics"])
        answers = [
            row
            for table in (schema.labels, schema.decisions)
            for row in rows(connection, table, table.c.rater == rater)
        ]
        return {
            "rater": rater,
            "about": about[0] if about else {},
            "answers": sorted(answers, key=lambda row: (row["answered_at"], row["label"])),
            "leases": rows(connection, schema.leases, schema.leases.c.rater == rater),
            "practice": rows(connection, schema.practice, schema.practice.c.rater == rater),
            "withdrawn_at": gone["withdrawn_at"] if gone else "",
            "log": rows(connection, schema.audit, schema.audit.c.detail.contains(rater, autoescape=True)),
        }

    return database.run(work) | {"names": people.person(database, study, rater)}
