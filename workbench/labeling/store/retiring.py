"""Taking an item out of the round as soon as its answer is certain, and back when somebody changed their mind."""

from collections import Counter

import sqlalchemy as sa

from workbench.labeling.store import schema
from workbench.labeling.store.counting import by_class
from workbench.labeling.study.certainty import is_certain
from workbench.labeling.study.study import Study

_items = schema.items


def retire(connection: sa.Connection, study: Study, item: str) -> bool:
    """Close an item whose answer is certain, or open it again when it is so no more; whether it is closed for that.

    Called in the transaction of every vote on an ordinary item. Leases that are out stay good.
    """
    rules = study.assigning
    counts = by_class(connection, study, schema.labels.c.item == item).get(item, Counter())
    sure = is_certain(counts, study.classes, rules.accuracy, rules.least, rules.certain)
    mine = (_items.c.study == study.name, _items.c.item == item, _items.c.is_gold.is_(False))
    if sure:
        connection.execute(_items.update().where(*mine).values(target=_items.c.filled, is_open=False))
    else:
        lower = _items.c.target < rules.raters_per_item
        opened = {"target": rules.raters_per_item, "is_open": _items.c.filled < rules.raters_per_item}
        connection.execute(_items.update().where(*mine, lower).values(**opened))
    return sure
