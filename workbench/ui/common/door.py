"""What comes in from a browser is stopped here: paths outside the upload folder, and pages of other sites.

Knows nothing of what a path is for. Threat model and promises: docs/security.md.
"""

import ipaddress
import stat
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
from gradio.utils import get_upload_folder

GONE = "That file is not among your uploads (any more). Drop it again."
"""The one answer to every path that is refused, so that nobody learns what else lies on the server."""

_SAFE = ("GET", "HEAD", "OPTIONS")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Page(gr.Blocks):
    """Blocks that hand no path to a component or a handler unless it names an upload.

    Every call, through the queue or past it, brings its inputs through `preprocess_data`; Gradio checks only payloads
    that say of themselves that they are files.
    """

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], state: Any, explicit_call: bool = False) -> Any:
        """Gradio's own, after every path in `inputs` was looked at. Raises gr.Error with `GONE`."""
        if not explicit_call:
            folder = Path(get_upload_folder())
            for path in paths(inputs):
                if not is_upload(path, folder):
                    raise gr.Error(GONE, title="Could not do that", duration=12, print_exception=False)
        return await super().preprocess_data(block_fn, inputs, state, explicit_call)


def paths(value: Any) -> Iterator[Any]:
    """Everything in a JSON value that stands under the key "path" and is not null, however deep."""
    left = [value]
    while left:
        here = left.pop()
        if isinstance(here, dict):
            if here.get("path") is not None:
                yield here["path"]
            left.extend(here.values())
        elif isinstance(here, (list, tuple)):
            left.extend(here)


def is_upload(path: Any, folder: Path) -> bool:
    """Whether `path` is text that names a regular file inside `folder`, links followed."""
    if not isinstance(path, str):
        return False
    try:
        real = Path(path).resolve(strict=True)
        return real.is_relative_to(folder.resolve()) and stat.S_ISREG(real.stat().st_mode)
    except (OSError, ValueError, RuntimeError):
        return False


class SameSite:
    """Refuses requests that name another host or come from another site's page (DNS rebinding, cross-site posts).

    A server bound to loopback answers to loopback names and to `hosts`; any other server only to `hosts`, when there
    are some.
    """

    def __init__(self, app: Any, bound_to: str, hosts: tuple[str, ...] = ()) -> None:
        """app: the ASGI application behind the door. bound_to: the address it listens on. hosts: more names it answers
        to."""
        self._app, self._hosts = app, frozenset(name.lower() for name in hosts)
        self._loopback = is_loopback(bound_to)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403 with a sentence."""
        if scope["type"] == "http" and (refusal := self._refusal(scope)):
            body = refusal.encode()
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Message) -> str:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if (self._loopback or self._hosts) and not self._ours(host := _host(f"//{headers.get('host', '')}")):
            return f"This server does not answer to the name {host[:80]!r}. Name it in WORKBENCH_ALLOWED_HOSTS if it should."  # noqa: E501
        origin = headers.get("origin")
        if (
            origin
            and scope["method"] not in _SAFE
            and (self._loopback or self._hosts)
            and not self._ours(_host(origin))
        ):
            return "Pages of other sites may not use this server."
        return ""

    def _ours(self, host: str) -> bool:
        return host in self._hosts or (self._loopback and is_loopback(host))


def is_loopback(host: str) -> bool:
    """Whether an address or name means this very machine."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""
