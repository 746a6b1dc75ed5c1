"""Every fixed text of the page, read from Gradio's configuration and from our own scripts, as words.js cuts them: a
sentence with what is bold or linked in it is one text, `Press <b>Show</b> now`.

`python -m tests.ui.page_texts de` prints what a language lacks.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

UI = Path(__file__).resolve().parents[2] / "workbench" / "ui"
INLINE = ("a", "b", "strong", "i", "em", "code", "u", "small", "sup", "sub")
UNREAD = ("script", "style", "svg", "template", "textarea")
ATTRIBUTES = ("placeholder", "aria-label", "title", "alt")
OWN = "labeling-judge"
"""The rater's screen keeps its words itself."""
SAME = {
    *("COCO", "CSV", "Parquet", "Potato", "Label Studio", "crowd-kit", "Hub", "PCA", "UMAP (extra)", "Face Workbench"),
    *("RISE", "Grad-CAM", "Grad-CAM++", "Eigen-CAM", "SmoothGrad", "apc", "sc", "uew"),
    *("a.jpg", "images/7.jpg", "images/a.jpg", "CelebA-HQ-img/7.jpg", "CelebAMask-HQ-mask-anno/0/00007_hair.png"),
    "<code>happy/a.jpg</code>, <code>sad/b.jpg</code>",
}
"""The same in every language: names of methods, tools, formats and files."""


class _Cutter(HTMLParser):
    """Cuts HTML into its texts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._unread: list[str] = []
        self._pieces: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in UNREAD or ("translate", "no") in attrs or tag in self._unread[-1:]:
            self._unread.append(tag)
        if self._unread and tag != "textarea":
            return
        self.found += [value for name, value in attrs if name in ATTRIBUTES and value]
        if tag in INLINE:
            self._pieces.append(("tag", f"<{tag}>"))
        else:
            self.end()

    def handle_endtag(self, tag: str) -> None:
        if tag in self._unread[-1:]:
            self._unread.pop()
        elif tag in INLINE and not self._unread:
            self._pieces.append(("tag", f"</{tag}>"))
        else:
            self.end()

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self._pieces.append(("text", data))

    def end(self) -> None:
        """A block ends: what was gathered is one text, whose tags count where there is more than one piece of text."""
        texts = [text for kind, text in self._pieces if kind == "text" and text.strip()]
        whole = texts[0] if len(texts) == 1 else "".join(text for _, text in self._pieces)
        self._pieces = []
        self.found.append(whole)


def of_html(text: str) -> Iterator[str]:
    """The texts of HTML."""
    cutter = _Cutter()
    cutter.feed(text)
    cutter.end()
    yield from cutter.found


def of_markdown(text: str) -> Iterator[str]:
    """The texts of Markdown as Gradio shows it, where tables are tables and links links."""
    yield from of_html(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text))


def of_component(row: dict[str, Any]) -> Iterator[str]:
    """The texts of one component of the configuration."""
    props, kind = row["props"], row["type"]
    if kind == "state" or props.get("elem_id") == OWN or (kind == "textbox" and props.get("visible") is False):
        return
    yield from (props.get(name) or "" for name in ("label", "info", "placeholder"))
    value = props.get("value")
    if kind == "markdown" and isinstance(value, str):
        yield from of_markdown(value)
    elif kind == "html":
        yield from of_html(value if isinstance(value, str) else "")
        yield from of_html(re.sub(r"\$\{[^}]*\}", "", props.get("html_template") or ""))
    elif kind == "button" and isinstance(value, str):
        yield value
    yield from (str(choice[0]) for choice in props.get("choices") or ())
    yield from (str(header) for header in props.get("headers") or ())


def of_page(config: dict[str, Any]) -> set[str]:
    """Every text of a page, as it is looked up: without what stands around words, without what has no word."""
    texts = (text for row in config["components"] for text in of_component(row))
    return {core(text) for text in texts if re.search(r"[^\W\d_]{2}", text)}


def core(text: str) -> str:
    """A text without spaces and signs before its first word, and without spaces after its last."""
    return re.sub(r"^[^\w(“\"'<\[−+-]+", "", re.sub(r"\s+", " ", text)).strip().removesuffix(" ·")


class Words:
    """What a language has, asked as `words.js` asks."""

    def __init__(self, words: dict[str, str]) -> None:
        self._words = words
        self._patterns = [_pattern(english) for english in words if "{" in english and not _is_loose(english)]

    def has(self, text: str) -> bool:
        """Whether a text is there, as it is or as a pattern that says most of it."""
        return text in self._words or any(fits(text) for fits in self._patterns)


def _is_loose(english: str) -> bool:
    """Whether a pattern would fit any text: such ones are asked only within another."""
    return not re.search(r"\{n\d?\}", english) and len(re.sub(r"\{\w+\}|<[^>]*>|[\W\d_]", "", english)) < 4


def _pattern(english: str) -> Callable[[str], Any]:
    pieces = re.split(r"(\{\w+\})", english)
    kinds = {True: r"[−+~±≈-]?\d[\d.,:×/]*(?:\s?(?:%|°|px|[kMG]?B))?", False: ".+?"}
    source = "".join(
        kinds[bool(re.fullmatch(r"\{(n\d?|size)\}", piece))] if place % 2 else re.escape(piece)
        for place, piece in enumerate(pieces)
    )
    return re.compile(source, re.DOTALL).fullmatch


def missing(texts: set[str], words: dict[str, str]) -> list[str]:
    """Those of a page's texts that a language lacks, sorted. Names, licences and notes of models are in no language."""
    told, names = Words(words), _names()
    return sorted(text for text in texts if text not in names and not told.has(text))


def _names() -> set[str]:
    from workbench.catalog import MODELS

    rows = (getattr(spec, name) for spec in MODELS.values() for name in dir(spec) if not name.startswith("_"))
    return SAME | {core(text) for text in rows if isinstance(text, str)}


def _main() -> None:
    from workbench.ui.app import build_app, opened
    from workbench.ui.common.languages import words_of

    texts = of_page(build_app(opened()).get_config_file())
    print(json.dumps(missing(texts, words_of(sys.argv[1])), indent=0, ensure_ascii=False))


if __name__ == "__main__":
    _main()
