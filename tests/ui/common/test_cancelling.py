"""Whoever leaves or presses Cancel takes the work along: every event that runs a model ends, in two seconds when the
machine is quiet."""

import asyncio
import inspect
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
import numpy as np
import pytest

from tests.video import clips
from workbench.bench import Workbench
from workbench.errors import Busy
from workbench.images import encode_png
from workbench.places import Places
from workbench.settings import Settings
from workbench.tabs import TABS
from workbench.tasks.parsing import parse
from workbench.ui import app
from workbench.ui.common import admission, uploads
from workbench.ui.common.background import RUNNING, in_background
from workbench.ui.common.events import GPU, MODELS_QUEUE, bound
from workbench.watch import look

LONGEST = 2.0 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
"""Seconds that work may go on after it is not wanted any more: two, and more where others use the machine."""


def _idle(bench: Any, within: float = LONGEST) -> float:
    """Seconds until nothing runs and every place is free; fails after `within`."""
    begun = time.monotonic()
    while RUNNING.count() or bench.places.free() < 2:
        assert time.monotonic() - begun < within, "the work goes on"
        time.sleep(0.01)
    return time.monotonic() - begun


@pytest.fixture
def small(tmp_path: Path) -> Any:
    """A bench with two places and no models."""
    return SimpleNamespace(places=Places(2, 10**9), settings=Settings(tmp_path, tmp_path), specs=lambda task: ())


@GPU
def _long(bench: Any, photos: int, progress: gr.Progress = gr.Progress()) -> int:  # noqa: B008
    """A plain handler that works photo by photo, as "Many photos" does."""
    for number in range(photos):
        progress(number / photos, desc=f"Photo {number}")
        time.sleep(0.05)
    return photos


@GPU
def _deep(bench: Any, faces: int) -> int:
    """A plain handler without progress, whose task looks up at every face."""
    for _ in range(faces):
        look()
        time.sleep(0.05)
    return faces


@GPU
def _generating(bench: Any, photos: int, progress: gr.Progress = gr.Progress()) -> Iterator[Any]:  # noqa: B008
    def work(watch: Any) -> int:
        for number in range(photos):
            watch.tell(number / photos, "")
            time.sleep(0.05)
        return photos

    yield from in_background(work, progress)


@pytest.mark.parametrize("function", [_long, _deep, _generating])
def test_cancel_ends_the_work_and_frees_its_place(small: Any, function: Any) -> None:
    steps = bound(function, small)(10_000)
    for _ in range(3):
        next(steps)
    assert RUNNING.count() == 1
    assert small.places.free() == 1

    steps.close()

    _idle(small)


@pytest.mark.parametrize("function", [_long, _deep, _generating])
def test_work_that_is_waited_for_gives_its_answer(small: Any, function: Any) -> None:
    assert list(bound(function, small)(2))[-1] == 2
    assert _idle(small) < 1


def test_cancelled_work_keeps_its_place_until_it_has_ended(small: Any) -> None:
    """Otherwise twelve cancelled runs burn on beside two new ones."""
    ends = threading.Event()

    @GPU
    def stubborn(bench: Any) -> int:
        ends.wait(10)
        return 1

    steps = bound(stubborn, small)()
    next(steps)
    steps.close()

    assert small.places.free() == 1
    ends.set()
    _idle(small)


