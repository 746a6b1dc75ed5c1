"""Choosing the item whose answer is least certain, with a known probability, so that averages can be corrected
later."""

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from workbench.labeling.store import schema
from workbench.labeling.store.editions import stands
from workbench.labeling.study.study import Study
from workbench.labeling.study.tasktypes import SKIP


def posterior_entropy(counts: Counter[str], kinds: int) -> float:
    """Entropy in nats of the next answer's kind: the mean of a uniform Dirichlet prior over `kinds` after these
    answers.

    Items with no answer are most uncertain (log kinds); agreement lowers it, disagreement keeps it high.
    """
    total = sum(counts.values()) + kinds
    shares = [(counts.get(kind, 0) + 1) / total for kind in counts]
    shares += [1 / total] * (kinds - len(shares))
    return -sum(share * math.log(share) for share in shares)


def choose_uncertain(
    connection: sa.Connection, study: Study, pool: Sequence[dict[str, Any]]
) -> Iterator[tuple[str, float]]:
    """Items of `pool` to try in turn, each with the probability that it was put first.

    With probability `explore` the first is drawn blindly, else it is the one of highest entropy; the pool itself is a
    random window over the open items. So the propensity is explore / n for all, plus 1 − explore for the most
    uncertain.
    """
    if not pool:
        return
    names = [row["item"] for row in pool]
    counts = _answers(connection, study, names)
    kinds = len({answer.kind or answer.key for answer in study.answers})
    entropy = {name: posterior_entropy(counts.get(name, Counter()), kinds) for name in names}
    random.shuffle(names)
    best = max(names, key=entropy.__getitem__)
    explore = study.assigning.explore
    blind = explore / len(names)
    first = random.choice(names) if random.random() < explore else best
    for name in [first, *(other for other in names if other != first)]:
        yield name, blind + (1 - explore if name == best else 0.0)


def _answers(connection: sa.Connection, study: Study, names: Sequence[str]) -> dict[str, Counter[str]]:
    table = schema.labels
    query = (
        sa.select(table.c.item, table.c.answer, sa.func.count().label("n"))
        .join(schema.items, sa.and_(schema.items.c.study == table.c.study, schema.items.c.item == table.c.item))
        .where(table.c.study == study.name, table.c.item.in_(names), table.c.answer != SKIP, stands(table))
    )
    found: dict[str, Counter[str]] = {}
    for row in connection.execute(query.group_by(table.c.item, table.c.answer)):
        answer = study.answer(row.answer)
        found.setdefault(row.item, Counter())[(answer.kind or answer.key) if answer else row.answer] += row.n
    return found
