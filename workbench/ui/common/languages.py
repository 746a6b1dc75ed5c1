"""The page in other languages: a file of words for each, English → theirs, which `words.js` asks for and puts in place.

A file is sent to those who read that language, under a name that says what is in it, and kept by their browser.
"""

import functools
import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any

from workbench.ui.common.door import Message, Receive, Send, reply
from workbench.ui.common.light import FOREVER

FOLDER = Path(__file__).parents[1] / "languages"
NAMES = {
    "en": "English",
    "de": "Deutsch",
    "es": "Español",
    "fr": "Français",
    "zh": "中文",
    "ja": "日本語",
    "ar": "العربية",
}
"""Languages by their own names, in the order they are offered."""
_FILE = re.compile(r"/words-([a-z]{2})-([0-9a-f]{16})\.json$")


class Languages:
    """Answers a language's file of words, and passes on everything else."""

    def __init__(self, app: Any) -> None:
        """app: the ASGI application behind."""
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        asked = scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and _FILE.search(scope["path"])
        if not asked or asked.group(0)[1:] != files().get(asked.group(1)):
            await self._app(scope, receive, send)
            return
        await reply(send, 200, _data(asked.group(1)), "application/json", FOREVER, scope["method"] == "HEAD")


@functools.cache
def files() -> dict[str, str]:
    """The name under which each language's file is sent; English needs none."""
    here = [name for name in NAMES if (FOLDER / f"{name}.json").is_file()]
    return {name: f"words-{name}-{hashlib.sha256(_data(name)).hexdigest()[:16]}.json" for name in here}


def words_of(language: str) -> dict[str, str]:
    """What a language has for each English text of the page; nothing for English and a language that is not here."""
    words: dict[str, str] = json.loads(_data(language)) if language in files() else {}
    return words


def script() -> bytes:
    """What puts the page into a language; it is to run before the page is made."""
    here = {name: title for name, title in NAMES.items() if name == "en" or name in files()}
    code = (Path(__file__).parent / "words.js").read_text(encoding="utf-8").strip()
    named = code.replace("__NAMES__", json.dumps(here)).replace("__FILES__", json.dumps(files()))
    return named.encode() + b"\n"


def choice() -> str:
    """The menu of languages, as HTML for the head of the page."""
    here = ("en", *files())
    options = "".join(f'<option value="{name}" lang="{name}">{html.escape(NAMES[name])}</option>' for name in here)
    return f'<select id="page-language" aria-label="Language" translate="no">{options}</select>'


@functools.cache
def _data(language: str) -> bytes:
    """A language's file without what only an editor needs."""
    words = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return json.dumps(words, ensure_ascii=False, separators=(",", ":")).encode()
