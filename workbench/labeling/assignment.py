"""Who gets which item next: to every item k different raters, nobody an item twice, the least filled first.

Each step is an index look-up, so a million items cost what a thousand do. A place is taken in the transaction that lends the
item, and given back when the lease runs out; the count can therefore never pass k.
"""

import random
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from workbench.labeling import schema
from workbench.labeling.adaptive import choose_uncertain
from workbench.labeling.leases import GOLD, ITEM, REPEAT, REVISION, Lease
from workbench.labeling.study import Study
from workbench.labeling.tasktypes import SKIP

PLACES = 2**62
"""Items lie at random places below this; looking starts at a random one."""
_BATCH = 16
_CLASHES = 64
_SWEEP = 50

items, labels, leases, raters = schema.items, schema.labels, schema.leases, schema.raters


def hold(connection: sa.Connection, study: Study, rater: str, wanted: int, now: float) -> list[Lease]:
    """Up to `wanted` leases for this rater: those still out, oldest first, then new ones. Fewer when nothing fits any more."""
    me = (
        connection.execute(sa.select(raters).where(raters.c.study == study.name, raters.c.rater == rater).with_for_update())
        .mappings()
        .first()
    )
    if me is None or me["state"] != "active":
        return []
    mine = sa.select(leases).where(leases.c.study == study.name, leases.c.rater == rater, leases.c.expires_at > now)
    out = [Lease.from_row(dict(row)) for row in connection.execute(mine.order_by(leases.c.number)).mappings()]
    held = [lease for lease in out if lease.purpose != REVISION]
    number = me["given"]
    while len(held) < wanted and me["answered"] + len(held) < study.assigning.most_per_rater:
        lease = _lend(connection, study, rater, number, held, now)
        if lease is None:
            break
        held.append(lease)
        number += 1
    if number != me["given"]:
        connection.execute(raters.update().where(raters.c.study == study.name, raters.c.rater == rater).values(given=number))
    return held[:wanted]


def sweep(connection: sa.Connection, now: float) -> int:
    """End leases that have run out and give their places back; how many. A few at a time, so that nobody waits for it."""
    query = sa.select(leases).where(leases.c.expires_at <= now).order_by(leases.c.expires_at).limit(_SWEEP)
    rows = connection.execute(query.with_for_update(skip_locked=True)).mappings().all()
    for lease in sorted((Lease.from_row(dict(row)) for row in rows), key=lambda lease: lease.item):
        connection.execute(leases.delete().where(leases.c.lease == lease.lease))
        if lease.counted:
            free_place(connection, lease.study, lease.item)
    return len(rows)


def adopt(connection: sa.Connection, lease: Lease, now: float) -> bool:
    """Whether a lease holds now. One that was issued here but is not in the tables (wiped disk) is taken up again if it fits."""
    if lease.expires_at <= now:
        return False
    if connection.execute(sa.select(leases.c.lease).where(leases.c.lease == lease.lease)).first() is not None:
        return True
    if lease.supersedes:
        earlier = connection.execute(sa.select(labels.c.rater).where(labels.c.label == lease.supersedes)).first()
        fits = earlier is not None and earlier.rater == lease.rater
    else:
        fits = not _met(connection, lease.study, lease.rater, [lease.item], bool(lease.repeat_of))
    if not fits or (lease.counted and not _take(connection, lease.study, lease.item, wait=True)):
        return False
    connection.execute(leases.insert(), lease.as_row())
    return True


