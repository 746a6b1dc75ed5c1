"""Who gets which item next: to every item k different raters, nobody an item twice, the least filled first.

Each step is an index look-up, so a million items cost what a thousand do. A place is taken in the transaction that
lends the item, and given back when the lease runs out; the count can therefore never pass k.
"""

import random
import secrets
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from workbench.labeling.store import schema
from workbench.labeling.store.adaptive import choose_uncertain
from workbench.labeling.store.leases import DECISION, GOLD, ITEM, REPEAT, REVISION, Lease
from workbench.labeling.store.prepared import Prepared
from workbench.labeling.study.study import Study
from workbench.labeling.study.tasktypes import SKIP, display_order

PLACES = 2**62
"""Items lie at random places below this; looking starts at a random one."""
_BATCH = 16
_CLASHES = 64
_SWEEP = 50
_AHEAD = 60.0
"""Seconds by which another server's clock may be ahead; a lease issued later than that was issued before ours was set
back."""

items, labels, leases, raters = schema.items, schema.labels, schema.leases, schema.raters
_study: sa.BindParameter[str] = sa.bindparam("study_", type_=sa.Text)
_rater: sa.BindParameter[str] = sa.bindparam("rater_", type_=sa.Text)
_item: sa.BindParameter[str] = sa.bindparam("item_", type_=sa.Text)
_slots: list[Any] = [sa.bindparam(f"name_{n}") for n in range(_BATCH)]
_mine = (items.c.study == _study, items.c.is_gold == sa.bindparam("gold_", type_=sa.Boolean), items.c.is_open.is_(True))

_ME = Prepared(
    sa.select(
        raters.c.state,
        raters.c.given,
        raters.c.answered,
        raters.c.role,
        sa.select(schema.studies.c.state).where(schema.studies.c.study == _study).scalar_subquery(),
    )
    .where(raters.c.study == _study, raters.c.rater == _rater)
    .with_for_update()
)
OUT = Prepared(
    sa.select(leases)
    .where(leases.c.study == _study, leases.c.rater == _rater, leases.c.expires_at > sa.bindparam("now_"))
    .order_by(leases.c.number)
)
GIVEN = Prepared(
    raters.update().where(raters.c.study == _study, raters.c.rater == _rater).values(given=sa.bindparam("given_"))
)
_LEVEL = Prepared(sa.select(sa.func.min(items.c.filled)).where(*_mine, items.c.filled > sa.bindparam("above_")))
_CANDIDATES = Prepared(
    sa.select(items.c.item, items.c.conflict, items.c.pos)
    .where(
        *_mine,
        items.c.filled == sa.bindparam("level_"),
        items.c.pos >= sa.bindparam("low_"),
        items.c.pos < sa.bindparam("high_"),
    )
    .order_by(items.c.pos)
    .limit(_BATCH)
)
_MET = Prepared(
    sa.union_all(
        sa.select(labels.c.item).where(
            labels.c.study == _study,
            labels.c.rater == _rater,
            labels.c.item.in_(_slots),
            labels.c.is_repeat.is_(False),
            labels.c.supersedes == schema.EMPTY,
        ),
        sa.select(leases.c.item).where(
            leases.c.study == _study,
            leases.c.rater == _rater,
            leases.c.item.in_(_slots),
            leases.c.repeat_of == schema.EMPTY,
        ),
    )
)
_LOCK = Prepared(
    sa.select(items.c.filled)
    .where(items.c.study == _study, items.c.item == _item, items.c.is_open.is_(True))
    .with_for_update(skip_locked=True)
)
_TAKE = Prepared(
    items.update()
    .where(items.c.study == _study, items.c.item == _item, items.c.is_open.is_(True))
    .values(filled=items.c.filled + 1, is_open=sa.or_(items.c.is_gold, items.c.filled + 1 < items.c.target))
)
_LEND = Prepared(leases.insert())


