"""What open pages keep on the server between two clicks: bounded per client and in memory, so that nobody's
page is emptied because somebody else opened many.

Gradio keeps one state per session id, which the browser chooses. Evicting the oldest of all would let one visitor
empty everybody's; here a client that opens too many loses its own.
"""

import contextlib
import datetime
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from gradio.state_holder import SessionState, StateHolder

from workbench.ui.common.door import CLIENT

PER_CLIENT = 32
"""Sessions of one client: a person with many tabs, or a class behind one address with one each."""
ALL = 256
"""Sessions of all clients; each takes about a megabyte before anything is in it."""
EVERY = 2.0
"""Seconds between two weighings."""


class Sessions(StateHolder):
    """Gradio's states, counted by who opened them."""

    def __init__(self, most_bytes: int, lifetime: float = 3600) -> None:
        """most_bytes: what the pictures in all states may take together. lifetime: seconds after which a session that
        nobody used is forgotten."""
        super().__init__()
        self._lifetime = datetime.timedelta(seconds=lifetime)
        self._most, self._weighed = most_bytes, 0.0
        self._owners: OrderedDict[str, str] = OrderedDict()
        self._turn = threading.Lock()

    def set_blocks(self, blocks: Any) -> None:
        """Gradio's own; the capacity is ours."""
        super().set_blocks(blocks)
        self.capacity = 10**9  # never evicts by itself

    def __getitem__(self, session_id: str) -> SessionState:
        """The state of a session; a new one makes room first."""
        if session_id not in self.session_data:
            with self._turn:
                self._make_room(CLIENT.get())
                self._owners[session_id] = CLIENT.get()
        state = super().__getitem__(session_id)
        if time.monotonic() - self._weighed > EVERY:
            self._lighten(session_id)
        return state

    def _make_room(self, client: str) -> None:
        mine = self._of(client)
        if len(mine) >= PER_CLIENT:
            self._forget(mine[0])
        elif len(self.session_data) >= ALL:
            self._forget(self._of(self._largest(lambda ids: float(len(ids))))[0])

    def _lighten(self, keep: str) -> None:
        """Forget what nobody used for long, then sessions of the client that keeps most, its oldest first, while all
        keep too much."""
        with self._turn:
            self._weighed = time.monotonic()
            late = datetime.datetime.now() - self._lifetime
            for session in [name for name, used in list(self.time_last_used.items()) if used < late and name != keep]:
                self._forget(session)
            weights = {session: weight(state.state_data) for session, state in list(self.session_data.items())}
            while sum(weights.values()) > self._most:
                heavy = self._of(self._largest(lambda ids: float(sum(weights.get(session, 0) for session in ids))))
                gone = next((session for session in heavy if session != keep and weights.get(session)), None)
                if gone is None:
                    return
                weights.pop(gone)
                self._forget(gone)

    def _of(self, client: str) -> list[str]:
        """A client's sessions, the one used longest ago first."""
        return [session for session in list(self.session_data) if self._owners.get(session, "") == client]

    def _largest(self, size: Callable[[list[str]], float]) -> str:
        return max(
            {self._owners.get(session, "") for session in list(self.session_data)}, key=lambda c: size(self._of(c))
        )

    def _forget(self, session: str) -> None:
        with self.lock:
            self.session_data.pop(session, None)
            self.time_last_used.pop(session, None)
            self._owners.pop(session, None)


def weight(value: Any, depth: int = 6) -> int:
    """Bytes of the arrays and byte strings in a value, however they are nested; the rest is small."""
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, (bytes, bytearray, str)):
        return len(value)
    if depth == 0:
        return 0
    if isinstance(value, dict):
        return sum(weight(part, depth - 1) for part in value.values())
    if isinstance(value, (list, tuple)):
        return sum(weight(part, depth - 1) for part in value)
    if is_dataclass(value):
        return sum(weight(getattr(value, field.name, None), depth - 1) for field in fields(value))
    return 0


def bounded(most_bytes: int, lifetime: float) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """A lifespan for the app Gradio makes: its states are bounded from before the first request."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        holder = Sessions(most_bytes, lifetime)
        holder.set_blocks(app.get_blocks())
        app.state_holder = holder
        yield

    return lifespan
