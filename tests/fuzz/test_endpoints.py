"""Every event of the page, public or not, with values no page sends: an answer or a sentence, never "our fault"."""

import asyncio
import json
import logging
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr
import httpx
import numpy as np
import pytest
from gradio.state_holder import SessionState
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import bad_images
from tests.fuzz.budget import LONG, SEED, seconds
from tests.fuzz.values import damaged, value
from workbench.bench import Workbench
from workbench.images import encode_png
from workbench.ui import app
from workbench.ui.common import door, uploads
from workbench.ui.common.background import RUNNING

PATIENCE = 0.4
"""Seconds after which a case that passed every check, and works, is cancelled."""


@pytest.fixture(scope="module")
def bench(settings: Any, tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    cache = tmp_path_factory.mktemp("cache")
    (cache / "weights").symlink_to(settings.cache / "weights")
    data = tmp_path_factory.mktemp("data")
    found = Workbench(replace(settings, cache=cache, data=data, port=0, owner_token="the-token-of-the-owner"))
    folder = uploads.folder(found.settings)
    (folder / "noface.png").write_bytes(encode_png(bad_images.no_face(64)))
    (folder / "text.png").write_text("no picture")
    return found


@pytest.fixture(scope="module")
def page(bench: Workbench) -> gr.Blocks:
    return app.build_app(bench)


@pytest.fixture(scope="module")
def known(bench: Workbench, astronaut: np.ndarray) -> tuple[Any, ...]:
    """Uploads that are let in."""
    folder = uploads.folder(bench.settings)
    names = ["noface.png", "text.png"]
    if LONG:
        (folder / "astronaut.png").write_bytes(encode_png(astronaut))
        names.append("astronaut.png")
    meta = {"_type": "gradio.FileData"}
    files = [{"path": str(folder / name), "meta": meta} for name in names]
    return (*files, [files[0]], [{"image": files[0], "caption": None}], ["compact"], ["fer", "sface"], ["Face 1"])


async def _asked(page: gr.Blocks, fn: Any, data: list[Any], state: SessionState, clicked: Any) -> str:
    """The sentence of the refusal, "" for an answer. What works on is cancelled."""
    iterator, until = None, time.monotonic() + PATIENCE
    try:
        while True:
            answer = await page.process_api(
                fn, list(data), state, _request(), iterator, session_hash="fuzz", event_data=gr.EventData(None, clicked)
            )
            iterator = answer["iterator"]
            if not answer["is_generating"] or time.monotonic() > until:
                return ""
    except gr.Error as error:
        return "our side: it would print a traceback" if error.print_exception else str(error.message)
    finally:
        if iterator is not None:
            await iterator.aclose()


def _request() -> gr.Request:
    return gr.Request(username=None, session_hash="fuzz")


def _inputs(rng: random.Random, fn: Any, known: tuple[Any, ...]) -> list[Any]:
    """The page's own values with one or more of them replaced; now and then too few or too many."""
    data = [getattr(component, "value", None) for component in fn.inputs]
    for place, component in enumerate(fn.inputs):
        if isinstance(component, (gr.Image, gr.File, gr.Gallery)) and rng.random() < 0.8:
            data[place] = rng.choice(known[: 2 + LONG]) if isinstance(component, gr.Image) else known[3 + LONG - 1]
        elif isinstance(component, gr.Checkbox) and rng.random() < 0.8:
            data[place] = True
    for place in rng.sample(range(len(data)), min(len(data), rng.choice((1, 1, 2, len(data))))):
        data[place] = value(rng, known)
    if rng.random() < 0.03:
        return data[:-1] if rng.random() < 0.5 else [*data, value(rng, known)]
    return data


def test_no_event_calls_a_wrong_value_our_fault(
    page: gr.Blocks, bench: Workbench, known: tuple[Any, ...], caplog: pytest.LogCaptureFixture, capsys: Any
) -> None:
    rng, until, tried, wrong = random.Random(SEED), time.monotonic() + seconds(0.3), 0, {}
    events = [fn for fn in page.fns.values() if fn.fn is not None and not fn.cancels and fn.inputs]
    state = SessionState(page)
    while time.monotonic() < until:
        fn = events[tried % len(events)]
        data = _inputs(rng, fn, known)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "workbench"):
            sentence = asyncio.run(_asked(page, fn, data, state, value(rng, known)))
        tried += 1
        lines = [record.getMessage() for record in caplog.records if record.name == "workbench"]
        assert len(lines) <= 1, lines
        if "our side" in sentence:
            wrong.setdefault(lines[0] if lines else sentence, (fn.api_name, repr(data)[:600]))
        if not bench.places.free():
            RUNNING.stop(5)
    RUNNING.stop(10)
    with capsys.disabled():
        print(f"\n{tried} calls of {len(events)} events, seed {SEED}")
    assert not wrong, json.dumps(wrong, indent=1)
    assert tried > 100
    assert capsys.readouterr().err.count("Traceback") == 0


