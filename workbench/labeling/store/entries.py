"""What leaves the store for the Hub: label, rater and withdrawal entries, their written form, and the way back.

The lines of a shard are a pure function of its rows: fixed columns, fixed order, no clock, so any retry writes the same
bytes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from workbench.labeling.store import schema
from workbench.labeling.store.counting import counting
from workbench.labeling.store.database import Database

LABEL, RATER, WITHDRAWAL, DECISION = "label", "rater", "withdrawal", "decision"
ANSWERS = (LABEL, DECISION)
"""Kinds whose rows are answers, keyed by their own id; the others are keyed by rater."""

COLUMNS: dict[str, tuple[str, ...]] = {
    LABEL: tuple(str(column.name) for column in schema.labels.columns),
    RATER: ("study", "rater", "consent_version", "consented_at", "demographics"),
    WITHDRAWAL: ("study", "rater", "withdrawn_at"),
    DECISION: tuple(str(column.name) for column in schema.decisions.columns),
}
FOLDERS = {LABEL: "data/labels", RATER: "data/raters", WITHDRAWAL: "data/withdrawals", DECISION: "data/decisions"}
_PUBLIC_NAMES = {"grp": "group"}
_PRIVATE_NAMES = {public: private for private, public in _PUBLIC_NAMES.items()}


def enter(connection: sa.Connection, kind: str, study: str, key: str, rater: str) -> None:
    """Note, in the transaction that wrote it, that a row must reach the Hub."""
    connection.execute(schema.entries.insert(), entry_row(kind, study, key, rater))


def entry_row(kind: str, study: str, key: str, rater: str) -> dict[str, str]:
    """The note itself: not yet in any shard."""
    return {"entry": f"{kind}:{study}:{key}", "study": study, "kind": kind, "key": key, "rater": rater, "shard": ""}


def public(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A stored row under the names the data set uses."""
    return {_PUBLIC_NAMES.get(name, name): row[name] for name in COLUMNS[kind]}


def to_lines(kind: str, rows: Iterable[Mapping[str, Any]]) -> bytes:
    """JSON lines, sorted by key: the bytes of a shard."""
    key = key_of(kind)
    ordered = sorted(rows, key=lambda row: row[key])
    return "".join(
        json.dumps(public(kind, row), ensure_ascii=False, separators=(",", ":")) + "\n" for row in ordered
    ).encode()


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
    """Put rows back that came from the Hub (`shard` names where they lie) or from a rater's receipts (""); how many
    were new.

    A row that is already here stays as it is. The items' counts are not touched: call `recount` when all is in.
    """
    table, key = _TABLES[kind]

    def work(connection: sa.Connection) -> int:
        new = database.insert_new(connection, table, [_completed(kind, row) for row in rows])
        noted = [
            {
                "entry": f"{kind}:{row['study']}:{row[key]}",
                "study": row["study"],
                "kind": kind,
                "key": row[key],
                "rater": row["rater"],
            }
            for row in rows
        ]
        if kind == WITHDRAWAL:
            _erase(connection, rows)
        database.insert_new(connection, schema.entries, [note | {"shard": shard} for note in noted])
        if shard:
            _lie_in(connection, [note["entry"] for note in noted], shard)
        return new

    new = database.run(work) if rows else 0
    if kind == WITHDRAWAL and new:
        database.forget()
    return new


