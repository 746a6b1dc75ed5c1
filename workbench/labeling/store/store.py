"""The store of judgements: studies, raters, leases, votes. Everything a caller does is one transaction, durable on
return.

SQLite or PostgreSQL, by address. It trusts its caller (see `desk.py` for what comes from outside).
"""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from workbench.errors import StudyError
from workbench.labeling.store import (
    assignment,
    deciding,
    editions,
    entries,
    people,
    readout,
    registering,
    replicas,
    revising,
    schema,
    standing,
)
from workbench.labeling.store.clock import Clock, iso
from workbench.labeling.store.counting import withdrawn
from workbench.labeling.store.database import Database
from workbench.labeling.store.deciding import Disputes
from workbench.labeling.store.entries import LABEL, RATER
from workbench.labeling.store.exchange import Exchange, accept, exchange
from workbench.labeling.store.leases import Lease, Outcome, Vote
from workbench.labeling.study.items import Item
from workbench.labeling.study.study import Study


class Store:
    """Judgements of any number of studies in one database."""

    def __init__(
        self,
        address: str | Path,
        clock: Callable[[], float] | None = None,
        *,
        mounted: bool = False,
        connections: int = 8,
    ) -> None:
        """Open (and migrate) the database at a path, `sqlite:///…` or `postgresql://…`. clock: seconds since 1970, for
        tests. mounted, connections: see `Database`."""
        self.database = Database(address, mounted=mounted, connections=connections)
        self.database.migrate()
        self.now = clock or Clock().now
        self._swept_at = 0.0
        self._disputes = Disputes()
        self._since: dict[str, editions.Since] = {}

    def has_judgements(self) -> bool:
        """Whether there is a judgement of any study."""
        query = sa.select(schema.labels.c.label).limit(1)
        return self.database.run(lambda c: c.execute(query).first()) is not None

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()

    def add_study(self, study: Study, items: Sequence[Item], *, edit: bool = False, who: str = "owner") -> int:
        """Register a study and the items it has not got yet; how many were new.

        edit: items may show other pictures than before, which begins a new edition; answers keep theirs. Otherwise
        raises StudyError for such an item: judgements would no longer be about it.
        """

        def work(connection: sa.Connection) -> int:
            self.database.lock(connection, f"study:{study.name}")  # of two servers that start, one registers
            there = connection.scalar(sa.select(schema.studies.c.study).where(schema.studies.c.study == study.name))
            new, edited, differs = registering.register(connection, study, items, self.now(), edit, who)
            if new or edited or differs:
                told = f"{new} new items, sha256 {study.sha256[:12]}" + f", edited: {', '.join(edited)}" * bool(edited)
                self.note(connection, study.name, who, "change" if there else "load", told)
            self._since[study.name] = editions.since(connection, study.name)
            return new

        return self.database.run(work)

    def edition(self, study: Study) -> str:
        """The sha256 by which answers given now name their edition."""
        since = self.database.run(lambda c: editions.since(c, study.name))
        return editions.in_force(study, since, self.now())

    def note_editions(self, study: Study) -> None:
        """Note a study's editions beside its file."""
        editions.note(self.database, study)

    def editions(self, study: str) -> pd.DataFrame:
        """Every edition of a study: number, sha256, at, who, toml, changed."""
        return editions.editions(self.database, study)

    def join(
        self,
        study: Study,
        rater: str = "",
        *,
        demographics: Mapping[str, str] | None = None,
        person: Mapping[str, str] | None = None,
        consented_at: str = "",
    ) -> str:
        """A rater who has consented; returns their random id. Known raters stay as they are (a withdrawn one stays
        withdrawn).

        person: what a crowd platform calls them, kept in the private table only. Who comes back with the same platform
        name and the same session gets their id back; a platform name alone can be known to others: whoever brings one
        that is here already, without its session, is somebody new, and the owner is told (`twins`).
        """

        def work(connection: sa.Connection) -> str:
            if who := rater or (person or {}).get("participant", ""):
                self.database.lock(connection, f"rater:{study.name}:{who}")  # one person, two servers, one moment
            found = rater or people.returning(connection, study.name, person or {})
            if found and connection.execute(_rater_query(study.name, found)).first() is not None:
                return found
            name = found or secrets.token_hex(8)
            written = json.dumps(dict(demographics or {}), ensure_ascii=False, sort_keys=True)
            now = iso(self.now())
            row: dict[str, Any] = {
                "study": study.name,
                "rater": name,
                "consent_version": study.consent.version,
                "consented_at": consented_at or now,
            }
            row |= {"demographics": written, "state": "active", "given": 0, "answered": 0, "seen_at": now}
            if people.tombstone(connection, study.name, name):
                return name
            connection.execute(schema.raters.insert(), row)
            entries.enter(connection, RATER, study.name, name, name)
            private = [
                {"study": study.name, "rater": name, "name": key, "value": value}
                for key, value in (person or {}).items()
            ]
            self.database.insert_new(connection, schema.people, private)
            if earlier := people.namesakes(connection, study.name, name, person or {}):
                self.note(connection, study.name, "desk", "same platform id", f"{name} and {', '.join(earlier)}")
            return name

        return self.database.run(work)

    def rater(self, study: str, rater: str) -> dict[str, Any] | None:
        """What is kept of a rater (without private names), None when unknown."""
        row = self.database.run(lambda c: c.execute(_rater_query(study, rater)).mappings().first())
        return dict(row) if row else None

    def is_withdrawn(self, study: str, rater: str) -> bool:
        """Whether this rater withdrew."""
        return self.withdrawal(study, rater) is not None

    def hold(self, study: Study, rater: str, wanted: int) -> list[Lease]:
        """Up to `wanted` leases for this rater, those already out first. Empty when the study is paused or has nothing
        left."""
        return self.exchange(study, rater, wanted=wanted).leases

    def exchange(
        self,
        study: Study,
        rater: str,
        votes: Sequence[tuple[Lease, Vote]] = (),
        held: Sequence[Lease] = (),
        wanted: int = 0,
        lend: bool = True,
    ) -> Exchange:
        """Votes in and items out, in one transaction that is durable on return.

        held: leases the browser holds, taken up again when the disk was wiped under them. lend: False gives back only
        what the rater holds already.
        """
        now, since = self.now(), self._since.get(study.name, [])
        if abs(now - self._swept_at) >= 1:
            self._swept_at = now
            self.database.run(lambda c: assignment.sweep(c, now))
        return self.database.run(
            lambda c: exchange(c, study, rater, votes, held, wanted, now, lend, self._disputes, since)
        )

    def record(self, study: Study, lease: Lease, vote: Vote) -> Outcome:
        """Store a vote. It is durable when this returns; the outcome says what happened."""
        return self.database.run(
            lambda c: accept(c, study, lease, vote, self.now(), None, self._since.get(study.name, []))
        )

    def revise(self, study: Study, rater: str, label: str) -> Lease | None:
        """A lease to answer a recent label of one's own again; None when it is too old, superseded or somebody
        else's."""
        return self.database.run(lambda c: revising.revise(c, study, rater, label, self.now()))

    def standing(self, study: Study, rater: str) -> standing.Standing:
        """A rater's answers, counted for the completion code."""
        return self.database.run(lambda c: standing.standing(c, study, rater))

    def recent(self, study: Study, rater: str) -> list[dict[str, Any]]:
        """A rater's last answers, those that can be undone, oldest first: id, block, answer."""
        return self.database.run(lambda c: standing.recent(c, study, rater))

    def may_come_back(self, study: Study, rater: str) -> bool:
        """Whether others hold items that this rater could be given should they not answer."""
        return self.database.run(lambda c: standing.may_come_back(c, study, rater, self.now()))

    def withdraw(self, study: str, rater: str, withdrawn_at: str = "") -> bool:
        """Withdraw a rater: a tombstone is written and every private name erased at once. False when that was done
        before.

        withdrawn_at: when, if that was acknowledged before the disk was lost. Exports leave the rows out from now on;
        what was not yet on its way to the Hub never goes there.
        """

        def work(connection: sa.Connection) -> bool:
            if people.tombstone(connection, study, rater):
                return False
            people.leave(connection, study, rater, withdrawn_at or iso(self.now()))
            self.note(connection, study, "rater", "withdraw", rater)
            return True

        done = self.database.run(work)
        self.database.forget()
        return done

    def withdrawal(self, study: str, rater: str) -> dict[str, str] | None:
        """The tombstone of a rater who withdrew, None for others."""
        return self.database.run(lambda c: people.tombstone(c, study, rater))

    def restore(self, kind: str, rows: Sequence[Mapping[str, Any]], shard: str = "", count: bool = True) -> int:
        """Put rows back from the Hub (`shard` says which) or from receipts (""); how many were new.

        count: bring the items' and raters' counts up to date (otherwise call `recount` when everything is in).
        """
        if not shard:
            replicas.life(self.database)  # which remembers whether it began empty
        new = entries.restore(self.database, kind, rows, shard)
        if new and not shard:
            replicas.note_receipts(self.database, self.now())
        if not count:
            return new
        for study in {str(row["study"]) for row in rows} if new else ():
            touched = sorted({row["item"] for row in rows if row["study"] == study}) if kind == LABEL else None
            few = touched if touched is not None and len(touched) <= 500 else None
            self.database.run(lambda c, study=study, few=few: self._recount(c, study, few))  # type: ignore[misc]
        return new

    def recount(self, study: str) -> None:
        """Bring all counts of a study up to date with its rows."""
        self.database.run(lambda c: self._recount(c, study, None))

    def state(self, study: str) -> str:
        """open, paused or archived; "" for a study that is not registered."""
        return (
            self.database.run(
                lambda c: c.scalar(sa.select(schema.studies.c.state).where(schema.studies.c.study == study))
            )
            or ""
        )

    def in_state(self, state: str) -> list[str]:
        """Names of the studies in a state."""
        query = sa.select(schema.studies.c.study).where(schema.studies.c.state == state)
        return sorted(self.database.run(lambda c: c.scalars(query).all()))

    def set_state(self, study: str, state: str, who: str = "owner") -> None:
        """Pause, open or archive a study (closed to raters, its data kept). Raises StudyError for another
        word or an unknown study."""
        if state not in ("open", "paused", "archived") or not self.state(study):
            raise StudyError(
                f"Expected open or paused (or archived) for a registered study, got {state!r} for {study!r}."
            )

        def work(connection: sa.Connection) -> None:
            connection.execute(schema.studies.update().where(schema.studies.c.study == study).values(state=state))
            self.note(connection, study, who, state, "")

        self.database.run(work)

    def set_rater_state(self, study: str, rater: str, state: str, who: str = "owner") -> bool:
        """Block a rater (who then gets no more items) or let them go on. False for an unknown or withdrawn rater."""

        def work(connection: sa.Connection) -> bool:
            mine = (
                schema.raters.c.study == study,
                schema.raters.c.rater == rater,
                schema.raters.c.state != "withdrawn",
            )
            changed = connection.execute(schema.raters.update().where(*mine).values(state=state)).rowcount
            self.note(connection, study, who, state, rater)
            return bool(changed)

        return self.database.run(work)

    def appoint(self, study: str, rater: str, is_chosen: bool, who: str = "owner", came: bool = False) -> bool:
        """Choose a rater to decide about disputed items, or let them judge as others do again; False for who is not an
        active rater. came: they are the member `who` themselves."""

        def work(connection: sa.Connection) -> bool:
            done = deciding.appoint(connection, study, rater, is_chosen)
            what = deciding.CAME if came else "appoint" if is_chosen else "dismiss"
            self.note(connection, study, who, what, rater)
            return done

        return self.database.run(work)

    def requeue(self, study: str, items: Sequence[str], more: int = 1, who: str = "owner") -> int:
        """Ask `more` further judgements for some items; how many items there were."""

        def work(connection: sa.Connection) -> int:
            table, changed = schema.items, 0
            for start in range(0, len(items), 500):
                where = (table.c.study == study, table.c.item.in_(items[start : start + 500]))
                changed += connection.execute(
                    table.update().where(*where).values(target=table.c.target + more)
                ).rowcount
                entries.recount(connection, study, items[start : start + 500])
            self.note(connection, study, who, "requeue", f"{changed} items, {more} more each")
            return changed

        return self.database.run(work)

    def note(self, connection: sa.Connection, study: str, who: str, what: str, detail: str) -> None:
        """Add a line to the audit log."""
        connection.execute(
            schema.audit.insert(), {"at": iso(self.now()), "study": study, "who": who, "what": what, "detail": detail}
        )

    def write_down(self, study: str, who: str, what: str, detail: str = "") -> None:
        """Add a line to the audit log, in a transaction of its own."""
        self.database.run(lambda c: self.note(c, study, who, what, detail))

    def judgements(self, study: str) -> pd.DataFrame:
        """The rows that count: neither superseded nor withdrawn. Skips are in it with the answer "skip"."""
        return readout.judgements(self.database, study)

    def decisions(self, study: str) -> pd.DataFrame:
        """What was decided about disputed items, as `judgements`."""
        return readout.frame(self.database.run(lambda c: deciding.current(c, study)))

    def deciders(self, study: str) -> set[str]:
        """Raters who were chosen to decide about disputed items."""
        return self.database.run(lambda c: deciding.deciders(c, study))

    def items(self, study: str) -> pd.DataFrame:
        """One row per item: item, pictures, group, gold, truth, conflict, target, filled, is_open."""
        return readout.items(self.database, study)

    def raters(self, study: str) -> pd.DataFrame:
        """One row per rater who has not withdrawn: rater, state, answered, seen_at, consent and one column per
        demographic answer."""
        return readout.raters(self.database, study)

    def person(self, study: str, rater: str) -> dict[str, str]:
        """What the platform calls a rater, from the private table; empty for who came without, or withdrew."""
        return people.person(self.database, study, rater)

    def twins(self, study: str) -> dict[str, list[str]]:
        """Rater → others who came with the same platform id; only raters who have any."""
        return people.twins(self.database, study)

    def audit_log(self, study: str, last: int = 500) -> list[dict[str, Any]]:
        """The last lines of the audit log, newest first."""
        return readout.audit_log(self.database, study, last)

    def _recount(self, connection: sa.Connection, study: str, items: Sequence[str] | None) -> None:
        entries.recount(connection, study, items)
        mine = schema.raters.c.study == study
        gone = schema.raters.c.rater.in_(withdrawn(study))
        connection.execute(schema.raters.update().where(mine, gone).values(state="withdrawn"))
        connection.execute(schema.raters.update().where(mine).values(answered=0))
        for table in (schema.labels, schema.decisions):
            own = (table.c.study == study, table.c.rater == schema.raters.c.rater)
            answered = sa.select(sa.func.count()).where(*own, table.c.supersedes == "").scalar_subquery()
            given = sa.func.coalesce(sa.select(sa.func.max(table.c.number) + 1).where(*own).scalar_subquery(), 0)
            higher = sa.case((given > schema.raters.c.given, given), else_=schema.raters.c.given)
            total = schema.raters.c.answered + answered
            connection.execute(schema.raters.update().where(mine).values(answered=total, given=higher))


def _rater_query(study: str, rater: str) -> sa.Select[Any]:
    return sa.select(schema.raters).where(schema.raters.c.study == study, schema.raters.c.rater == rater)
