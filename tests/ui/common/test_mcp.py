"""An agent with the protocol's own client finds the endpoints by their names, uses one, and is refused in words."""

import asyncio
import base64
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from PIL import Image

from workbench.bench import Workbench
from workbench.tabs import find
from workbench.ui.app import build_tab, launch


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


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::ResourceWarning")
def test_an_agent_finds_faces_under_the_endpoints_name(address: str, astronaut) -> None:
    stream = io.BytesIO()
    Image.fromarray(astronaut).save(stream, "PNG")
    photo = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()

    tools, answer = _asked(address, "analyse", source=photo)

    assert "analyse" in tools
    assert not answer.isError
    assert "yaw" in "".join(part.text for part in answer.content if part.type == "text")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::ResourceWarning")
def test_an_agent_reads_no_file_of_the_server_and_makes_it_fetch_nothing(address: str) -> None:
    for source in ("/etc/passwd", "http://127.0.0.1:9/x.png"):
        _, answer = _asked(address, "analyse", source=source)

        assert answer.isError, source
