"""Calls of server functions that are answered at the door. Gradio looks through all its routes for the right one, asks
in a second thread whether it needs a password, and writes 200 kB of pictures by the standard library's JSON.

Only functions that say so of themselves (`direct`) are called here, and only by a message that fits. Every other
message, and every message to a page that asks for a password, is Gradio's to answer.
"""

import json
from collections.abc import Callable
from typing import Any

import anyio.to_thread
import gradio as gr
import orjson
from fastapi import HTTPException, Request

from workbench.ui.common.door import Message, Receive, Send, answer, reply
from workbench.ui.common.limits import LABELING, PEEK, below

LONGEST = PEEK
"""Bytes of a message that is read here, as the limits do; longer ones are passed on as they come."""


def direct(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a server function as one that may be called at the door: it takes plain JSON and a request, checks both
    itself, and answers with plain JSON or HTTPException."""
    function.direct = True  # type: ignore[attr-defined]
    return function


class Direct:
    """Answers marked server functions, and passes on everything else."""

    def __init__(self, app: Any, demo: gr.Blocks) -> None:
        """app: the ASGI application behind. demo: the page whose components' functions are called."""
        self._app, self._demo = app, demo

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on with what was read of it."""
        if scope["type"] != "http" or scope["method"] != "POST" or below(scope["path"]) != LABELING:
            await self._app(scope, receive, send)
            return
        data, messages = await _body(receive)
        found = None if data is None or _asks_for_password(scope["app"]) else self._function(data)
        if found is None:
            await self._app(scope, _again(messages, receive), send)
            return
        function, asked = found
        request = gr.Request(request=Request(scope))
        try:
            told = await anyio.to_thread.run_sync(_told, function, asked, request, limiter=self._demo.limiter)
        except HTTPException as error:
            await answer(send, error.status_code, {"detail": error.detail})
            return
        await reply(send, 200, told, "application/json")

    def _function(self, data: bytes) -> tuple[Callable[..., Any], Any] | None:
        """The function that a message asks for and what it sends; None where Gradio is to answer."""
        try:
            body = json.loads(data)
        except (ValueError, RecursionError):
            return None
        if not (isinstance(body, dict) and "data" in body and isinstance(body.get("session_hash"), str)):
            return None
        number, name = body.get("component_id"), body.get("fn_name")
        if type(number) is not int or not isinstance(name, str):
            return None
        function = getattr(self._demo.blocks.get(number), name, None)
        is_ours = getattr(function, "_is_server_fn", False) and getattr(function, "direct", False)
        return (function, body["data"]) if function is not None and is_ours else None


def _told(function: Callable[..., Any], asked: Any, request: gr.Request) -> bytes:
    """What a function answers, as JSON: two pictures are 200 kB, for which the standard library needs half a
    millisecond."""
    return orjson.dumps(function(asked, request), option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


def _asks_for_password(app: Any) -> bool:
    return app.auth is not None or app.auth_dependency is not None


async def _body(receive: Receive) -> tuple[bytes | None, list[Message]]:
    """A request's body, None when it is too long or was broken off; and what was received of it."""
    messages, parts, size = [], [], 0
    while True:
        message = await receive()
        messages.append(message)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if message["type"] != "http.request" or size > LONGEST:
            return None, messages
        if not message.get("more_body", False):
            return b"".join(parts), messages


def _again(messages: list[Message], receive: Receive) -> Receive:
    """What was received, and then what comes."""

    async def next_one() -> Message:
        return messages.pop(0) if messages else await receive()

    return next_one