def revise(connection: sa.Connection, study: Study, rater: str, label: str, now: float) -> Lease | None:
    """A lease to answer again what `label` answered; None unless it is this rater's, current and among the last few."""
    row = connection.execute(sa.select(labels).where(labels.c.label == label, labels.c.study == study.name)).mappings().first()
    me = connection.execute(sa.select(raters).where(raters.c.study == study.name, raters.c.rater == rater)).mappings().first()
    if row is None or me is None or row["rater"] != rater or me["state"] != "active":
        return None
    if connection.execute(sa.select(labels.c.label).where(labels.c.supersedes == label)).first() is not None:
        return None
    last = connection.scalar(sa.select(sa.func.max(labels.c.number)).where(labels.c.study == study.name, labels.c.rater == rater))
    if row["number"] <= (last or 0) - study.assigning.undo_window:
        return None
    connection.execute(leases.delete().where(leases.c.supersedes == label))
    lease = Lease(
        lease=secrets.token_hex(16),
        study=study.name,
        item=row["item"],
        rater=rater,
        purpose=REVISION,
        number=row["number"],
        block=row["block"],
        swapped=row["swapped"],
        seed=row["seed"],
        propensity=row["propensity"],
        repeat_of=row["repeat_of"],
        supersedes=label,
        issued_at=now,
        expires_at=now + study.assigning.lease_seconds,
    )
    connection.execute(leases.insert(), lease.as_row())
    return lease


def free_place(connection: sa.Connection, study: str, item: str, places: int = 1) -> None:
    """Give back `places` of an item (or, negative, take them whatever the target)."""
    filled = items.c.filled - places
    connection.execute(
        items.update()
        .where(items.c.study == study, items.c.item == item)
        .values(filled=filled, is_open=sa.or_(items.c.is_gold, filled < items.c.target))
    )


def purpose_of(study: Study, rater: str, number: int) -> str:
    """Whether a rater's `number`-th item is ordinary, gold or a repeat: fixed by the study's seed and the rater, spread over the block."""
    blocks = study.blocks
    block, place = divmod(number, blocks.size)
    rng = random.Random(f"{study.seed}:{rater}:{block}")
    special = rng.sample(range(blocks.size), blocks.gold + blocks.repeats)
    if place in special[: blocks.gold]:
        return GOLD
    return REPEAT if place in special else ITEM


def _lend(connection: sa.Connection, study: Study, rater: str, number: int, held: Sequence[Lease], now: float) -> Lease | None:
    """Choose and lend the rater's next item; gold and repeats give way to ordinary items where there is none to show."""
    purpose = purpose_of(study, rater, number)
    repeat = _repeat(connection, study, rater, number) if purpose == REPEAT else None
    if repeat is not None:
        return _write(connection, study, rater, number, REPEAT, repeat["item"], 1.0, now, repeat["label"])
    avoid = _recent_words(connection, study, rater, held)
    for kind in (GOLD, ITEM) if purpose == GOLD else (ITEM,):
        chosen = _choose(connection, study, rater, kind == GOLD, avoid)
        if chosen is not None:
            return _write(connection, study, rater, number, kind, chosen[0], chosen[1], now)
    return None


def _choose(connection: sa.Connection, study: Study, rater: str, gold: bool, avoid: set[str]) -> tuple[str, float] | None:
    """An item and its propensity. Items that others lend in this moment are passed over first, then waited for."""
    if study.assigning.adaptive and not gold:
        pool = _unmet(connection, study, rater, _window(connection, study.name))
        for item, propensity in choose_uncertain(connection, study, [row for row in pool if not _clash(row, avoid)] or pool):
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
    mine = [items.c.study == study.name, items.c.is_gold.is_(gold), items.c.is_open.is_(True)]
    level = connection.scalar(sa.select(sa.func.min(items.c.filled)).where(*mine))
    while level is not None:
        start = random.randrange(PLACES)
        for low, high in ((start, PLACES), (0, start)):
            while low < high:
                here = [*mine, items.c.filled == level, items.c.pos >= low, items.c.pos < high]
                query = sa.select(items.c.item, items.c.conflict, items.c.pos).where(*here).order_by(items.c.pos).limit(_BATCH)
                rows = [dict(row) for row in connection.execute(query).mappings()]
                yield from _unmet(connection, study, rater, rows)
                low = rows[-1]["pos"] + 1 if len(rows) == _BATCH else high
        level = connection.scalar(sa.select(sa.func.min(items.c.filled)).where(*mine, items.c.filled > level))


