"""Whether the server lives and is ready for visitors, as JSON for whoever restarts it. Tells no path and no name."""

from collections.abc import Callable
from typing import Any

from workbench.ui.common.door import Message, Receive, Send, answer
from workbench.ui.common.uploads import Sweeper


class Health:
    """Answers GET /health, in front of everything else: 200 when ready, 503 when not."""

    def __init__(self, app: Any, sweeper: Sweeper, waiting: Callable[[], int], stopped: Callable[[], bool]) -> None:
        """app: the ASGI application behind. waiting: how many jobs wait. stopped: whether the queue takes none."""
        self._app, self._sweeper, self._waiting, self._stopped = app, sweeper, waiting, stopped

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        if scope["type"] != "http" or scope["path"].rstrip("/") != "/health" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        ready = self._sweeper.alive() and not self._stopped()
        state = {
            "live": True,
            "ready": ready,
            "swept_seconds_ago": round(self._sweeper.age(), 1),
            "uploads_bytes": self._sweeper.held(),
            "waiting": self._waiting(),
        }
        await answer(send, 200 if ready else 503, state, [(b"cache-control", b"no-store")])
