"""A study and its items as they come into the store, at first and edited."""

import json
import random
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from workbench.errors import StudyError
from workbench.labeling.store import assignment, editions, entries, schema
from workbench.labeling.store.clock import iso
from workbench.labeling.study.items import Item
from workbench.labeling.study.study import Study

_items, _studies = schema.items, schema.studies


def register(
    connection: sa.Connection, study: Study, items: Sequence[Item], now: float, edit: bool = False, who: str = "owner"
) -> tuple[int, list[str], bool]:
    """Take in a study and the items it has not got yet: how many were new, which were edited, and whether its text or
    its items differ from before.

    An edited item begins an edition: it is asked anew of who has not met it, and what was answered of its earlier
    pictures no longer counts for it. Raises StudyError for one whose pictures changed unless `edit`.
    """
    rng = random.Random(f"{study.name}:{study.seed}")
    rows = [_row(study, item, rng.randrange(assignment.PLACES)) for item in items]
    query = sa.select(_items.c.item, _items.c.pictures).where(_items.c.study == study.name)
    known = {row.item: row.pictures for row in connection.execute(query)}
    edited = [row for row in rows if known.get(row["item"], row["pictures"]) != row["pictures"]]
    if edited and not edit:
        raise StudyError(
            f"Item {edited[0]['item']!r} shows other pictures than before. Give it a new id, or the study a new name, "
            "or say that it was edited on purpose: `python -m workbench label edit FOLDER`."
        )
    since = {} if known else {item: one["number"] for one in editions.recalled(study.folder) for item in one["changed"]}
    fresh = [row | {"edition": since.get(row["item"], 1)} for row in rows if row["item"] not in known]
    if fresh:
        connection.execute(_items.insert(), fresh)
    before = connection.execute(
        sa.select(_studies.c.sha256, _studies.c.toml).where(_studies.c.study == study.name)
    ).first()
    differs = before is None or before.sha256 != study.sha256
    changed = {row["item"]: json.loads(known[row["item"]]) for row in edited}
    number = editions.begin(connection, study, tuple(before) if before else None, changed, now, who)
    for row in edited:
        _replace(connection, study.name, row, number)
    if edited:
        entries.recount(connection, study.name, [row["item"] for row in edited])
    _note(connection, study, before is not None, differs or bool(fresh), now)
    return len(fresh), [row["item"] for row in edited], differs


def _replace(connection: sa.Connection, study: str, row: dict[str, Any], number: int) -> None:
    """Let an item be what it is now, and end what is lent of what it was."""
    kept = ("pictures", "grp", "gold", "truth", "conflict", "is_gold")
    mine = (_items.c.study == study, _items.c.item == row["item"])
    values = {name: row[name] for name in kept} | {"edition": number, "target": row["target"]}
    connection.execute(_items.update().where(*mine).values(**values))
    leases = schema.leases
    connection.execute(leases.delete().where(leases.c.study == study, leases.c.item == row["item"]))


def _note(connection: sa.Connection, study: Study, there: bool, differs: bool, now: float) -> None:
    """Keep the study's file as it is now; more raters wanted than before are asked for all its items."""
    if not differs:
        return
    values = {"sha256": study.sha256, "toml": study.text, "loaded_at": iso(now)}
    if not there:
        connection.execute(_studies.insert(), values | {"study": study.name, "state": "open"})
        return
    connection.execute(_studies.update().where(_studies.c.study == study.name).values(**values))
    target = study.assigning.raters_per_item
    lower = [_items.c.study == study.name, _items.c.target < target]
    if study.assigning.certain:
        lower.append(_items.c.is_open.is_(True))  # those that are certain stay closed
    connection.execute(_items.update().where(*lower).values(target=target, is_open=sa.true()))


def _row(study: Study, item: Item, place: int) -> dict[str, Any]:
    return {
        "study": study.name,
        "item": item.id,
        "pictures": json.dumps([[p.file, p.sha256, *([p.source] if p.source else [])] for p in item.pictures]),
        "grp": item.group,
        "gold": item.gold,
        "truth": item.truth,
        "conflict": "|".join(item.conflict),
        "is_gold": bool(item.gold),
        "pos": place,
        "target": study.assigning.raters_per_item,
        "filled": 0,
        "is_open": True,
    }
