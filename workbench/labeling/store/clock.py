"""Time that a jumping wall clock cannot disturb, and its written form."""

import time
from datetime import datetime, timezone

_UTC = timezone.utc


class Clock:
    """Seconds since 1970, counted from the start of the process by the monotonic clock: it never jumps, backward or
    forward."""

    def __init__(self, start: float | None = None) -> None:
        """`start`: what time it is now; by default the wall clock's answer, asked this once."""
        self._offset = (time.time() if start is None else start) - time.monotonic()

    def now(self) -> float:
        """Seconds since 1970."""
        return time.monotonic() + self._offset


def iso(seconds: float) -> str:
    """UTC, ISO 8601 with milliseconds: `2026-01-31T12:00:00.000Z`. Sorts like the time itself."""
    return (
        datetime.fromtimestamp(round(seconds, 3), _UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        + f"{round(seconds * 1000) % 1000:03d}Z"
    )


def seconds(written: str) -> float:
    """Seconds since 1970 of what `iso` wrote."""
    return datetime.fromisoformat(written.replace("Z", "+00:00")).timestamp()
