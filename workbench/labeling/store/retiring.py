"""Taking an item out of the round as soon as its answer is certain, and back when somebody changed their mind."""

from collections import Counter

import sqlalchemy as sa

from workbench.labeling.store import schema
from workbench.labeling.store.editions import stands
from workbench.labeling.study.certainty import is_certain
from workbench.labeling.study.study import Study
from workbench.labeling.study.tasktypes import SKIP

_labels, _items, _tombstones = schema.labels, schema.items, schema.tombstones


def retire(connection: sa.Connection, study: Study, item: str) -> bool:
    """Close an item whose answer is certain, or open it again when it is so no more; whether it is closed for that.

    Called in the transaction of every vote on an ordinary item. Leases that are out stay good.
    """
    rules = study.assigning
    sure = is_certain(_counts(connection, study, item), study.classes, rules.accuracy, rules.least, rules.certain)
    mine = (_items.c.study == study.name, _items.c.item == item, _items.c.is_gold.is_(False))
    if sure:
        connection.execute(_items.update().where(*mine).values(target=_items.c.filled, is_open=False))
    else:
        lower = _items.c.target < rules.raters_per_item
        opened = {"target": rules.raters_per_item, "is_open": _items.c.filled < rules.raters_per_item}
        connection.execute(_items.update().where(*mine, lower).values(**opened))
    return sure


def _counts(connection: sa.Connection, study: Study, item: str) -> Counter[str]:
    later = _labels.alias("later")
    gone = sa.select(_tombstones.c.rater).where(_tombstones.c.study == study.name)
    query = (
        sa.select(_labels.c.answer, sa.func.count().label("n"))
        .join(schema.items, sa.and_(schema.items.c.study == _labels.c.study, schema.items.c.item == _labels.c.item))
        .where(_labels.c.study == study.name, _labels.c.item == item, _labels.c.is_repeat.is_(False))
        .where(stands(_labels))
        .where(_labels.c.answer != SKIP, _labels.c.rater.not_in(gone))
        .where(~sa.exists().where(later.c.supersedes == _labels.c.label, later.c.supersedes != schema.EMPTY))
        .group_by(_labels.c.answer)
    )
    found: Counter[str] = Counter()
    for row in connection.execute(query):
        answer = study.answer(row.answer)
        found[(answer.kind or answer.key) if answer else row.answer] += row.n
    return found
