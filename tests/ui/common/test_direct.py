"""Server functions at the door: what fits is answered there, everything else comes to Gradio as it was sent."""

import asyncio
import json
import threading
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from fastapi import HTTPException

from workbench.ui.common.direct import LONGEST, Direct, direct


def twice(asked: Any, request: gr.Request) -> dict[str, Any]:
    """Answers with what it was sent, and where it ran."""
    if asked.get("refuse"):
        raise HTTPException(403, "Not yours.")
    here = threading.current_thread() is threading.main_thread()
    return {"twice": asked["n"] * 2, "from": request.client.host, "on the loop": here}


def quiet(asked: Any) -> str:
    """Not marked, so Gradio's to call."""
    raise AssertionError("called at the door")


@pytest.fixture(scope="module")
def page() -> gr.Blocks:
    with gr.Blocks(analytics_enabled=False) as demo:
        gr.HTML("x", server_functions=[direct(twice), quiet])
    return demo


class Behind:
    """Gradio, as far as a request shows."""

    def __init__(self, auth: Any = None) -> None:
        self.got: list[bytes] = []
        self.auth, self.auth_dependency = auth, None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        more, body = True, b""
        while more:
            message = await receive()
            body += message["body"]
            more = message.get("more_body", False)
        self.got.append(body)


def ask(
    page: gr.Blocks,
    body: bytes,
    behind: Behind | None = None,
    path: str = "/gradio_api/component_server/",
    size: int = 0,
) -> tuple[int, Any, list[bytes]]:
    """Status, answer, and what came through to Gradio. size: bytes of each part that the body comes in."""
    gradio, sent = behind or Behind(), []
    step = size or len(body)
    parts = [body[n : n + step] for n in range(0, len(body), step)]
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages[-1]["more_body"] = False
    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "client": ("192.0.2.1", 1), "app": gradio}

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Direct(gradio, page)(scope, receive, send))
    if not sent:
        return 0, None, gradio.got
    return sent[0]["status"], json.loads(sent[1]["body"]), gradio.got


def message(page: gr.Blocks, **changed: Any) -> bytes:
    number = next(n for n, block in page.blocks.items() if isinstance(block, gr.HTML))
    asked = {"data": {"n": 4}, "component_id": number, "fn_name": "twice", "session_hash": "x"}
    return json.dumps(asked | changed).encode()


@pytest.mark.parametrize("size", [0, 7])
def test_a_marked_function_is_answered_at_the_door_in_a_thread(page: gr.Blocks, size: int) -> None:
    status, told, through = ask(page, message(page), size=size)
    assert (status, told, through) == (200, {"twice": 8, "from": "192.0.2.1", "on the loop": False}, [])


def test_a_refusal_keeps_its_status_and_its_sentence(page: gr.Blocks) -> None:
    assert ask(page, message(page, data={"refuse": True}))[:2] == (403, {"detail": "Not yours."})


@pytest.mark.parametrize(
    "changed",
    [
        {"fn_name": "quiet"},
        {"fn_name": "get_config"},
        {"fn_name": 3},
        {"component_id": 10**9},
        {"component_id": True},
        {"session_hash": None},
    ],
)
def test_what_does_not_fit_comes_to_gradio_as_it_was_sent(page: gr.Blocks, changed: dict[str, Any]) -> None:
    body = message(page, **changed)
    assert ask(page, body, size=11) == (0, None, [body])


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b"\xff", b"[" * 100_000, b" " * (LONGEST + 1)])
def test_what_is_no_message_comes_to_gradio_too(page: gr.Blocks, body: bytes) -> None:
    assert ask(page, body, size=50_000) == (0, None, [body])


def test_a_page_with_a_password_asks_for_it(page: gr.Blocks) -> None:
    body = message(page)
    assert ask(page, body, Behind(auth=[("a", "b")])) == (0, None, [body])


def test_other_addresses_are_passed_on(page: gr.Blocks) -> None:
    body = message(page)
    assert ask(page, body, path="/gradio_api/queue/join") == (0, None, [body])


@pytest.mark.parametrize(
    "path", ["/gradio_api/x/gradio_api/component_server", "/gradio_api/upload/gradio_api/component_server/"]
)
def test_an_address_that_the_limits_do_not_count_is_not_answered(page: gr.Blocks, settings: Any, path: str) -> None:
    """Raters without end came in by an address with the API's prefix twice: the limits read one half, the door the
    other."""
    body = message(page)
    assert ask(page, body, path=path) == (0, None, [body])
    assert ask(page, body, path="/below/gradio_api/component_server")[0] == 200, "behind a prefix it is answered"


def test_raters_functions_are_marked_but_not_where_the_hub_says_who_is_signed_in() -> None:
    from workbench.ui.labeling.tab import _for_raters

    assert _for_raters(quiet, oauth=False).direct is True  # type: ignore[attr-defined]
    assert not hasattr(_for_raters(quiet, oauth=True), "direct")


def test_the_door_stands_behind_the_limits(page: gr.Blocks, bench: Any) -> None:
    from workbench.ui.app import _layers
    from workbench.ui.common.limits import Limits

    page.queue()
    layers = [layer.cls for layer in _layers(page, bench, SimpleNamespace(begun=False))]  # type: ignore[arg-type]
    assert layers.index(Limits) < layers.index(Direct)
