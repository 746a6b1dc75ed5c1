"""Tables for people and statistics: judgements, items, raters, coverage. Reads only, a page at a time, so that votes go
on."""

import json
from typing import Any

import pandas as pd
import sqlalchemy as sa

from workbench.labeling.store import schema
from workbench.labeling.store.counting import withdrawn
from workbench.labeling.store.database import Database
from workbench.labeling.study.study import RATER_COLUMNS
from workbench.labeling.study.tasktypes import SKIP

COLUMNS = tuple({"grp": "group"}.get(column.name, column.name) for column in schema.labels.columns)
"""What a judgement has."""
_PAGE = 5_000


def judgements(database: Database, study: str) -> pd.DataFrame:
    """The rows that count, in the order they were answered: COLUMNS. Not superseded, not withdrawn; skips are "skip"
    rows."""
    rows = _pages(database, schema.labels, schema.labels.c.label, schema.labels.c.study == study)
    superseded = {row["supersedes"] for row in rows}
    gone = _withdrawn(database, study)
    kept = [row for row in rows if row["label"] not in superseded and row["rater"] not in gone]
    return frame(sorted(kept, key=lambda row: (row["answered_at"], row["label"])))


def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Stored label rows as a table with the declared columns and types, also when it is empty."""
    table = pd.DataFrame(rows, columns=[column.name for column in schema.labels.columns]).rename(
        columns={"grp": "group"}
    )[list(COLUMNS)]
    kinds: dict[str, Any] = {
        "value": "float64",
        "propensity": "float64",
        "response_ms": "int64",
        "number": "int64",
        "block": "int64",
    }
    kinds |= dict.fromkeys(("is_gold", "is_repeat", "swapped"), "bool") | {"correct": "object", "seed": "int64"}
    table = table.astype({name: kinds.get(name, "object") for name in COLUMNS})
    table["correct"] = pd.Series(
        [None if pd.isna(v) else bool(v) for v in table["correct"]], index=table.index, dtype="object"
    )
    return table


def items(database: Database, study: str) -> pd.DataFrame:
    """One row per item: item, pictures (list of (file, sha256), with its source as a third where there is one), group,
    gold, truth, conflict, target, filled, is_open, is_gold, edition (since which it is as it is)."""
    rows = _pages(database, schema.items, schema.items.c.item, schema.items.c.study == study)
    for row in rows:
        row["pictures"] = [tuple(picture) for picture in json.loads(row["pictures"])]
        row["group"] = row.pop("grp")
    columns = [
        "item",
        "pictures",
        "group",
        "gold",
        "truth",
        "conflict",
        "target",
        "filled",
        "is_open",
        "is_gold",
        "edition",
    ]
    return pd.DataFrame(rows, columns=columns)


def raters(database: Database, study: str) -> pd.DataFrame:
    """One row per rater who has not withdrawn; demographic answers as columns named as the study names them."""
    rows = _pages(database, schema.raters, schema.raters.c.rater, schema.raters.c.study == study)
    gone = _withdrawn(database, study)
    fixed = list(RATER_COLUMNS)
    table = [
        json.loads(row["demographics"]) | {name: row[name] for name in fixed}
        for row in rows
        if row["rater"] not in gone
    ]
    return pd.DataFrame(table, columns=None if table else fixed)


def audit_log(database: Database, study: str, last: int) -> list[dict[str, Any]]:
    """The newest lines of the audit log."""
    query = sa.select(schema.audit).where(schema.audit.c.study == study).order_by(schema.audit.c.n.desc()).limit(last)
    return [
        {str(name): value for name, value in row.items()}
        for row in database.run(lambda c: c.execute(query).mappings().all())
    ]


def noted(database: Database, study: str, what: str, detail: str) -> int:
    """How often the audit log says this."""
    mine = (schema.audit.c.study == study, schema.audit.c.what == what, schema.audit.c.detail == detail)
    return database.run(lambda c: c.scalar(sa.select(sa.func.count()).select_from(schema.audit).where(*mine))) or 0


def all_noted(database: Database, study: str, what: str) -> list[str]:
    """Everything the audit log ever said of this, however long it has become since."""
    query = sa.select(schema.audit.c.detail).where(schema.audit.c.study == study, schema.audit.c.what == what)
    return [str(detail) for detail in database.run(lambda c: c.scalars(query).all())]


def coverage(database: Database, study: str) -> dict[str, Any]:
    """How far a study is: per group and number of judgements, how many items; open and closed items; judgements
    missing."""
    table = schema.items
    mine = (table.c.study == study, table.c.is_gold.is_(False))
    by_level = (
        sa.select(table.c.grp, table.c.filled, sa.func.count().label("n"))
        .where(*mine)
        .group_by(table.c.grp, table.c.filled)
    )
    missing = sa.select(sa.func.sum(table.c.target - table.c.filled)).where(*mine, table.c.filled < table.c.target)
    wanted = sa.select(sa.func.coalesce(sa.func.sum(table.c.target), 0), sa.func.count()).where(*mine)

    def work(connection: sa.Connection) -> dict[str, Any]:
        total, count = connection.execute(wanted).one()
        found = connection.execute(by_level.order_by(table.c.grp, table.c.filled))
        levels = [{"grp": row.grp, "filled": row.filled, "n": row.n} for row in found]
        return {
            "levels": levels,
            "missing": int(connection.scalar(missing) or 0),
            "wanted": int(total),
            "items": int(count),
        }

    return database.run(work)


def counts(database: Database, study: str) -> dict[str, int]:
    """Rows in the store: labels (all, also superseded ones), skips, raters, withdrawn, leases out."""
    tables = {"labels": schema.labels, "raters": schema.raters, "withdrawn": schema.tombstones, "leases": schema.leases}

    def work(connection: sa.Connection) -> dict[str, int]:
        found = {
            name: connection.scalar(sa.select(sa.func.count()).where(table.c.study == study)) or 0
            for name, table in tables.items()
        }
        skipped = sa.select(sa.func.count()).where(schema.labels.c.study == study, schema.labels.c.answer == SKIP)
        return found | {"skips": connection.scalar(skipped) or 0}

    return database.run(work)


def _withdrawn(database: Database, study: str) -> set[str]:
    return set(database.run(lambda c: c.scalars(withdrawn(study)).all()))


def _pages(database: Database, table: sa.Table, key: sa.Column, where: Any) -> list[dict[str, Any]]:
    """All rows, a page per transaction, in the order of `key`."""
    rows: list[dict[str, Any]] = []
    while True:
        after = [key > rows[-1][key.name]] if rows else []
        query = sa.select(table).where(where, *after).order_by(key).limit(_PAGE)
        page = [dict(row) for row in database.run(lambda c, query=query: c.execute(query).mappings().all())]  # type: ignore[misc]
        rows += page
        if len(page) < _PAGE:
            return rows