class Me(NamedTuple):
    """A rater's row, locked until the transaction ends: nobody else changes it. study: the state of the study, None
    for one that is not registered."""

    state: str
    given: int
    answered: int
    role: str
    study: str | None


def whoever(connection: sa.Connection, study: str, rater: str) -> Me | None:
    """Lock a rater's row and read it; None for one this store does not know."""
    row = _ME.row(connection, study_=study, rater_=rater)
    return None if row is None else Me(*row)


def hold(
    connection: sa.Connection, study: Study, rater: str, wanted: int, now: float, me: Me, lend: bool = True
) -> list[Lease]:
    """Up to `wanted` leases for this rater: those still out, oldest first, then (if `lend`) new ones. Fewer when
    nothing fits any more. me: the rater's row, locked."""
    if me.state != "active":
        return []
    out = [Lease.from_tuple(row) for row in OUT.rows(connection, study_=study.name, rater_=rater, now_=now)]
    held = [lease for lease in out if lease.purpose not in (REVISION, DECISION)]
    number = me.given
    while lend and len(held) < wanted and me.answered + len(held) < study.assigning.most_per_rater:
        lease = _lend(connection, study, rater, number, held, now)
        if lease is None:
            break
        held.append(lease)
        number += 1
    if number != me.given:
        GIVEN.change(connection, study_=study.name, rater_=rater, given_=number)
    return held[:wanted]


def sweep(connection: sa.Connection, now: float) -> int:
    """End leases that have run out and give their places back; how many. A few at a time, so that nobody waits for it.

    Leases from the future (the clock was set back since) run anew from now, so that they do not hold their places for
    as long as the clock was set back.
    """
    connection.execute(
        leases.update()
        .where(leases.c.issued_at > now + _AHEAD)
        .values(issued_at=now, expires_at=now + (leases.c.expires_at - leases.c.issued_at))
    )
    query = sa.select(leases).where(leases.c.expires_at <= now).order_by(leases.c.expires_at).limit(_SWEEP)
    rows = connection.execute(query.with_for_update(skip_locked=True)).mappings().all()
    for lease in sorted((Lease.from_row(dict(row)) for row in rows), key=lambda lease: lease.item):
        connection.execute(leases.delete().where(leases.c.lease == lease.lease))
        if lease.counted:
            free_place(connection, lease.study, lease.item)
    return len(rows)


def adopt(connection: sa.Connection, lease: Lease, now: float) -> bool:
    """Whether a lease holds now. One that was issued here but is not in the tables (wiped disk) is taken up again if it
    fits."""
    if lease.expires_at <= now:
        return False
    if connection.execute(sa.select(leases.c.lease).where(leases.c.lease == lease.lease)).first() is not None:
        return True
    if lease.supersedes:
        table = schema.decisions if lease.purpose == DECISION else labels
        earlier = connection.execute(sa.select(table.c.rater).where(table.c.label == lease.supersedes)).first()
        fits = earlier is not None and earlier.rater == lease.rater
    else:
        fits = not _met(connection, lease.study, lease.rater, [lease.item], bool(lease.repeat_of))
    if not fits or (lease.counted and not _take(connection, lease.study, lease.item, wait=True)):
        return False
    connection.execute(leases.insert(), lease.as_row())
    return True


def free_place(connection: sa.Connection, study: str, item: str, places: int = 1) -> None:
    """Give back `places` of an item (or, negative, take them whatever the target)."""
    filled = items.c.filled - places
    connection.execute(
        items.update()
        .where(items.c.study == study, items.c.item == item)
        .values(filled=filled, is_open=sa.or_(items.c.is_gold, filled < items.c.target))
    )


def purpose_of(study: Study, rater: str, number: int) -> str:
    """Whether a rater's `number`-th item is ordinary, gold or a repeat: fixed by the study's seed and the rater, spread
    over the block."""
    blocks = study.blocks
    block, place = divmod(number, blocks.size)
    rng = random.Random(f"{study.seed}:{rater}:{block}")
    special = rng.sample(range(blocks.size), blocks.gold + blocks.repeats)
    if place in special[: blocks.gold]:
        return GOLD
    return REPEAT if place in special else ITEM


