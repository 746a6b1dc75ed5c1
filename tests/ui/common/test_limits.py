"""The floods that worked once: 300 queued jobs, 300 MB in chunks, uploads without end, 842 raters in four seconds,
seventy session names that emptied everybody's page."""

import asyncio
import json
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from workbench.ui.common import limits
from workbench.ui.common.door import CLIENT
from workbench.ui.common.health import Health
from workbench.ui.common.limits import Buckets, Limits, Rate, client_of
from workbench.ui.common.sessions import ALL, PER_CLIENT, Sessions
from workbench.ui.common.uploads import Sweeper


class Server:
    """An app behind the limits that reads every body to its end; how much it read is kept."""

    def __init__(self, settings: Any, room: Any = None, waiting: Any = ()) -> None:
        self.read = 0
        self.room = room or SimpleNamespace(held=lambda: 0, arrived=lambda size: None)
        self.limits = Limits(self._app, settings, lambda: list(waiting), self.room)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        more = True
        try:
            while more:
                message = await receive()
                self.read += len(message.get("body", b""))
                more = message.get("more_body", False)
            status = 200
        except Exception:  # as web frameworks do
            status = 400
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def ask(self, path: str, chunks: list[bytes] = [b""], client: str = "192.0.2.1", **headers: str) -> Any:  # noqa: B006
        sent: list[Any] = []
        left = [
            {"type": "http.request", "body": c, "more_body": n < len(chunks)} for n, c in enumerate(chunks, start=1)
        ]
        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": "POST", "path": path, "headers": raw, "client": (client, 1)}

        async def receive() -> Any:
            return left.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.limits(scope, receive, send))
        kept = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return SimpleNamespace(status=sent[0]["status"], headers=kept, body=sent[-1].get("body", b""), starts=sent)


JOIN = "/gradio_api/queue/join"


def test_300_megabytes_in_chunks_are_cut_off(settings) -> None:
    server = Server(settings)

    answer = server.ask(JOIN, [bytes(1_000_000)] * 300)

    assert answer.status == 413
    assert b"at most" in answer.body
    assert server.read < settings.max_bytes * 4 / 3 + 3_000_000
    assert [message["type"] for message in answer.starts].count("http.response.start") == 1


def test_an_announced_length_is_believed_before_a_byte_is_read(settings) -> None:
    server = Server(settings)

    assert server.ask(JOIN, [b"x"], content_length="300000000").status == 413
    assert server.ask(JOIN, [b"x"], content_length="-1").status == 413
    assert server.read == 0


def test_a_full_queue_says_how_many_wait(settings) -> None:
    full = Server(settings, waiting=[f"192.0.2.{n}" for n in range(limits.WAITING)])

    answer = full.ask(JOIN)

    assert answer.status == 429
    assert f"about {limits.WAITING} are waiting" in json.loads(answer.body)["detail"]
    assert int(answer.headers["retry-after"]) > 0


def test_one_visitor_cannot_fill_the_queue(settings) -> None:
    server = Server(settings, waiting=["192.0.2.1"] * limits.WAITING_OF_ONE)

    assert server.ask(JOIN).status == 429
    assert server.ask(JOIN, client="192.0.2.9").status == 200


def test_300_jobs_at_once_are_too_many_for_one_client_and_not_for_another(settings) -> None:
    server = Server(settings)

    answers = [server.ask("/gradio_api/call/parse").status for _ in range(300)]

    assert 200 in answers
    assert answers.count(429) >= 40
    assert server.ask("/gradio_api/call/parse", client="192.0.2.2").status == 200


def test_uploads_have_a_quota_for_all_and_one_for_each(settings) -> None:
    held = [0]
    room = SimpleNamespace(held=lambda: held[0], arrived=lambda size: held.__setitem__(0, held[0] + size))
    server = Server(replace(settings, upload_quota=40_000_000), room)

    first = [server.ask("/gradio_api/upload", [bytes(4_000_000)]).status for _ in range(5)]
    others = [server.ask("/gradio_api/upload", [bytes(4_000_000)], client=f"192.0.2.{n}").status for n in range(10, 30)]

    assert (first[0], first[1], first[-1]) == (200, 200, 429)
    assert (others[0], others[-1]) == (200, 507)
    assert held[0] <= 44_000_000


@pytest.mark.parametrize("path", ["/gradio_api/mcp/", "/gradio_api/mcp/messages/", "/gradio_api/mcp"])
def test_what_agents_send_is_counted_as_uploads_and_calls_are(settings, path: str) -> None:
    """Photos that came as `data:` URLs of a tool's call had no quota and no rate."""
    held = [0]
    room = SimpleNamespace(held=lambda: held[0], arrived=lambda size: held.__setitem__(0, held[0] + size))
    server = Server(replace(settings, upload_quota=40_000_000), room)

    first = [server.ask(path, [bytes(4_000_000)]).status for _ in range(5)]
    others = [server.ask(path, [bytes(4_000_000)], client=f"192.0.2.{n}").status for n in range(10, 30)]
    patient = Server(settings)
    calls = [patient.ask(path).status for _ in range(300)]

    assert (first[0], first[-1]) == (200, 429)
    assert (others[0], others[-1]) == (200, 507)
    assert (calls[0], calls[-1]) == (200, 429)


ENTER = json.dumps({"fn_name": "enter", "data": {"agree": True}, "session_hash": "x", "component_id": 1}).encode()
SYNC = json.dumps({"fn_name": "sync", "data": {}, "session_hash": "x", "component_id": 1}).encode()


