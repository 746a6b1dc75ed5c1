"""Which answers count: first looks at an item as it is now, neither skipped nor answered anew nor withdrawn."""

from collections import Counter
from typing import Any

import sqlalchemy as sa

from workbench.labeling.store import schema
from workbench.labeling.store.editions import stands
from workbench.labeling.study.study import Study
from workbench.labeling.study.tasktypes import SKIP

_labels, _items = schema.labels, schema.items


def is_last(table: sa.Table) -> sa.ColumnElement[bool]:
    """Whether nobody answered anew what a row of `labels` or `decisions` answered."""
    later = table.alias("later")
    return ~sa.exists().where(later.c.supersedes == table.c.label, later.c.supersedes != schema.EMPTY)


def withdrawn(study: str) -> sa.Select[Any]:
    """The raters of a study who withdrew."""
    return sa.select(schema.tombstones.c.rater).where(schema.tombstones.c.study == study)


def counting(study: str) -> tuple[sa.ColumnElement[bool], ...]:
    """What holds of a study's labels, joined with their items, that count."""
    return (
        _labels.c.study == study,
        _labels.c.is_repeat.is_(False),
        _labels.c.answer != SKIP,
        _labels.c.rater.not_in(withdrawn(study)),
        is_last(_labels),
        stands(_labels),
    )


def by_class(connection: sa.Connection, study: Study, *of: sa.ColumnElement[bool]) -> dict[str, Counter[str]]:
    """Item → class → answers that count; `of` says of which labels."""
    query = (
        sa.select(_labels.c.item, _labels.c.answer, sa.func.count().label("n"))
        .join(_items, sa.and_(_items.c.study == _labels.c.study, _items.c.item == _labels.c.item))
        .where(*counting(study.name), *of)
        .group_by(_labels.c.item, _labels.c.answer)
    )
    counts: dict[str, Counter[str]] = {}
    for row in connection.execute(query):
        answer = study.answer(row.answer)
        counts.setdefault(row.item, Counter())[(answer.kind or answer.key) if answer else row.answer] += row.n
    return counts
