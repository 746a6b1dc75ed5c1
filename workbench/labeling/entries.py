"""What leaves the store for the Hub: label, rater and withdrawal entries, their written form, and the way back.

The lines of a shard are a pure function of its rows: fixed columns, fixed order, no clock, so any retry writes the same bytes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from workbench.labeling import schema
from workbench.labeling.database import Database
from workbench.labeling.tasktypes import SKIP

LABEL, RATER, WITHDRAWAL = "label", "rater", "withdrawal"

COLUMNS: dict[str, tuple[str, ...]] = {
    LABEL: tuple(column.name for column in schema.labels.columns),
    RATER: ("study", "rater", "consent_version", "consented_at", "demographics"),
    WITHDRAWAL: ("study", "rater", "withdrawn_at"),
}
FOLDERS = {LABEL: "data/labels", RATER: "data/raters", WITHDRAWAL: "data/withdrawals"}
_PUBLIC_NAMES = {"grp": "group"}
_PRIVATE_NAMES = {public: private for private, public in _PUBLIC_NAMES.items()}


def enter(connection: sa.Connection, kind: str, study: str, key: str, rater: str) -> None:
    """Note, in the transaction that wrote it, that a row must reach the Hub."""
    row = {"entry": f"{kind}:{study}:{key}", "study": study, "kind": kind, "key": key, "rater": rater, "shard": ""}
    connection.execute(schema.entries.insert(), row)


def public(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A stored row under the names the data set uses."""
    return {_PUBLIC_NAMES.get(name, name): row[name] for name in COLUMNS[kind]}


def to_lines(kind: str, rows: Iterable[Mapping[str, Any]]) -> bytes:
    """JSON lines, sorted by key: the bytes of a shard."""
    key = "label" if kind == LABEL else "rater"
    ordered = sorted(rows, key=lambda row: row[key])
    return "".join(json.dumps(public(kind, row), ensure_ascii=False, separators=(",", ":")) + "\n" for row in ordered).encode()


def from_lines(kind: str, data: bytes) -> list[dict[str, Any]]:
    """Rows of a shard, under stored names. Raises ValueError for a line that is no row of this kind."""
    rows = []
    for line in data.decode().splitlines():
        read = json.loads(line)
        row = {_PRIVATE_NAMES.get(name, name): value for name, value in read.items()}
        if set(row) != set(COLUMNS[kind]):
            raise ValueError(f"expected the columns {', '.join(COLUMNS[kind])}, got {', '.join(row)}")
        rows.append(row)
    return rows


def rows_of(connection: sa.Connection, kind: str, study: str, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Stored rows of these keys."""
    table, key = _TABLES[kind]
    columns = [table.c[name] for name in COLUMNS[kind]]
    found: list[dict[str, Any]] = []
    for start in range(0, len(keys), 500):
        query = sa.select(*columns).where(table.c.study == study, table.c[key].in_(keys[start : start + 500]))
        found += [dict(row) for row in connection.execute(query).mappings()]
    return found


def restore(database: Database, kind: str, rows: Sequence[Mapping[str, Any]], shard: str = "") -> int:
    """Put rows back that came from the Hub (`shard` names where they lie) or from a rater's receipts (""); how many were new.

    A row that is already here stays as it is. The items' counts are not touched: call `recount` when all is in.
    """
    table, key = _TABLES[kind]

    def work(connection: sa.Connection) -> int:
        new = database.insert_new(connection, table, [_completed(kind, row) for row in rows])
        noted = [
            {"entry": f"{kind}:{row['study']}:{row[key]}", "study": row["study"], "kind": kind, "key": row[key], "rater": row["rater"]}
            for row in rows
        ]
        database.insert_new(connection, schema.entries, [note | {"shard": shard} for note in noted])
        return new

    return database.run(work) if rows else 0


def recount(connection: sa.Connection, study: str, items: Sequence[str] | None = None) -> None:
    """Set every item's `filled` and `is_open` from the labels and leases that are there; of some items only, if named."""
    table, labels, leases = schema.items, schema.labels, schema.leases
    gone = sa.select(schema.tombstones.c.rater).where(schema.tombstones.c.study == study)
    later = schema.labels.alias("later")
    current = (
        sa.select(sa.func.count())
        .where(labels.c.study == study, labels.c.item == table.c.item, labels.c.answer != SKIP, labels.c.is_repeat.is_(False))
        .where(labels.c.rater.not_in(gone), ~sa.exists().where(later.c.supersedes == labels.c.label))
    )
    lent = sa.select(sa.func.count()).where(
        leases.c.study == study, leases.c.item == table.c.item, leases.c.repeat_of == "", leases.c.supersedes == ""
    )
    where = [table.c.study == study] + ([table.c.item.in_(items)] if items is not None else [])
    filled = current.scalar_subquery() + lent.scalar_subquery()
    connection.execute(table.update().where(*where).values(filled=filled))
    connection.execute(table.update().where(*where).values(is_open=sa.or_(table.c.is_gold, table.c.filled < table.c.target)))


def _completed(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: row[name] for name in COLUMNS[kind]}
    if kind == RATER:
        kept |= {"state": "active", "given": 0, "answered": 0, "seen_at": row["consented_at"]}
    return kept


_TABLES: dict[str, tuple[sa.Table, str]] = {
    LABEL: (schema.labels, "label"),
    RATER: (schema.raters, "rater"),
    WITHDRAWAL: (schema.tombstones, "rater"),
}
