"""Who may do what on the owner's side of a study: the server's owner everything, members what their role allows."""

from collections.abc import Mapping
from typing import Any

from workbench.errors import NotAllowed
from workbench.labeling.serving.access import Gate
from workbench.labeling.store import members
from workbench.labeling.store.members import OWNER, READER, Member
from workbench.labeling.store.store import Store

READING = ("overview", "raters", "audit", "export", "adjudication", "report")
"""What a reader may do; everything else is for owners."""


def roles_of(store: Store, asked: Mapping[str, Any]) -> list[Member]:
    """The roles of whoever asks, by token or by Hub account; none for the server's owner and for strangers."""
    return members.roles(store, asked.get("token"), str(asked.get("account", "")))


def let_in(gate: Gate, store: Store, study: str, asked: Mapping[str, Any], action: str) -> str:
    """Who asks, as the audit log calls them. Raises NotAllowed for who may not do this."""
    known = [member for member in roles_of(store, asked) if member.study == study]
    for member in known:
        if member.role == OWNER or (member.role == READER and action in READING):
            return member.name
    if known:
        raise NotAllowed(f"Your role in this study ({known[0].role}) does not allow that. Ask its owner.")
    gate.check(asked.get("token"), str(asked.get("caller", "")))
    return "owner"
