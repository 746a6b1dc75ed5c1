"""An agent with the protocol's own client finds the endpoints by their names, uses one, and is refused in words."""

import asyncio
import base64
import io
import json
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import jsonschema
import numpy as np
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from PIL import Image

from workbench.bench import Workbench
from workbench.tabs import find
from workbench.ui.app import build_tab, launch
from workbench.ui.common.agents import Agents


@pytest.fixture(scope="module")
def address(settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The Analysis tab with WORKBENCH_MCP=1, on a free port."""
    bench = Workbench(replace(settings, mcp=True, port=0, data=tmp_path_factory.mktemp("data")))
    demo = build_tab(bench, find("analysis"))
    launch(demo, bench, prevent_thread_lock=True, quiet=True, server_port=None)
    yield f"{demo.local_url}gradio_api/mcp/"
    demo.close(verbose=False)


def _asked(address: str, name: str, **given: Any) -> tuple[list[str], Any]:
    """The names of the tools, and what one of them answers."""

    async def talk() -> tuple[list[str], Any]:
        async with streamablehttp_client(address) as (reading, writing, _), ClientSession(reading, writing) as session:
            await session.initialize()
            tools = [tool.name for tool in (await session.list_tools()).tools]
            return tools, await session.call_tool(name, given)

    return asyncio.run(talk())


def _url(image: np.ndarray) -> str:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::ResourceWarning")
def test_an_agent_finds_faces_under_the_endpoints_name(address: str, astronaut) -> None:
    tools, answer = _asked(address, "analyse", source=_url(astronaut))

    assert "analyse" in tools
    assert not answer.isError
    assert "yaw" in "".join(part.text for part in answer.content if part.type == "text")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::ResourceWarning")
def test_every_part_of_an_answer_comes_by_itself_and_a_drawn_photo_as_a_picture(address: str, astronaut) -> None:
    _, answer = _asked(address, "landmarks", source=_url(astronaut))

    assert [part.type for part in answer.content] == ["image", "text", "text"], "it was one text for all"
    assert answer.content[2].text.startswith('{"headers"')


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::ResourceWarning")
def test_an_agent_reads_no_file_of_the_server_and_makes_it_fetch_nothing(address: str) -> None:
    for source in ("/etc/passwd", "http://127.0.0.1:9/x.png"):
        _, answer = _asked(address, "analyse", source=source)

        assert answer.isError, source


@pytest.fixture(scope="module")
def agents() -> Agents:
    """The server of a page that takes several files, answers with a session's part, and has no choice yet."""

    def several(photos: list[str], people: list[str], face: str) -> tuple[None, str]:
        return None, f"{photos} {people} {face}"

    with gr.Blocks() as page:
        boxes = [gr.File(file_count="multiple"), gr.Gallery(), gr.Dropdown([])]
        gr.Button().click(several, boxes, [gr.State(), gr.Textbox()], api_name="several")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Agents(page)


def test_several_files_are_a_list_of_urls_whose_schema_points_somewhere(agents: Agents, astronaut) -> None:
    schema, places = agents.get_input_schema("several")

    jsonschema.validate({"photos": ["data:,a"], "people": ["data:,b"], "face": "Face 1"}, schema)
    given = {"photos": [_url(astronaut)], "people": [_url(astronaut)], "face": "Face 1"}
    sent = agents.convert_strings_to_filedata(given, places)
    assert sent["photos"][0]["path"].endswith(".png")
    assert sent["people"][0]["image"]["path"].endswith(".png")
    with pytest.raises(ValueError, match="Invalid file data"):
        agents.convert_strings_to_filedata({"photos": ["/etc/passwd"]}, places)


def test_what_an_agent_sends_lies_among_the_uploads_which_are_swept(agents: Agents, astronaut, tmp_path, monkeypatch):
    """It lay in a folder for temporary files, for good: Gradio asks for its own before the server has said where."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    sent = agents.convert_strings_to_filedata({"photo": _url(astronaut), "photos": [_url(astronaut)]}, PLACES)
    for file in (sent["photo"], sent["photos"][0]):
        assert Path(file["path"]).is_relative_to(tmp_path)


def test_an_agent_names_no_file_of_the_server_wherever_it_stands_in_the_arguments(agents: Agents) -> None:
    """What looked like a file of a session was opened by the server's own client, and so became an upload."""
    named = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    for given in ({"photo": named}, {"photos": [named]}, {"table": {"data": [[named]]}}, {"photo": "/etc/passwd"}):
        with pytest.raises(ValueError, match="reads no path"):
            agents.convert_strings_to_filedata(given, PLACES)
    assert agents.convert_strings_to_filedata({"photo": None, "table": {"data": [[1]]}}, PLACES)["photo"] is None


PLACES: list[list[str | int]] = [["photo"], ["photos", "each", "File"]]


def test_a_tool_says_how_a_file_is_given(agents: Agents) -> None:
    """It told of a way by an address, which this server does not fetch."""
    words, _ = agents.get_fn_description(next(iter(agents.blocks.fns.values())), "several")

    assert words.endswith("A file is given as a data: URL of it.")


def test_a_sessions_part_takes_no_answer_away(agents: Agents) -> None:
    parts = [gr.State(), gr.Textbox()]

    assert agents.pop_returned_state(parts, [(None, "told")]) == ["told"], "it was nothing"
    assert agents.pop_returned_state(parts, [None, "told"]) == ["told"]
    assert agents.pop_returned_state(parts[1:], ["told"]) == ["told"]


def test_an_answer_is_json_and_pictures_and_no_picture_is_spelled_out(agents: Agents, astronaut, tmp_path) -> None:
    """The content of the viewer was 129 kB of text, a gallery one text of paths in Python's spelling."""
    Image.fromarray(astronaut[:64, :64]).save(tmp_path / "a.png")
    file = {"path": str(tmp_path / "a.png"), "orig_name": "a.png", "meta": {"_type": "gradio.FileData"}}
    told = agents.postprocess_output_data(
        [
            {"labels": [None, "hair"], "photo": _url(astronaut)},
            [{"image": file, "caption": "before"}] * 9,
            {"video": file | {"path": "/clip.mp4"}, "subtitles": None},
            f'<iframe title="Report" srcdoc="{"x" * 9000}"></iframe>',
            "found",
            None,
        ],
        "http://127.0.0.1:9",
    )
    kinds = [part.type for part in told]
    texts = [part.text for part in told if part.type == "text"]

    assert json.loads(texts[0])["labels"] == [None, "hair"]
    assert "(image/png, " in texts[0]
    assert len(texts[0]) < 100
    assert kinds.count("image") == 8, "the ninth comes as its address"
    assert texts.count("before") == 9
    assert texts[-4].endswith("/clip.mp4")
    assert texts[-3:] == ['<iframe title="Report" (a page, 9 kB, left out)></iframe>', "found", "null"]


def test_before_and_after_are_pictures_and_no_answer_names_a_place_on_the_server(agents: Agents, astronaut, tmp_path):
    """Before and after came as one text with both paths; the ninth picture of a gallery and files among values too."""
    Image.fromarray(astronaut[:64, :64]).save(tmp_path / "a.png")
    file = {"path": str(tmp_path / "a.png"), "url": "/file=a.png", "meta": {"_type": "gradio.FileData"}}
    told = agents.postprocess_output_data(
        [(file, file), [{"image": file, "caption": None}] * 9, {"files": [file]}, [{"image": None}]], "http://here"
    )
    texts = [part.text for part in told if part.type == "text"]

    assert [part.type for part in told[:4]] == ["image", "text"] * 2
    assert texts[-3:] == ["http://here/file=a.png", '{"files": ["http://here/file=a.png"]}', '[{"image": null}]']
    assert not [text for text in texts if str(tmp_path) in text]