def _window(connection: sa.Connection, study: str, size: int = 2 * _BATCH) -> list[dict[str, Any]]:
    """Open ordinary items from a random place onward, around the end."""
    start = random.randrange(PLACES)
    mine = [items.c.study == study, items.c.is_gold.is_(False), items.c.is_open.is_(True)]
    rows: list[dict[str, Any]] = []
    for part in (items.c.pos >= start, items.c.pos < start):
        query = sa.select(items.c.item, items.c.conflict, items.c.pos).where(*mine, part).order_by(items.c.pos).limit(size - len(rows))
        rows += [dict(row) for row in connection.execute(query).mappings()] if len(rows) < size else []
    return rows


def _unmet(connection: sa.Connection, study: Study, rater: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    met = _met(connection, study.name, rater, [row["item"] for row in rows], repeat=False)
    return [row for row in rows if row["item"] not in met]


def _met(connection: sa.Connection, study: str, rater: str, names: Sequence[str], repeat: bool) -> set[str]:
    """Which of these items the rater has answered, skipped or holds."""
    if not names:
        return set()
    found: set[str] = set()
    for table in (labels, leases):
        again = labels.c.is_repeat.is_(repeat) if table is labels else (leases.c.repeat_of != "" if repeat else leases.c.repeat_of == "")
        query = sa.select(table.c.item).where(table.c.study == study, table.c.rater == rater, table.c.item.in_(names), again)
        found |= set(connection.scalars(query))
    return found


def _take(connection: sa.Connection, study: str, item: str, wait: bool) -> bool:
    """Take one place of an item that is open, its row locked; False when it is closed, or locked and `wait` is False."""
    query = sa.select(items.c.filled, items.c.target, items.c.is_gold).where(
        items.c.study == study, items.c.item == item, items.c.is_open.is_(True)
    )
    row = connection.execute(query.with_for_update(skip_locked=not wait)).first()
    if row is None:
        return False
    is_open = row.is_gold or row.filled + 1 < row.target
    connection.execute(items.update().where(items.c.study == study, items.c.item == item).values(filled=row.filled + 1, is_open=is_open))
    return True


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
        .where(labels.c.study == study.name, labels.c.rater == rater, labels.c.number <= number - study.blocks.repeat_gap)
        .where(labels.c.is_gold.is_(False), labels.c.is_repeat.is_(False), labels.c.answer != SKIP, labels.c.supersedes == "")
        .where(~sa.exists().where(again.c.study == study.name, again.c.rater == rater, again.c.item == labels.c.item, again.c.is_repeat))
        .where(~sa.exists().where(out.c.study == study.name, out.c.rater == rater, out.c.item == labels.c.item, out.c.repeat_of != ""))
        .order_by(labels.c.number.desc())
        .limit(_BATCH)
    )
    rows = connection.execute(query).mappings().all()
    return dict(random.choice(rows)) if rows else None


def _write(
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
    seed = secrets.randbelow(2**31)
    lease = Lease(
        lease=secrets.token_hex(16),
        study=study.name,
        item=item,
        rater=rater,
        purpose=purpose,
        number=number,
        block=number // study.blocks.size,
        swapped=display_order(study, seed) != list(range(study.task.images)),
        seed=seed,
        propensity=propensity,
        repeat_of=repeat_of,
        supersedes="",
        issued_at=now,
        expires_at=now + study.assigning.lease_seconds,
    )
    connection.execute(leases.insert(), lease.as_row())
    return lease


def display_order(study: Study, seed: int) -> list[int]:
    """Which picture stands where, from left to right: a shuffle by the lease's seed that leaves a reference in its place."""
    fixed, rest = list(range(study.task.fixed)), list(range(study.task.fixed, study.task.images))
    random.Random(seed).shuffle(rest)
    return fixed + rest
