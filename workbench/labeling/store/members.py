"""Who besides the server's owner may do what with a study: by a token that is shown once, or by their Hub account.

Only a fingerprint of a token is kept. A Hub account is believed where the Hub says who is there (OAuth on a Space).
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from workbench.errors import StudyError
from workbench.labeling.store import schema
from workbench.labeling.store.clock import iso
from workbench.labeling.store.deciding import ADJUDICATOR, dismiss_those_of
from workbench.labeling.store.store import Store

OWNER, READER = "owner", "reader"
ROLES = (OWNER, ADJUDICATOR, READER)
"""owner: all that belongs to the study. adjudicator: decides about disputed items. reader: looks and exports."""
HUB = "hub:"
"""How the name of a member begins who is known by their Hub account."""
_PREFIX = "fwm_"
_members = schema.members


@dataclass(frozen=True, slots=True)
class Member:
    """study: of which. name: as the study's owner calls them, or "hub:" and an account. role: one of ROLES."""

    study: str
    name: str
    role: str


def add(store: Store, study: str, name: str, role: str, who: str = "owner") -> str:
    """Give somebody a role, or another one (what they had ends as by `remove`); their token, which is not kept and
    cannot be shown again ("" for a Hub account). Raises StudyError for a name or a role that is none, or a study that
    is not registered."""
    if role not in ROLES:
        raise StudyError(f"Expected the role {', '.join(ROLES[:-1])} or {ROLES[-1]}, got {role[:40]!r}.")
    account = name.removeprefix(HUB)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}", account):
        raise StudyError(f"A member's name has letters, digits, dots, - and _, got {name[:60]!r}.")
    if not store.state(study):
        raise StudyError(f"The study {study[:60]!r} was never served, so nobody can have a role in it yet.")
    token = "" if name.startswith(HUB) else _PREFIX + secrets.token_urlsafe(32)
    row = {"study": study, "name": name, "role": role, "token": _kept(token), "added_at": iso(store.now())}

    def work(connection: sa.Connection) -> None:
        connection.execute(_members.delete().where(_members.c.study == study, _members.c.name == name))
        dismiss_those_of(connection, study, name)
        connection.execute(_members.insert(), row)
        store.note(connection, study, who, "add member", f"{name}, {role}")

    store.database.run(work)
    return token


def remove(store: Store, study: str, name: str, who: str = "owner") -> None:
    """Take a role away; the token ends at once, and who came to decide by it judges as others do. Raises StudyError
    when there is no such member."""

    def work(connection: sa.Connection) -> int:
        gone = connection.execute(_members.delete().where(_members.c.study == study, _members.c.name == name)).rowcount
        if gone:
            dismiss_those_of(connection, study, name)
            store.note(connection, study, who, "remove member", name)
        return int(gone)

    if not store.database.run(work):
        raise StudyError(f"{name[:60]!r} has no role in this study.")


def members(store: Store, study: str) -> list[Member]:
    """Everybody who has a role in a study, by name."""
    query = _query().where(_members.c.study == study).order_by(_members.c.name)
    return [Member(*row) for row in store.database.run(lambda c: c.execute(query).all())]


def roles(store: Store, token: Any, account: str = "") -> list[Member]:
    """The roles of whoever shows this token, or is signed in with this Hub account."""
    whose: sa.ColumnElement[bool] = sa.false()
    if is_token(token):
        whose = _members.c.token == _kept(token)
    elif account:
        whose = _members.c.name == HUB + account
    return [Member(*row) for row in store.database.run(lambda c: c.execute(_query().where(whose)).all())]


def is_token(token: Any) -> bool:
    """Whether this looks like a member's token, which the server's owner's does not."""
    return isinstance(token, str) and token.startswith(_PREFIX) and token.isascii() and len(token) < 100


def _query() -> sa.Select[Any]:
    return sa.select(_members.c.study, _members.c.name, _members.c.role)


def _kept(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest() if token else ""
