"""A page in two parts: what every visitor gets alike is fetched once, and nothing of it is lost."""

import asyncio
import json
import re

import gradio as gr
import pytest
from starlette.testclient import TestClient

from workbench.ui.common.later import FOR_CLIENTS
from workbench.ui.common.light import KEPT, Light


@pytest.fixture(scope="module")
def served():
    """Gradio's own answers to GET of a small page, behind Light and bare."""
    with gr.Blocks(title="Thing") as page:
        word = gr.Textbox("</script>'\\\\ \u2028", label="Word")
        gr.Button("Go").click(lambda value: value, word, word, api_name="go")
    page.theme = gr.themes.Base()  # what launch() would set
    page.queue()
    app = gr.routes.App.create_app(page)
    return TestClient(app), TestClient(Light(app, "Faces & <models>", "See."))


def _config(text: str) -> dict:
    return json.loads(re.search(r"window\.gradio_config = (\{.*?\});", text, re.DOTALL).group(1))


def _read(script: str, root: str) -> list[dict]:
    """What a browser makes of the second part."""
    found = re.findall(r"read\('((?:[^'\\]|\\.)*)'\)", script)
    return [json.loads(re.sub(r"\\(.)", r"\1", text).replace("@@here@@", root)) for text in found]


def test_both_parts_together_are_the_page_as_it_was(served) -> None:
    bare, light = served
    whole, text = bare.get("/").text, light.get("/").text
    script = light.get("/" + re.search(r'src="(page-[0-9a-f]{32}\.js)"', text).group(1))
    _info, alike = _read(script.text, "http://testserver")

    expected = _config(whole)
    for row in expected["components"]:
        for name in FOR_CLIENTS:
            row.pop(name, None)
    assert {**_config(text), **alike} == expected
    assert len(text) < 6000
    assert "immutable" in script.headers["cache-control"]
    assert "</script>" not in script.text
    assert "testserver" not in script.text, "the same for every name the server answers to"


def test_the_card_of_a_link_is_ours_and_names_no_other_site(served) -> None:
    text = served[1].get("/").text

    assert 'og:title" content="Faces &amp; &lt;models&gt;"' in text
    assert "githubusercontent" not in text
    assert text.index("charset") < 1024, "browsers look for it in the first kilobyte"


def test_behind_a_prefix_the_page_names_nothing_outside_it(served, monkeypatch) -> None:
    bare, light = served
    monkeypatch.setattr(bare.app, "root_path", "/tool")
    text = light.get("/").text

    assert '<link rel="icon" href="http://testserver/tool/favicon.ico" />' in text
    assert 'href="http://testserver/tool/manifest.json"' in text
    assert '="/' not in text


def test_pages_by_forged_addresses_leave_every_page_its_other_part() -> None:
    """An address that a page names in its text makes a file of its own, and only a few are kept."""
    sites = [f"site{number}.example" for number in range(2 * KEPT)]
    with gr.Blocks() as page:
        gr.Markdown(" ".join(f"http://{site}" for site in sites))
    page.theme = gr.themes.Base()
    light = TestClient(Light(gr.routes.App.create_app(page), "", ""))

    def part(host: str) -> str:
        text = light.get("/", headers={"x-forwarded-host": host}).text
        return "/" + re.search(r'src="(page-[0-9a-f]{32}\.js)"', text).group(1)

    part("one.example")
    for site in sites[: KEPT - 1]:
        part(site)
    part("two.example")
    for site in sites[KEPT:]:
        part(site)
        assert light.get(part("two.example")).status_code == 200


def test_another_answer_passes_as_it_came_and_head_has_no_body(served) -> None:
    bare, light = served

    assert light.get("/config").json() == bare.get("/config").json()
    assert light.get(f"/page-{'0' * 32}.js").status_code == 404
    assert light.head("/").content == b""


def test_a_page_it_does_not_understand_passes_as_it_came() -> None:
    async def plain(scope, receive, send) -> None:
        headers = [(b"content-type", b"text/html"), (b"content-length", b"5")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"<p>", "more_body": True})
        await send({"type": "http.response.body", "body": b"hi"})

    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    asyncio.run(Light(plain, "", "")({"type": "http", "method": "GET", "path": "/"}, None, send))

    assert b"".join(message.get("body", b"") for message in sent) == b"<p>hi"
