"""Nightly: yesterday's small shards become one Parquet file a day, without the rows of people who withdrew.

Then those rows leave the store too, the only time that judgements are ever deleted. The Hub's history still holds them
until its owner asks for a squash.
"""

from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from workbench.errors import StudyError
from workbench.labeling.hub.outbox import KINDS, PUSHING, Outbox
from workbench.labeling.store import entries, schema
from workbench.labeling.store.clock import iso
from workbench.labeling.store.entries import ANSWERS, FOLDERS, WITHDRAWAL
from workbench.labeling.store.store import Store


def compact(outbox: Outbox, *, before: str) -> dict[str, int]:
    """Rewrite what was answered before a day ("2026-01-31") as Parquet, on the Hub, in one commit; counts of files and
    rows.

    Everything waiting is pushed first. Doing it again changes nothing. Raises SourceUnreachable when the Hub does not
    play along, StudyError while another server pushes.
    """
    with outbox.store.database.only_one(PUSHING) as mine:
        if not mine:
            raise StudyError("Another server is pushing to the data set. Try again in a moment.")
        return _compact(outbox, before)


def _compact(outbox: Outbox, before: str) -> dict[str, int]:
    outbox.pull()
    outbox.seal()
    outbox.push()
    store = outbox.store
    gone = _withdrawn(store)
    add: dict[str, bytes] = {}
    moved: dict[str, tuple[str, list[str]]] = {}
    for kind in KINDS:
        for (study, part), rows in _parts(store, kind, before).items():
            kept = [row for row in rows if kind == WITHDRAWAL or (study, row["rater"]) not in gone]
            path = f"{FOLDERS[kind]}-parquet/{study}/{part}.parquet"
            add[path] = entries.to_parquet(kind, kept)
            moved[path] = (kind, [row[entries.key_of(kind)] for row in kept])
    stale = _emptied(store, {(kind, key) for kind, keys in moved.values() for key in keys}, gone)
    there = [path for folder in FOLDERS.values() for path in outbox.hub.listing(folder)]
    delete = [path for path in there if path in stale]
    changed = {path: data for path, data in add.items() if path not in outbox.hub.holds({path: data})}
    if changed or delete:
        outbox.commit(changed, delete, f"Compact judgements before {before}")
    _settle(store, moved, stale, gone)
    store.database.forget()  # of what was deleted nothing is left in a write-ahead log
    outbox.describe()
    return {
        "parquet": len(changed),
        "deleted": len(delete),
        "rows": sum(len(keys) for _, keys in moved.values()),
        "withdrawn": len(gone),
    }


def _withdrawn(store: Store) -> set[tuple[str, str]]:
    query = sa.select(schema.tombstones.c.study, schema.tombstones.c.rater)
    return {(row.study, row.rater) for row in store.database.run(lambda c: c.execute(query).all())}


def _parts(store: Store, kind: str, before: str) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """(study, part) → rows: answers by the day they were given, the others all in one part."""
    table = entries.table_of(kind)
    query = sa.select(*(table.c[name] for name in entries.COLUMNS[kind]))
    if kind in ANSWERS:
        query = query.where(table.c.answered_at < before)
    parts: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in store.database.run(lambda c: c.execute(query).mappings().all()):
        parts[row["study"], row["answered_at"][:10] if kind in ANSWERS else "all"].append(dict(row))
    return parts


def _emptied(store: Store, moved: set[tuple[str, str]], gone: set[tuple[str, str]]) -> set[str]:
    """Paths of pushed JSONL shards all of whose rows are now in Parquet, or withdrawn."""
    table, shards = schema.entries, schema.shards
    query = sa.select(shards.c.path, table.c.kind, table.c.key, table.c.study, table.c.rater).join(
        table, table.c.shard == shards.c.shard
    )
    rows = store.database.run(
        lambda c: c.execute(query.where(shards.c.pushed_at != "", shards.c.path.like("%.jsonl"))).all()
    )
    kept = {row.path for row in rows if (row.kind, row.key) not in moved and (row.study, row.rater) not in gone}
    return {row.path for row in rows} - kept


def _settle(store: Store, moved: dict[str, tuple[str, list[str]]], stale: set[str], gone: set[tuple[str, str]]) -> None:
    """Note where the rows lie now, and let the withdrawn ones go."""

    now = iso(store.now())

    def work(connection: sa.Connection) -> None:
        connection.execute(schema.shards.delete().where(schema.shards.c.path.in_(sorted(stale))))
        for path, (kind, keys) in moved.items():
            study = path.split("/")[2]
            row = {
                "shard": path,
                "study": study,
                "kind": kind,
                "path": path,
                "sealed_at": now,
                "pushed_at": now,
                "hub_commit": "",
            }
            store.database.insert_new(connection, schema.shards, [row])
            for start in range(0, len(keys), 500):
                mine = (
                    schema.entries.c.kind == kind,
                    schema.entries.c.study == study,
                    schema.entries.c.key.in_(keys[start : start + 500]),
                )
                connection.execute(schema.entries.update().where(*mine).values(shard=path))
        for study, rater in sorted(gone):
            for table in (schema.labels, schema.decisions, schema.raters):
                connection.execute(table.delete().where(table.c.study == study, table.c.rater == rater))
            left = schema.entries
            connection.execute(
                left.delete().where(left.c.study == study, left.c.rater == rater, left.c.kind != WITHDRAWAL)
            )

    store.database.run(work)
