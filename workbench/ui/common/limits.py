"""How much one visitor, and all together, may ask of the server: sizes of bodies, calls per second, room on disk.

An ASGI layer in front of Gradio: it counts bytes as they arrive, whether or not their number was announced. Knows
nothing of models. Threat model and promises: docs/security.md.
"""

import ipaddress
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workbench.settings import Settings
from workbench.ui.common.door import CLIENT, WHO, Message, Receive, Send, answer

API = "/gradio_api/"
JOBS = ("queue/join", "call/", "run/", "api/")
LABELING = "component_server"
UPLOADS = ("upload",)
AGENTS = "mcp"
"""What agents send, files included, comes in calls of their own protocol."""

CLOSED = ("process_recording", "deep_link", "vibe-", "undo-vibe-edit", "proxy=")
"""Routes of Gradio that this page does not use: they start programs, keep states on disk or call other servers."""

WAITING = 40
"""Jobs that may wait at once, of all visitors."""
WAITING_OF_ONE = 20
PEEK = 600_000
"""A labeling message up to this size is looked into, to tell a newcomer from a rater who comes back."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `burst` at once, and `per_second` from then on."""

    burst: float
    per_second: float


RATES = {"job": Rate(240, 4), "upload": Rate(400, 4), "newcomer": Rate(60, 0.1), "message": Rate(600, 60)}
"""Calls of one client. A class of thirty behind one address can work; a script that floods cannot."""


class Buckets:
    """What each client may still ask for: a bucket per client and kind that fills with time."""

    def __init__(self, rates: dict[str, Rate], now: Callable[[], float] = time.monotonic, most: int = 20_000) -> None:
        """rates: by kind. most: buckets to remember; the one used longest ago is forgotten first."""
        self._rates, self._now, self._most = rates, now, most
        self._left: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def take(self, client: str, kind: str, cost: float = 1.0) -> float:
        """Take `cost` when something is left; 0, or the seconds until there is. The last one may overdraw."""
        rate, now = self._rates[kind], self._now()
        left, then = self._left.get((client, kind), (rate.burst, now))
        left = min(rate.burst, left + (now - then) * rate.per_second)
        enough = min(1.0, cost)
        wait = 0.0 if left >= enough else (enough - left) / rate.per_second
        self._left[client, kind] = (left if wait else left - cost, now)
        self._left.move_to_end((client, kind))
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        return wait


class Refused(Exception):
    """A request that is answered here. seconds: when to try again, 0 for never."""

    def __init__(self, status: int, sentence: str, seconds: float = 0) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.seconds = status, sentence, seconds


class Limits:
    """Refuses what is too large, too often or too much, with a sentence and Retry-After."""

    def __init__(self, app: Any, settings: Settings, queue: Callable[[], list[str]], room: Any) -> None:
        """app: the ASGI application behind. queue: the client of every job that waits. room: the sweeper of the
        uploads, which knows how full they are."""
        self._app, self._settings, self._queue, self._room = app, settings, queue, room
        share = settings.upload_quota / 4
        self._buckets = Buckets(RATES | {"bytes": Rate(share, share / settings.photo_lifetime)})

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 411, 413, 429 or 507."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = client_of(scope, self._settings.proxies)
        CLIENT.set(client)
        scope[WHO] = client
        body = Body(receive, send, most_of(scope["path"], self._settings), self._counted(scope["path"], client))
        try:
            body.announced(scope)
            await self._admit(scope, client, body)
        except Refused as refusal:
            await _refuse(send, refusal)
            return
        await self._app(scope, body.receive, body.send)

    async def _admit(self, scope: Message, client: str, body: "Body") -> None:
        rest = below(scope["path"])
        if rest.startswith(CLOSED):
            raise Refused(404, "This page has no such address.")
        if scope["method"] != "POST":
            return
        if rest.startswith(JOBS):
            self._may_wait(client)
            self._take(client, "job")
        elif rest in UPLOADS:
            self._has_room(client)
            self._take(client, "upload")
        elif _of_agents(rest):
            self._has_room(client)
            self._take(client, "job")
        elif rest.startswith(LABELING):
            headers = _headers(scope)
            if "content-length" not in headers:
                raise Refused(411, "Say how long the message is (Content-Length).")
            if not headers.get("content-type", "").startswith("application/json"):
                raise Refused(415, "Send the message as application/json.")
            self._take(client, "message")
            if _newcomer(await body.peek(PEEK)):
                self._take(client, "newcomer")

    def _take(self, client: str, kind: str) -> None:
        if wait := self._buckets.take(client, kind):
            raise Refused(429, f"You are asking faster than this server answers. Try again in {wait:.0f} s.", wait)

    def _may_wait(self, client: str) -> None:
        waiting = self._queue()
        if len(waiting) >= WAITING or waiting.count(client) >= WAITING_OF_ONE:
            raise Refused(429, f"The server is busy: about {len(waiting)} are waiting. Try again in a minute.", 60)

    def _has_room(self, client: str) -> None:
        if self._room.held() >= self._settings.upload_quota:
            raise Refused(
                507, "The server has no room for more photos now. They go after an hour: try again later.", 300
            )
        self._buckets_of_bytes(client, 0)

    def _buckets_of_bytes(self, client: str, size: int) -> None:
        if wait := self._buckets.take(client, "bytes", size):
            raise Refused(429, f"You have sent as much as one visitor may. Try again in {wait / 60 + 1:.0f} min.", wait)

    def _counted(self, path: str, client: str) -> Callable[[int], None]:
        if below(path) not in UPLOADS and not _of_agents(below(path)):
            return lambda size: None

        def count(size: int) -> None:
            self._room.arrived(size)
            self._buckets_of_bytes(client, size)

        return count


