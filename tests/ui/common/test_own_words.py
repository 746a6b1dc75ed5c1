"""What somebody gave shows as it is, whatever it looks like."""

import asyncio
from types import SimpleNamespace

import gradio as gr
import pytest
from markdown_it import MarkdownIt

from workbench.errors import BadRequest
from workbench.ui.common.door import Page
from workbench.ui.common.own_words import letter_by_letter, own_words
from workbench.ui.explanation.many import _words

NAMES = (
    "![x](http://127.0.0.1:9/x.png)",
    "<img src=x onerror=alert(1)>",
    "a_b_c *d* `e` [f](g) ~~h~~ &amp; $$i$$ # j|k.jpg",
    "Parse",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_looks_like_markdown_or_html_is_shown_letter_by_letter(name) -> None:
    (_, inline, _) = MarkdownIt("commonmark", {"html": True}).enable("strikethrough").parse(own_words(name))
    first, *shown, last = inline.children

    assert (first.content, last.content) == ('<span class="given">', "</span>")
    assert {each.type for each in shown} <= {"text", "text_special"}
    assert "".join(each.content for each in shown) == name


def test_a_refusal_with_a_name_in_it_shows_no_html() -> None:
    """Toasts do: a zip's photo called `<img src=…>` made the page fetch that address."""

    def refuse() -> None:
        raise BadRequest(f"{NAMES[1]}: no face, 1 < 2")

    with Page() as page:
        page.load(refuse, None, None)
    with pytest.raises(gr.Error) as refused:
        asyncio.run(page.process_api(0, []))
    assert refused.value.message == "‹img src=x onerror=alert(1)>: no face, 1 < 2"


def test_a_photo_that_is_left_out_makes_the_page_fetch_nothing_by_its_name() -> None:
    """Names of a zip's photos went into Markdown as they were."""
    told = MarkdownIt().render(_words(SimpleNamespace(mean_iou=float("nan"), missing=[(NAMES[0], "no face")])))

    assert "<img" not in told + MarkdownIt().render("\n\n".join(map(letter_by_letter, NAMES)))
    assert "no face" in told