def _erase(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Take away what a withdrawal takes away, where a backup brought it back: private names and leases."""
    for row in rows:
        for table in (schema.people, schema.leases, schema.practice):
            connection.execute(table.delete().where(table.c.study == row["study"], table.c.rater == row["rater"]))
        mine = (schema.raters.c.study == row["study"], schema.raters.c.rater == row["rater"])
        connection.execute(schema.raters.update().where(*mine).values(state="withdrawn"))


def recount(connection: sa.Connection, study: str, items: Sequence[str] | None = None) -> None:
    """Set every item's `filled` and `is_open` from the labels and leases that are there; of some items only, if
    named."""
    table, labels, leases = schema.items, schema.labels, schema.leases
    current = sa.select(sa.func.count()).where(*counting(study), labels.c.item == table.c.item)
    lent = sa.select(sa.func.count()).where(
        leases.c.study == study,
        leases.c.item == table.c.item,
        leases.c.repeat_of == "",
        leases.c.supersedes == "",
        leases.c.purpose != DECISION,
    )
    where = [table.c.study == study] + ([table.c.item.in_(items)] if items is not None else [])
    if connection.dialect.name == "postgresql":  # who lends one of them meanwhile waits, and then counts from here
        connection.execute(sa.select(table.c.item).where(*where).order_by(table.c.item).with_for_update())
    filled = current.scalar_subquery() + lent.scalar_subquery()
    connection.execute(table.update().where(*where).values(filled=filled))
    connection.execute(
        table.update().where(*where).values(is_open=sa.or_(table.c.is_gold, table.c.filled < table.c.target))
    )


def _lie_in(connection: sa.Connection, names: Sequence[str], shard: str) -> None:
    """Note that rows are on the Hub in `shard`. A shard of ours that holds one of them and never arrived is
    dissolved."""
    table, shards = schema.entries, schema.shards
    unpushed = sa.select(shards.c.shard).where(shards.c.pushed_at == "")
    for start in range(0, len(names), 500):
        mine = table.c.entry.in_(names[start : start + 500])
        doubled = set(connection.scalars(sa.select(table.c.shard).where(mine, table.c.shard.in_(unpushed)).distinct()))
        connection.execute(
            table.update().where(mine, sa.or_(table.c.shard == "", table.c.shard.in_(doubled))).values(shard=shard)
        )
        if doubled:
            connection.execute(table.update().where(table.c.shard.in_(doubled)).values(shard=""))
            connection.execute(shards.delete().where(shards.c.shard.in_(doubled)))


def _completed(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: row[name] for name in COLUMNS[kind]}
    if kind == RATER:
        kept |= {"state": "active", "given": 0, "answered": 0, "seen_at": row["consented_at"]}
    return kept


_TABLES: dict[str, tuple[sa.Table, str]] = {
    LABEL: (schema.labels, "label"),
    RATER: (schema.raters, "rater"),
    WITHDRAWAL: (schema.tombstones, "rater"),
    DECISION: (schema.decisions, "label"),
}


def table_of(kind: str) -> sa.Table:
    """Where the rows of a kind lie."""
    return _TABLES[kind][0]


def key_of(kind: str) -> str:
    """The column by which the rows of a kind are known."""
    return _TABLES[kind][1]


def to_parquet(kind: str, rows: Iterable[Mapping[str, Any]]) -> bytes:
    """The same rows as Parquet, sorted by key, typed as the data set's card declares them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    key = key_of(kind)
    ordered = [public(kind, row) for row in sorted(rows, key=lambda row: row[key])]
    types = {"string": pa.string(), "float64": pa.float64(), "bool": pa.bool_(), "int64": pa.int64()}
    schema_of = pa.schema([(name, types[kind_of]) for name, kind_of in features(kind).items()])
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(ordered, schema_of), buffer, compression="zstd")
    return buffer.getvalue().to_pybytes()


def from_parquet(kind: str, data: bytes) -> list[dict[str, Any]]:
    """Rows of a Parquet file, under stored names. Raises ValueError when it holds other columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(data))
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error
    rows = [{_PRIVATE_NAMES.get(name, name): value for name, value in row.items()} for row in table.to_pylist()]
    if set(table.column_names) != set(features(kind)):
        raise ValueError(f"expected the columns {', '.join(features(kind))}, got {', '.join(table.column_names)}")
    return rows


def features(kind: str) -> dict[str, str]:
    """Public column → type, as declared in the data set's card: string, float64, int64, bool."""
    table, _ = _TABLES[kind]
    names = {sa.Text: "string", sa.Float: "float64", sa.Integer: "int64", sa.Boolean: "bool"}
    return {_PUBLIC_NAMES.get(name, name): names[type(table.c[name].type)] for name in COLUMNS[kind]}