class Body:
    """A request's body that is counted as it arrives; too much of it turns the answer into a refusal."""

    def __init__(self, receive: Receive, send: Send, most: int, count: Callable[[int], None]) -> None:
        self._receive, self._send, self._most, self._count = receive, send, most, count
        self._seen = 0
        self._kept: list[Message] = []
        self._refusal: Refused | None = None

    def announced(self, scope: Message) -> None:
        """Raises Refused when the announced length is too much already."""
        length = _headers(scope).get("content-length", "0")
        if not length.isdecimal() or int(length) > self._most:
            raise self._too_large()

    async def peek(self, most: int) -> bytes:
        """The body, to be received again, when it is at most `most` bytes; else its beginning."""
        data, more = b"", True
        while more and len(data) <= most:
            message = await self._next()
            self._kept.append(message)
            data += message.get("body", b"")
            more = message["type"] == "http.request" and message.get("more_body", False)
        return data

    async def receive(self) -> Message:
        """ASGI's receive."""
        return self._kept.pop(0) if self._kept else await self._next()

    async def send(self, message: Message) -> None:
        """ASGI's send; once the body was refused, only the refusal goes out."""
        if self._refusal is None:
            await self._send(message)
        elif message["type"] == "http.response.start":
            await _refuse(self._send, self._refusal)

    async def _next(self) -> Message:
        message = await self._receive()
        size = len(message.get("body", b""))
        self._seen += size
        try:
            if self._seen > self._most:
                raise self._too_large()
            self._count(size)
        except Refused as refusal:
            self._refusal = refusal
            raise
        return message

    def _too_large(self) -> Refused:
        return Refused(413, f"Too large: at most {self._most / 1e6:.0f} MB can be sent at once.")


def most_of(path: str, settings: Settings) -> int:
    """Bytes that one request to a path may bring."""
    if below(path) in UPLOADS:
        return 25 * settings.max_bytes
    return settings.max_bytes * 4 // 3 + 1_000_000 if below(path) else 1_000_000  # a photo may come as base64


def client_of(scope: Message, proxies: int) -> str:
    """The address a request comes from: its own, or with `proxies` of one's own in front, what the outermost saw.

    Of an IPv6 address the network counts, as one visitor has 2^64 of them.
    """
    host = str((scope.get("client") or ("",))[0])
    if proxies:
        seen = [part.strip() for part in _headers(scope).get("x-forwarded-for", "").split(",") if part.strip()]
        host = seen[-min(proxies, len(seen))] if seen else host
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    return str(ipaddress.ip_network(f"{host}/64", strict=False)) if address.version == 6 else host


def _headers(scope: Message) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def below(path: str) -> str:
    """What of an address comes after the API's prefix; "" for an address outside it. Whoever answers a call at the door
    asks here too, so that none gets past what is counted."""
    return path.partition(API)[2].rstrip("/")


def _of_agents(rest: str) -> bool:
    return rest.partition("/")[0] == AGENTS


def _newcomer(data: bytes) -> bool:
    """Whether a labeling message asks for a new rater."""
    try:
        asked = json.loads(data)
    except (ValueError, RecursionError):
        return False  # Gradio will refuse it
    return isinstance(asked, dict) and asked.get("fn_name") == "enter"


async def _refuse(send: Send, refusal: Refused) -> None:
    more = [(b"retry-after", str(max(1, round(refusal.seconds))).encode())] if refusal.seconds else []
    await answer(send, refusal.status, {"detail": refusal.sentence}, more)