def _labeling(server: Server, body: bytes, **headers: str) -> int:
    told = {"content_type": "application/json", "content_length": str(len(body))} | headers
    return server.ask("/gradio_api/component_server", [body], **told).status


def test_842_raters_in_four_seconds_are_too_many(settings) -> None:
    server = Server(settings)

    answers = [_labeling(server, ENTER) for _ in range(250)]

    assert answers.count(200) <= 61
    assert answers.count(429) >= 189


def test_a_newcomer_cannot_hide_from_the_count(settings) -> None:
    server = Server(settings)
    hidden = ENTER.replace(b"enter", b"\\u0065nter")
    answers = [_labeling(server, hidden) for _ in range(80)]

    assert answers.count(200) <= 61
    assert _labeling(server, ENTER, content_type="multipart/form-data") == 415
    assert server.ask("/gradio_api/component_server", [ENTER], content_type="application/json").status == 411


def test_raters_who_judge_are_not_newcomers(settings) -> None:
    server = Server(settings)

    assert {_labeling(server, SYNC) for _ in range(100)} == {200}


@pytest.mark.parametrize("path", ["process_recording", "deep_link", "proxy=http://192.0.2.1/x", "vibe-edit"])
def test_routes_that_the_page_does_not_use_are_closed(settings, path: str) -> None:
    assert Server(settings).ask(f"/gradio_api/{path}").status == 404


def test_clients_behind_our_proxies_are_told_apart_and_cannot_choose_who_they_are() -> None:
    scope = {"client": ("10.0.0.1", 1), "headers": [(b"x-forwarded-for", b"203.0.113.66, 198.51.100.7")]}

    assert client_of(scope, 0) == "10.0.0.1"
    assert client_of(scope, 1) == "198.51.100.7"
    assert client_of({"client": ("2001:db8::1:2", 1), "headers": []}, 0) == client_of(
        {"client": ("2001:db8::ffff", 1), "headers": []}, 0
    )


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    buckets = Buckets({"job": Rate(2, 0.5)}, lambda: now[0])

    assert [buckets.take("a", "job") for _ in range(3)] == [0, 0, 2.0]
    now[0] = 2.0
    assert buckets.take("a", "job") == 0


class _Blocks:
    """What Gradio's states need of a page."""

    state_session_capacity = 64

    def __init__(self) -> None:
        self.blocks: dict[int, Any] = {}
        self.default_config = SimpleNamespace(blocks={})


def _opened(holder: Sessions, client: str, session: str, keeps: int = 0) -> None:
    token = CLIENT.set(client)
    holder[session].state_data[1] = np.zeros(keeps, np.uint8)
    CLIENT.reset(token)


def test_seventy_session_names_of_one_visitor_empty_nobody_elses_page() -> None:
    holder = Sessions(10**9)
    holder.set_blocks(_Blocks())
    _opened(holder, "192.0.2.1", "mine", 1000)

    for number in range(700):
        _opened(holder, "192.0.2.66", f"random-{number}")

    assert "mine" in holder
    assert holder["mine"].state_data[1].nbytes == 1000
    assert len(holder.session_data) == PER_CLIENT + 1


def test_all_sessions_are_bounded_and_who_opened_most_gives_way() -> None:
    holder = Sessions(10**9)
    holder.set_blocks(_Blocks())
    for client in range(ALL // 10):
        for session in range(10 if client else 25):
            _opened(holder, f"192.0.2.{client}", f"{client}-{session}")

    assert len(holder.session_data) == ALL
    assert f"{ALL // 10 - 1}-9" in holder
    assert sum(name.startswith("0-") for name in holder.session_data) == 16


def test_memory_is_taken_back_from_who_keeps_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.ui.common.sessions.EVERY", 0.0)
    holder = Sessions(10_000_000)
    holder.set_blocks(_Blocks())
    _opened(holder, "192.0.2.1", "mine", 1_000_000)

    for number in range(20):
        _opened(holder, "192.0.2.66", f"large-{number}", 2_000_000)
    holder["large-19"]

    assert "mine" in holder
    assert sum(state.state_data[1].nbytes for state in holder.session_data.values()) <= 12_000_000


def test_a_session_that_nobody_used_for_an_hour_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call of the API without a session of its own leaves one."""
    monkeypatch.setattr("workbench.ui.common.sessions.EVERY", 0.0)
    holder = Sessions(10**9, lifetime=0.05)
    holder.set_blocks(_Blocks())
    for number in range(20):
        _opened(holder, "192.0.2.1", f"call-{number}", 1000)
    time.sleep(0.1)
    _opened(holder, "192.0.2.2", "mine", 1000)

    assert list(holder.session_data) == ["mine"]


def _health(sweeper: Sweeper, stopped: bool = False) -> Any:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    gate = Health(None, sweeper, lambda: 3, lambda: stopped)
    asyncio.run(gate({"type": "http", "method": "GET", "path": "/health"}, None, send))  # type: ignore[arg-type]
    return sent[0]["status"], json.loads(sent[1]["body"])


def test_health_says_when_the_sweeping_has_stopped_and_names_no_path(tmp_path, monkeypatch) -> None:
    sweeper = Sweeper(tmp_path, 3600)

    status, told = _health(sweeper)
    assert (status, told["live"], told["ready"], told["waiting"]) == (200, True, True, 3)
    assert str(tmp_path) not in json.dumps(told)

    monkeypatch.setattr(sweeper, "age", lambda: 3600.0)
    assert _health(sweeper)[0] == 503
    assert _health(Sweeper(tmp_path, 3600), stopped=True)[0] == 503