def _lend(
    connection: sa.Connection, study: Study, rater: str, number: int, held: Sequence[Lease], now: float
) -> Lease | None:
    """Choose and lend the rater's next item; gold and repeats give way to ordinary items where there is none to
    show."""
    purpose = purpose_of(study, rater, number)
    repeat = _repeat(connection, study, rater, number) if purpose == REPEAT else None
    if repeat is not None:
        return lend_one(connection, study, rater, number, REPEAT, repeat["item"], 1.0, now, repeat["label"])
    avoid = _recent_words(connection, study, rater, held)
    for kind in (GOLD, ITEM) if purpose == GOLD else (ITEM,):
        chosen = _choose(connection, study, rater, kind == GOLD, avoid)
        if chosen is not None:
            return lend_one(connection, study, rater, number, kind, chosen[0], chosen[1], now)
    return None


def _choose(
    connection: sa.Connection, study: Study, rater: str, gold: bool, avoid: set[str]
) -> tuple[str, float] | None:
    """An item and its propensity. Items that others lend in this moment are passed over first, then waited for."""
    if study.assigning.adaptive and not gold:
        pool = _unmet(connection, study, rater, _window(connection, study.name))
        for item, propensity in choose_uncertain(
            connection, study, [row for row in pool if not _clash(row, avoid)] or pool
        ):
            if _take(connection, study.name, item, wait=False):
                return item, propensity
    for wait in (False, True):
        clashing = []
        for row in _least_filled(connection, study, rater, gold):
            if _clash(row, avoid):
                clashing.append(row)
                if len(clashing) < _CLASHES:
                    continue
                break
            if _take(connection, study.name, row["item"], wait):
                return row["item"], 1.0
        for row in clashing:
            if _take(connection, study.name, row["item"], wait):
                return row["item"], 1.0
    return None


def _least_filled(connection: sa.Connection, study: Study, rater: str, gold: bool) -> Iterator[dict[str, Any]]:
    """Open items this rater has not met, least filled first, among equals from a random place onward."""
    mine = {"study_": study.name, "gold_": gold}
    level = _LEVEL.row(connection, **mine, above_=-1_000_000)
    while level is not None and level[0] is not None:
        start = random.randrange(PLACES)
        for low, high in ((start, PLACES), (0, start)):
            while low < high:
                found = _CANDIDATES.rows(connection, **mine, level_=level[0], low_=low, high_=high)
                yield from _unmet(connection, study, rater, [{"item": row[0], "conflict": row[1]} for row in found])
                low = found[-1][2] + 1 if len(found) == _BATCH else high
        level = _LEVEL.row(connection, **mine, above_=level[0])


def _window(connection: sa.Connection, study: str, size: int = 2 * _BATCH) -> list[dict[str, Any]]:
    """Open ordinary items from a random place onward, around the end."""
    start = random.randrange(PLACES)
    mine = [items.c.study == study, items.c.is_gold.is_(False), items.c.is_open.is_(True)]
    rows: list[dict[str, Any]] = []
    for part in (items.c.pos >= start, items.c.pos < start):
        query = (
            sa.select(items.c.item, items.c.conflict, items.c.pos)
            .where(*mine, part)
            .order_by(items.c.pos)
            .limit(size - len(rows))
        )
        rows += [dict(row) for row in connection.execute(query).mappings()] if len(rows) < size else []
    return rows