def test_twelve_at_once_are_two_at_a_time(small: Any) -> None:
    now, most, guard = [0], [0], threading.Lock()

    @GPU
    def counted(bench: Any) -> int:
        with guard:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.05)
        with guard:
            now[0] -= 1
        return 1

    handler = bound(counted, small)
    threads = [threading.Thread(target=lambda: list(handler())) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most[0] == 2
    _idle(small)


def test_who_waits_for_a_place_can_leave(small: Any) -> None:
    held = [small.places.take(), small.places.take()]
    steps = bound(_deep, small)(1)
    next(steps)
    steps.close()
    for place in held:
        place.leave()

    assert small.places.free() == 2


def test_a_342_kilobyte_photo_of_a_gigabyte_waits_for_its_memory(small: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four of them took 8 GB."""
    monkeypatch.setattr("workbench.ui.common.events.PATIENCE", 0.3)
    from PIL import Image

    path = uploads.folder(small.settings) / "float.tiff"
    Image.new("F", (4000, 3000)).save(path, compression="tiff_lzw")
    small.places = Places(2, 500_000_000)
    assert admission.opening((str(path), "compact"), small.settings) == 384_000_000
    held = small.places.take(admission.opening(((str(path), None),), small.settings))

    with pytest.raises(gr.Error, match="busy"):
        list(bound(_deep, small)(str(path)))
    held.leave()
    with pytest.raises(Busy):
        Places(0, 1).take(patience=0)


def test_the_memory_of_a_photo_is_foreseen(settings: Settings, tmp_path: Path) -> None:
    """What opening takes at its peak, of every kind of picture, is no more than was admitted."""
    import tracemalloc

    from PIL import Image

    from workbench.images import decode

    here = replace(settings, cache=tmp_path)
    kinds = ("RGB.jpg", "RGBA.png", "L.jpg", "P.png", "F.tiff", "I;16.png", "LA.png", "CMYK.jpg", "RGB.webp")
    for kind in kinds:
        path = uploads.folder(here) / kind
        Image.new(kind.partition(".")[0], (1500, 1500)).save(path)
        tracemalloc.start()
        decode(path, here)
        peak = tracemalloc.get_traced_memory()[1]  # without Pillow's own, up to 8 bytes a pixel more
        tracemalloc.stop()
        assert peak + 1500 * 1500 * 8 <= admission.opening(str(path), here), kind


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.stem)
def test_every_event_that_runs_a_model_is_a_generator(bench: Workbench, tab: Any) -> None:
    """A plain function cannot be cancelled: Gradio waits for it to end."""
    page = app.build_tab(bench, tab)
    for fn in page.fns.values():
        if fn.concurrency_id == MODELS_QUEUE:
            assert inspect.isgeneratorfunction(fn.fn), fn.api_name


def test_the_loops_over_faces_look_up(astronaut: np.ndarray, astronaut_face: Any, bench: Workbench) -> None:
    @GPU
    def crowd(bench: Workbench) -> Any:
        return parse(astronaut, bench.model("compact"), [astronaut_face] * 250)

    bench.model("compact")
    steps = bound(crowd, bench)()
    next(steps)
    time.sleep(0.2)
    steps.close()

    assert _idle(bench) < LONGEST


@pytest.fixture(scope="module")
def served(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Workbench, gr.Blocks]]:
    """The whole page on a port of its own; its bench."""
    cache = tmp_path_factory.mktemp("cache")
    (cache / "weights").symlink_to(settings.cache / "weights")
    bench = Workbench(replace(settings, cache=cache, data=tmp_path_factory.mktemp("data"), port=0))
    page = app.build_app(bench)
    app.launch(page, bench, prevent_thread_lock=True, quiet=True, server_port=None)
    yield str(page.local_url).rstrip("/"), bench, page
    page.close()


@pytest.fixture(scope="module")
def warm(served: Any) -> None:
    """The models are loaded: what is being loaded is loaded to its end, once."""
    bench = served[1]
    for task in ("detection", "parsing", "expression", "attributes", "recognition", "portrait", "generation"):
        for spec in bench.specs(task):
            if bench.available(spec.id):
                bench.model(spec.id)


@pytest.fixture(scope="module")
def uploaded(served: Any, astronaut: np.ndarray) -> dict[str, Any]:
    """An upload on that server."""
    files = {"files": ("astronaut.png", encode_png(astronaut), "image/png")}
    path = httpx.post(f"{served[0]}/gradio_api/upload", files=files, timeout=30).json()[0]
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


@pytest.fixture(scope="module")
def moving(served: Any, astronaut: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A clip among the uploads."""
    clip = clips.write(tmp_path_factory.mktemp("clip") / "a.mp4", [astronaut[:300, 50:350]] * 200)
    files = {"files": ("a.mp4", clip.read_bytes(), "video/mp4")}
    path = httpx.post(f"{served[0]}/gradio_api/upload", files=files, timeout=30).json()[0]
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def _inputs(fn: Any, photo: dict[str, Any], moving: dict[str, Any]) -> list[Any]:
    """What the page would send: its own values, photos where photos go, consent given, and plenty to do."""
    data: list[Any] = []
    for component in fn.inputs:
        value = component.value
        if isinstance(component, gr.Image):
            value = None if str(component.elem_id).endswith("-pose") else photo
        elif isinstance(component, gr.Video):
            value = moving
        elif isinstance(component, gr.File):
            value = [photo] * 40
        elif isinstance(component, gr.Gallery):
            alone = component.elem_id in ("generate-second", "generate-third", "generate-fourth")
            value = None if alone else [{"image": photo, "caption": None}]  # offline models draw one person
        elif isinstance(component, gr.Checkbox):
            value = True
        elif isinstance(component, gr.State):
            value = None
        elif isinstance(component, gr.Slider) and "step" in str(component.label).lower():
            value = component.maximum if fn.api_name == "generate" else value
        data.append(value)
    return data


LONG = ["parse_many", "protect", "protect_many", "hide_video", "analyse_video", "explain", "explain_similarity", "explain_compare", "explain_many", "generate", "mix", "new_identities", "pair_study"]  # fmt: skip  # noqa: E501


@pytest.mark.parametrize("leaving", ["cancel", "disconnect"])
@pytest.mark.parametrize("name", LONG)
def test_every_long_event_ends_when_it_is_not_wanted(
    served: Any, uploaded: dict[str, Any], moving: dict[str, Any], name: str, leaving: str
) -> None:
    address, bench, page = served
    fn = next(fn for fn in page.fns.values() if fn.api_name == name)
    session = f"{name}-{leaving}"
    body = {"fn_index": fn._id, "data": _inputs(fn, uploaded, moving), "session_hash": session}
    _idle(bench)
    with httpx.Client(base_url=f"{address}/gradio_api", timeout=30) as client:
        asked = client.post("/queue/join", json=body)
        assert asked.status_code == 200, asked.text
        with client.stream("GET", "/queue/data", params={"session_hash": session}) as stream:
            lines = stream.iter_lines()
            until = time.monotonic() + 20
            while not RUNNING.count() and time.monotonic() < until:
                line = next(lines)
                assert '"success":false' not in line, line
            time.sleep(0.3)
            assert RUNNING.count() == 1, "it did not run long enough to be cancelled"
            if leaving == "cancel":
                told = {"session_hash": session, "fn_index": fn._id, "event_id": asked.json()["event_id"]}
                client.post("/cancel", json=told)
    _idle(bench)


def test_calls_past_the_queue_are_refused(served: Any, uploaded: dict[str, Any]) -> None:
    for kind in ("run", "api"):
        answer = httpx.post(f"{served[0]}/gradio_api/{kind}/parse", json={"data": [uploaded, "compact"]}, timeout=30)
        assert answer.status_code == 404


def test_an_event_loop_is_never_kept_waiting_by_a_cancelled_work(small: Any) -> None:
    """Closing happens on the loop that serves everybody."""
    steps = bound(_long, small)(1000)
    next(steps)

    async def close() -> float:
        begun = time.monotonic()
        steps.close()
        return time.monotonic() - begun

    assert asyncio.run(close()) < 0.1
    _idle(small)