@pytest.fixture(scope="module")
def address(settings: Any, bench: Workbench) -> Iterator[str]:
    served = app.build_app(bench)
    app.launch(served, bench, prevent_thread_lock=True, quiet=True, server_port=None)
    yield str(served.local_url).rstrip("/")
    served.close()


ROUTES = ("queue/join", "call/parse", "call/v2/parse", "call/nothing", "run/parse", "api/protect", "cancel", "reset",
          "component_server", "upload", "queue/data", "heartbeat/x", "stream/x", "call/parse/x", "file=/etc/passwd",
          "file/x", "info", "upload_progress", "startup-events", "process_recording", "deep_link", "vibe-edit",
          "static/x", "stream/a/b/c/playlist.m3u8", "theme.css", "proxy=x", "")  # fmt: skip
BODY = {"data": [None, "compact"], "fn_index": 3, "session_hash": "fuzz", "event_id": "x", "trigger_id": 1,
        "event_data": None, "component_id": 1, "fn_name": "enter"}  # fmt: skip


def test_every_body_is_answered_and_leaves_at_most_one_line(
    address: str, known: tuple[Any, ...], caplog: pytest.LogCaptureFixture, capfd: Any, monkeypatch: Any
) -> None:
    """1,500 of them left 35,000 lines."""
    monkeypatch.setattr("workbench.ui.common.limits.Buckets.take", lambda *args: 0.0)
    rng, until, tried, answers = random.Random(SEED), time.monotonic() + seconds(0.12), 0, {}
    capfd.readouterr()
    with httpx.Client(base_url=f"{address}/gradio_api/", timeout=20) as client:
        while time.monotonic() < until:
            route, body = rng.choice(ROUTES), _body(rng, known)
            method = "GET" if rng.random() < 0.15 and not route.startswith(("queue/data", "heartbeat")) else "POST"
            kind = rng.choice(("application/json", "application/json", "multipart/form-data; boundary=x", "text/plain"))
            status = client.request(method, route, content=body, headers={"content-type": kind}).status_code
            answers[status] = answers.get(status, 0) + 1
            tried += 1
    out = "".join(capfd.readouterr())
    lines = len(out.splitlines()) + len(caplog.records)
    with capfd.disabled():
        print(f"\n{tried} bodies, {lines} lines of log, answers {dict(sorted(answers.items()))}, seed {SEED}")
    assert "Traceback" not in out
    assert "fuzz-secret" not in out + caplog.text
    assert lines <= tried
    assert not [status for status in answers if status >= 500]
    assert tried > 50


def _body(rng: random.Random, known: tuple[Any, ...]) -> bytes:
    body: Any = dict(BODY) | {"data": ["fuzz-secret", value(rng, known)]}
    for key in rng.sample(list(body), rng.randrange(4)):
        body[key] = value(rng, known)
    if rng.random() < 0.1:
        body = value(rng, known)
    data = json.dumps(body).encode()
    return damaged(rng, data) if rng.random() < 0.4 else data


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(
    max_examples=1000 if LONG else 150, deadline=None, derandomize=not LONG, suppress_health_check=list(HealthCheck)
)
@given(found=json_values, path=st.text(st.characters(), max_size=40) | st.integers() | st.lists(st.none()))
def test_no_path_hides_from_the_door(found: Any, path: Any) -> None:
    """Wherever it is put, a path that is no upload is seen; and half a character is never let through."""
    hidden = [found, {"a": [{"image": {"path": path, "meta": found}}]}]

    assert path in list(door.paths(hidden))
    assert not door.is_upload(path, uploads.Path("/nowhere"))
    if isinstance(path, str) and any("\ud800" <= letter <= "\udfff" for letter in path):
        assert door.unfit(hidden)
