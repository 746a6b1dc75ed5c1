"""What all servers of one database agree on: which life of the database this is, and who serves it.

A life begins with the first server on a database. Where it began without judgements, an earlier life's may still come
back from browsers and from the Hub. Servers that could not read each other's tokens, or that push to different places,
are told apart here before a rater meets them.
"""

import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from workbench.errors import StudyError
from workbench.labeling.store import schema
from workbench.labeling.store.database import Database

FORGOTTEN = 60.0
"""Seconds after which a server that was not heard of is taken for gone."""
_lives, _servers = schema.lives, schema.servers
_THIS = _lives.c.life == 1


@dataclass(frozen=True, slots=True)
class Life:
    """boot: the life's random name, which browsers remember. opened_at: when raters were first served, 0 before.
    began_empty: without judgements. wiped: a browser or the Hub remembers an earlier life. receipts_at: when a browser
    last put rows back, 0 for never. Times in seconds since 1970."""

    boot: str
    opened_at: float
    began_empty: bool
    wiped: bool
    receipts_at: float


def life(database: Database) -> Life:
    """This life of the database, begun now if none is noted; of servers that begin at once the first one's stands."""

    def work(connection: sa.Connection) -> Life:
        row = connection.execute(_query()).first()
        if row is None:
            empty = connection.execute(sa.select(schema.labels.c.label).limit(1)).first() is None
            fresh = {"life": 1, "boot": secrets.token_hex(8), "opened_at": 0.0, "began_empty": empty}
            database.insert_new(connection, _lives, [fresh | {"wiped": False, "receipts_at": 0.0}])
            row = connection.execute(_query()).one()
        return Life(**row._mapping)

    return database.run(work)


def open_life(database: Database, now: float) -> Life:
    """Note when raters were first served, once; the life as it then is."""
    life(database)
    change = _lives.update().where(_THIS, _lives.c.opened_at == 0.0).values(opened_at=now)
    database.run(lambda c: c.execute(change))
    return life(database)


def note_wiped(database: Database) -> Life:
    """Note that somebody remembers an earlier life."""
    database.run(lambda c: c.execute(_lives.update().where(_THIS).values(wiped=True)))
    return life(database)


def note_receipts(database: Database, now: float) -> None:
    """Note that a browser put rows back that this life had not."""
    database.run(lambda c: c.execute(_lives.update().where(_THIS).values(receipts_at=now)))


def announce(database: Database, server: str, secret: str, hub: str) -> None:
    """Note that `server` serves this database, or serves it still. secret: a fingerprint of its signing secret. hub:
    where it pushes.

    Raises StudyError when another server that was heard of within FORGOTTEN seconds has another secret or Hub: its
    raters' tokens could not be read here, or judgements would go to two places.
    """

    def work(connection: sa.Connection) -> None:
        database.lock(connection, "servers")
        now = float(connection.scalar(sa.select(sa.func.extract("epoch", sa.func.clock_timestamp()))) or 0)
        connection.execute(_servers.delete().where(_servers.c.seen_at < now - FORGOTTEN))
        others = connection.execute(sa.select(_servers).where(_servers.c.server != server)).all()
        if any(row.secret != secret for row in others):
            raise StudyError(
                "Another server of this database signs with another secret, so raters could not go from one to the "
                "other. Set the same WORKBENCH_OWNER_TOKEN on all; to change it, stop all servers first."
            )
        if any(row.hub != hub for row in others):
            raise StudyError(
                "Another server of this database pushes judgements elsewhere. Set the same WORKBENCH_HUB_DATASET on "
                "all servers; a folder serves only servers of one machine that share it."
            )
        connection.execute(_servers.delete().where(_servers.c.server == server))
        connection.execute(_servers.insert(), {"server": server, "secret": secret, "hub": hub, "seen_at": now})

    database.run(work)


def leave(database: Database, server: str) -> None:
    """Note that a server stops."""
    database.run(lambda c: c.execute(_servers.delete().where(_servers.c.server == server)))


def _query() -> sa.Select[Any]:
    names = (_lives.c.boot, _lives.c.opened_at, _lives.c.began_empty, _lives.c.wiped, _lives.c.receipts_at)
    return sa.select(*names).where(_THIS)