def _unmet(connection: sa.Connection, study: Study, rater: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    met = _met(connection, study.name, rater, [row["item"] for row in rows], repeat=False)
    return [row for row in rows if row["item"] not in met]


def _met(connection: sa.Connection, study: str, rater: str, names: Sequence[str], repeat: bool) -> set[str]:
    """Which of these items the rater has answered, skipped or holds."""
    if repeat:
        again = sa.select(labels.c.item).where(
            labels.c.study == study, labels.c.rater == rater, labels.c.item.in_(names), labels.c.is_repeat
        )
        return set(connection.scalars(again))
    met: set[str] = set()
    for start in range(0, len(names), _BATCH):
        some = list(names[start : start + _BATCH])
        slots = {f"name_{n}": name for n, name in enumerate(some + some[:1] * (_BATCH - len(some)))}
        met |= {row[0] for row in _MET.rows(connection, study_=study, rater_=rater, **slots)}
    return met


def _take(connection: sa.Connection, study: str, item: str, wait: bool) -> bool:
    """Take one place of an item that is open, its row locked; False when it is closed, or locked and `wait` is
    False."""
    if not wait and connection.dialect.name != "sqlite" and _LOCK.row(connection, study_=study, item_=item) is None:
        return False
    return _TAKE.change(connection, study_=study, item_=item) == 1


def _clash(row: dict[str, Any], avoid: set[str]) -> bool:
    return bool(avoid) and not avoid.isdisjoint(row["conflict"].split("|"))


def _recent_words(connection: sa.Connection, study: Study, rater: str, held: Sequence[Lease]) -> set[str]:
    """Conflict words of the last items this rater met, those on their screen included."""
    gap = study.assigning.conflict_gap
    if not gap:
        return set()
    recent = sa.select(labels.c.item).where(labels.c.study == study.name, labels.c.rater == rater)
    names = list(connection.scalars(recent.order_by(labels.c.number.desc()).limit(gap)))
    names = [lease.item for lease in held][-gap:] + names
    query = sa.select(items.c.conflict).where(items.c.study == study.name, items.c.item.in_(names[:gap]))
    return {word for words in connection.scalars(query) for word in words.split("|") if word}


def _repeat(connection: sa.Connection, study: Study, rater: str, number: int) -> dict[str, Any] | None:
    """A label of this rater, old enough, ordinary and not yet repeated, chosen at random among the oldest ones."""
    again, out = labels.alias("again"), leases.alias("out")
    query = (
        sa.select(labels.c.label, labels.c.item)
        .where(
            labels.c.study == study.name, labels.c.rater == rater, labels.c.number <= number - study.blocks.repeat_gap
        )
        .where(
            labels.c.is_gold.is_(False),
            labels.c.is_repeat.is_(False),
            labels.c.answer != SKIP,
            labels.c.supersedes == "",
        )
        .where(
            ~sa.exists().where(
                again.c.study == study.name, again.c.rater == rater, again.c.item == labels.c.item, again.c.is_repeat
            )
        )
        .where(
            ~sa.exists().where(
                out.c.study == study.name, out.c.rater == rater, out.c.item == labels.c.item, out.c.repeat_of != ""
            )
        )
        .order_by(labels.c.number.desc())
        .limit(_BATCH)
    )
    rows = connection.execute(query).mappings().all()
    return dict(random.choice(rows)) if rows else None


def lend_one(
    connection: sa.Connection,
    study: Study,
    rater: str,
    number: int,
    purpose: str,
    item: str,
    propensity: float,
    now: float,
    repeat_of: str = "",
) -> Lease:
    """Lend an item, its place taken if it has any."""
    seed = secrets.randbelow(2**31)
    lease = Lease(
        lease=secrets.token_hex(16),
        study=study.name,
        item=item,
        rater=rater,
        purpose=purpose,
        number=number,
        block=number // study.blocks.size,
        swapped=display_order(study.task, seed) != list(range(study.task.images)),
        seed=seed,
        propensity=propensity,
        repeat_of=repeat_of,
        supersedes="",
        issued_at=now,
        expires_at=now + study.assigning.lease_seconds,
    )
    _LEND.change(connection, **lease.as_row())
    return lease
