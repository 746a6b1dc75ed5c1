"""The attacks that worked once: any picture of the server read through the API, devices opened, a rebound name
answered."""

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import httpx
import pytest
from PIL import Image

from workbench.bench import Workbench
from workbench.tabs import TABS
from workbench.ui import app
from workbench.ui.common import door, uploads, widgets

SECRET = (12, 200, 34)
"""A colour nobody's upload has."""


@pytest.fixture(scope="module")
def private(settings, tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    """A bench whose uploads lie in a folder of this test's own."""
    cache = tmp_path_factory.mktemp("cache")
    for path in settings.cache.iterdir():
        if path.name != "uploads":
            (cache / path.name).symlink_to(path)
    return Workbench(replace(settings, cache=cache, data=tmp_path_factory.mktemp("data"), port=0))


@pytest.fixture(scope="module")
def forged(private: Workbench, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Paths a browser has no business naming: a photo elsewhere, links and climbs to it, a pipe, devices, folders,
    nothing."""
    outside = tmp_path_factory.mktemp("elsewhere")
    photo = outside / "photo.png"
    Image.new("RGB", (64, 64), SECRET).save(photo)
    os.mkfifo(outside / "pipe.png")
    folder = uploads.folder(private.settings)
    (folder / "link.png").symlink_to(photo)
    (folder / "pipe.png").symlink_to(outside / "pipe.png")
    (folder / "inner").mkdir()
    climbing = f"{folder}/inner/../../{os.path.relpath(photo, folder.parent)}"
    return [
        str(photo), str(folder / "link.png"), climbing, str(outside / "pipe.png"), str(folder / "pipe.png"), "/dev/zero", "/dev/ptmx",  # noqa: E501
        "/etc/passwd", str(folder), str(folder / "absent.png"), "", "\0", "a" * 5000, "http://127.0.0.1:1/x.png", "file:///etc/passwd",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def page(private: Workbench) -> gr.Blocks:
    return app.build_app(private)


def _takes_files(component: gr.components.Component) -> bool:
    model = getattr(component, "data_model", None)
    return model is not None and "path" in json.dumps(model.model_json_schema())


def _payloads(component: gr.components.Component, path: str) -> list[object]:
    """The forged path as a file that says so of itself, and as one that does not."""
    bare = {"path": path}
    marked = bare | {"meta": {"_type": "gradio.FileData"}}
    if isinstance(component, gr.Gallery):
        return [[{"image": bare, "caption": None}], [{"image": marked, "caption": None}]]
    if isinstance(component, gr.File):
        return [bare, marked, [bare], [marked]]
    return [bare, marked]


def test_no_event_takes_a_path_outside_the_uploads(page: gr.Blocks, forged: list[str]) -> None:
    tried = 0
    for fn in page.fns.values():
        for place, component in enumerate(fn.inputs):
            if not _takes_files(component):
                continue
            for path in forged:
                for payload in _payloads(component, path):
                    inputs: list[object] = [None] * len(fn.inputs)
                    inputs[place] = payload
                    with pytest.raises(gr.Error) as caught:
                        asyncio.run(page.preprocess_data(fn, inputs, None))
                    assert caught.value.message == door.GONE, (fn.api_name, path)
                    tried += 1
    assert tried > 500


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.stem)
def test_each_space_has_the_same_door(private: Workbench, tab) -> None:
    assert isinstance(app.build_tab(private, tab), door.Page)


def test_an_upload_is_let_in(private: Workbench) -> None:
    path = uploads.folder(private.settings) / "mine.png"
    Image.new("RGB", (8, 8)).save(path)

    assert door.is_upload(str(path), uploads.folder(private.settings))


@pytest.fixture(scope="module")
def address(page: gr.Blocks, private: Workbench):
    app.launch(page, private, prevent_thread_lock=True, quiet=True, server_port=None)
    yield str(page.local_url).rstrip("/")
    page.close()


def _asked(address: str, name: str, data: list[object]) -> str:
    with httpx.Client(base_url=address, timeout=20, verify=False) as client:  # loading authorities takes 28 ms
        begun = client.post(f"/gradio_api/call/{name}", json={"data": data})
        if begun.status_code != 200:
            return begun.text
        return client.get(f"/gradio_api/call/{name}/{begun.json()['event_id']}").text


def test_over_http_every_refusal_reads_the_same(page: gr.Blocks, address: str, forged: list[str]) -> None:
    for fn in page.fns.values():
        places = [place for place, component in enumerate(fn.inputs) if _takes_files(component)]
        if fn.api_visibility != "public" or not fn.api_name or not places:
            continue
        sent = [component for component in fn.inputs if not isinstance(component, gr.State)]
        place = next(place for place, component in enumerate(sent) if _takes_files(component))
        answers = set()
        for path in (forged[0], forged[3], forged[6], forged[7], forged[9]):
            data: list[object] = [None] * len(sent)
            data[place] = _payloads(sent[place], path)[0]
            answers.add(_asked(address, str(fn.api_name), data))
        assert len(answers) == 1, (fn.api_name, answers)
        assert "event: error" in answers.pop()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:7860"}, 200),
        ({"Host": "[::1]:7860"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:7860"}, 200),
    ],
)
def test_another_name_and_another_site_are_refused(address: str, headers: dict[str, str], status: int) -> None:
    payload = {"data": [None, "compact"]}
    answer = httpx.post(f"{address}/gradio_api/call/parse", json=payload, headers=headers, timeout=20)

    assert answer.status_code == status, answer.text


def test_a_named_host_is_answered(private: Workbench) -> None:
    gate = door.SameSite(None, "127.0.0.1", ("faces.example",))
    scope = {
        "type": "http",
        "method": "POST",
        "headers": [(b"host", b"faces.example"), (b"origin", b"https://faces.example")],
    }

    assert gate._refusal(scope) == ""
    assert gate._refusal(scope | {"headers": [(b"host", b"other.example")]}) != ""


def test_an_open_server_without_a_list_answers_every_name() -> None:
    gate = door.SameSite(None, "0.0.0.0")

    assert gate._refusal({"type": "http", "method": "GET", "headers": [(b"host", b"any.example")]}) == ""


SPEAKING = ("/", "/config", "/gradio_api/info", "/gradio_api/info?all_endpoints=True", "/gradio_api/openapi.json",
            "/gradio_api/startup-events", "/gradio_api/app_id", "/manifest.json", "/health", "/theme.css")  # fmt: skip


@pytest.mark.parametrize("path", SPEAKING)
def test_no_page_names_a_folder_of_the_server(address: str, private: Workbench, path: str) -> None:
    """`/config` listed the absolute paths of the examples."""
    text = httpx.get(f"{address}{path}", timeout=60).text

    for folder in (private.settings.cache, private.settings.data, Path(app.__file__).parents[2], Path.home()):
        assert str(folder) not in text
        assert str(folder.resolve()) not in text


@pytest.mark.parametrize("value", ["\ud800", {"\udfff": 1}, [["x", "a\ud83d"]], json.loads("[" * 60 + "]" * 60)])
def test_half_a_character_and_deep_nesting_reach_no_handler(page: gr.Blocks, value: object, caplog, capfd) -> None:
    fn = next(fn for fn in page.fns.values() if fn.api_name == "explain")
    data = [component.value for component in fn.inputs]
    for place in range(len(data)):
        with pytest.raises(gr.Error, match="does not fit") as caught:
            asyncio.run(page.preprocess_data(fn, [*data[:place], value, *data[place + 1 :]], None))
        assert caught.value.print_exception is False
    assert caplog.records == []
    assert "Traceback" not in "".join(capfd.readouterr())


def test_the_client_of_a_queued_call_is_known_to_its_handler(page: gr.Blocks) -> None:
    """Guesses of the owner's token are slowed down by client; the queue works in a context of its own."""
    seen: list[str] = []
    fn = next(fn for fn in page.fns.values() if fn.api_name == "landmarks")
    mine = SimpleNamespace(**{**vars(fn), "fn": lambda source: seen.append(door.CLIENT.get())})
    asked = gr.Request(request=SimpleNamespace(scope={door.WHO: "192.0.2.7"}))  # type: ignore[arg-type]

    asyncio.run(page.call_function(mine, [None], None, asked))

    assert seen == ["192.0.2.7"]


def test_a_click_that_names_a_path_prints_no_traceback(page: gr.Blocks, forged: list[str]) -> None:
    fn = next(fn for fn in page.fns.values() if fn.api_name == "pick_face")
    clicked = gr.EventData(None, {"path": forged[0], "meta": {"_type": "gradio.FileData"}})

    with pytest.raises(gr.Error) as caught:
        asyncio.run(page.call_function(fn, [None], None, gr.Request(), None, clicked))

    assert caught.value.print_exception is False
    assert forged[0] not in str(caught.value.message)


@pytest.mark.parametrize("path", ["\ud800", "/etc/passwd", "\0"])
def test_no_event_carries_a_forged_path_or_half_a_character(page: gr.Blocks, path: str) -> None:
    """The path of a click went past the door, and half a character in it was called our fault."""
    clicked = gr.EventData(None, {"key": {"path": path, "meta": {"_type": "gradio.FileData"}}})
    events = [fn for fn in page.fns.values() if fn.collects_event_data and fn.fn is not None]
    assert "refine" in [fn.api_name for fn in events]
    for fn in events:
        with pytest.raises(gr.Error) as caught:
            asyncio.run(page.call_function(fn, [None] * len(fn.inputs), event_data=clicked))
        assert caught.value.message in (door.UNFIT, door.GONE), fn.api_name


def test_what_only_the_pages_script_does_refuses_a_direct_call(page: gr.Blocks) -> None:
    """Its inputs came back as its answer, did not fit, and were called our fault."""
    scripts = [fn for fn in page.fns.values() if fn.fn is None]
    assert len(scripts) > 10
    for fn in scripts:
        with pytest.raises(gr.Error, match="does not fit"):
            asyncio.run(page.process_api(fn, ["x"] * len(fn.inputs)))


def test_no_photo_is_opened_before_its_size_is_known(page) -> None:
    """Gradio opened the photo of a pose by itself, however many pixels it had, and none of the newer formats."""
    taken = {part for event in page.fns.values() for part in event.inputs if isinstance(part, gr.Image)}
    opened = {part.elem_id for part in taken if part.preprocess is not widgets._untouched}
    assert opened == set()
