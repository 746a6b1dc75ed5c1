"""The page without what every visitor gets alike: that is one file of its own, named after what is in it, which a
browser fetches once. What only clients of the API read is left out, as is what lies in tabs that are sent when they are
opened (`later.py`), and the card that sites show of a link is ours.

A page it does not understand is passed on as it came.
"""

import hashlib
import html
import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from workbench.ui.common import later
from workbench.ui.common.door import Message, Receive, Send, reply

ALIKE = ("components", "dependencies", "layout", "page", "css", "js")
"""Keys of Gradio's configuration that are the same for every visitor."""
KEPT = 8
"""Files kept; one is all that a server needs while its pages are the same for everybody."""
NAME = re.compile(r"/page-([0-9a-f]{32})\.js$")
FOREVER = ((b"cache-control", b"public, max-age=31536000, immutable"),)
"""A file's name says what is in it."""
HERE = "@@here@@"
"""Stands for the server's address, which is not the same behind every name it answers to."""
_FILE = (
    b"window.gradio_alike = root => { const read = text => JSON.parse(text.replaceAll('@@here@@', "
    b"JSON.stringify(root).slice(1, -1))); window.gradio_api_info = read(%s); return read(%s); };"
)
_PLACE = "<script>document.documentElement.dataset.tab=new URLSearchParams(location.search).get('tab')||''</script>"
"""Which tab is open, before anything is laid out: what stands above the tabs depends on it, and would come and go."""
_CONFIG = re.compile(r"<script>window\.gradio_config = (\{.*?\});</script>", re.DOTALL)
_INFO = re.compile(r"<script>window\.gradio_api_info = (\{.*?\});</script>", re.DOTALL)
_CARD = re.compile(r'\s*<meta\s+(?:property|name)="(?:og|twitter):[^>]*>')


class Light:
    """Answers a page in two parts, of which the larger is kept by the browser."""

    def __init__(
        self, app: Any, title: str, sentence: str, doors: Mapping[int, int] | None = None, script: bytes = b""
    ) -> None:
        """app: the ASGI application behind. title, sentence: what a link to the page is shown with. doors: the tabs
        that are sent later, by id, with the event that opens each. script: what is to run before the page is made."""
        self._app, self._title, self._sentence, self._doors, self._script = app, title, sentence, doors or {}, script
        self._files: OrderedDict[str, bytes] = OrderedDict()
        self._pages: OrderedDict[tuple[bytes, bool], tuple[bytes, str]] = OrderedDict()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer the second part, or pass the request on and split the page that comes back."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        found = NAME.search(scope["path"])
        data = self._files.get(found.group(1)) if found else None
        if data is not None:
            await reply(send, 200, data, "text/javascript; charset=utf-8", FOREVER, scope["method"] == "HEAD")
            return
        whole = _asks_for_all(scope)
        await self._app(scope, receive, _Splitting(send, lambda page: self.split(page, whole)).send)

    def split(self, page: bytes, whole: bool = False) -> bytes:
        """A page without its larger part, which is kept to be asked for; any other text as it came. whole: also what is
        in tabs that are not open."""
        key = (hashlib.sha256(page).digest(), whole)
        light, name = self._pages.get(key, (b"", ""))
        if not light or (name and name not in self._files):  # pages by forged addresses push files out
            light, name = self._split(page, whole)
        _keep(self._pages, key, (light, name))
        if name:
            _keep(self._files, name, self._files[name])
        return light

    def _split(self, page: bytes, whole: bool) -> tuple[bytes, str]:
        """A page's first part, and the name of the file that holds the other; "" for a page that came as it is."""
        text = page.decode("utf-8", "replace")
        config, info = _CONFIG.search(text), _INFO.search(text)
        if config is None or info is None:
            return page, ""
        own, told = json.loads(config.group(1)), json.loads(info.group(1))
        if self._doors and whole:
            own = later.everything(own, self._doors)
        elif self._doors:
            own, told = later.first(own, self._doors), {"named_endpoints": {}, "unnamed_endpoints": {}}
        root = str(own.get("root", ""))
        alike = {name: own.pop(name) for name in ALIKE if name in own}
        for row in alike.get("components", []):
            for name in later.FOR_CLIENTS:
                row.pop(name, None)
        data = self._script + _FILE % (_text(told, root), _text(alike, root))
        name = hashlib.sha256(data).hexdigest()[:32]
        _keep(self._files, name, data)
        light = (
            f'{_PLACE}<script src="page-{name}.js"></script><script>window.gradio_config = {_script(own)};'
            "Object.assign(window.gradio_config, window.gradio_alike(window.gradio_config.root));</script>"
        )
        text = text[: config.start()] + light + text[config.end() : info.start()] + text[info.end() :]
        return self._placed(self._carded(text), html.escape(root)).encode(), name

    @staticmethod
    def _placed(text: str, root: str) -> str:
        """The page with its icon and manifest where it lies, also behind a prefix: browsers and Gradio look for both at
        the host's root."""
        text = text.replace('href="/manifest.json"', f'href="{root}/manifest.json"')
        return text.replace("</head>", f'<link rel="icon" href="{root}/favicon.ico" /></head>', 1)

    def _carded(self, text: str) -> str:
        """The page with our own card instead of Gradio's, which shows a picture of another site."""
        title, sentence = html.escape(self._title), html.escape(self._sentence)
        card = (
            f'<meta property="og:title" content="{title}" /><meta property="og:type" content="website" />'
            f'<meta property="og:description" content="{sentence}" /><meta name="description" content="{sentence}" />'
            '<meta name="twitter:card" content="summary" />'
        )
        return _CARD.sub("", text).replace("<head>", f"<head>{card}", 1)


class _Splitting:
    """Holds an answer back when it is a page, until it is whole."""

    def __init__(self, send: Send, split: Any) -> None:
        self._send, self._split = send, split
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        """Gradio's answer, part by part."""
        if message["type"] == "http.response.start" and _is_page(message):
            self._start = message
        elif message["type"] == "http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._whole()
        else:
            await self._send(message)

    async def _whole(self) -> None:
        body, start = self._split(self._body) if self._body else b"", self._start
        if start is None:
            return
        self._start = None
        if body:  # nothing is sent for HEAD, whose length is the page's
            size = str(len(body)).encode()
            start["headers"] = [
                (name, size if name.lower() == b"content-length" else value) for name, value in start["headers"]
            ]
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})


def _asks_for_all(scope: Message) -> bool:
    """Whether a page shows what only the whole configuration tells: the API's own page, or what somebody keeps a link
    to."""
    asked = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    return "deep_link" in asked or any(view.startswith("api") for view in asked.get("view", ()))


def _is_page(message: Message) -> bool:
    headers = {name.lower(): value for name, value in message["headers"]}
    return (
        message["status"] == 200
        and headers.get(b"content-type", b"").startswith(b"text/html")
        and b"content-encoding" not in headers
    )


def _script(value: Any) -> str:
    """JSON that may stand inside a script."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c")


def _text(value: Any, root: str) -> bytes:
    """JSON as a string of JavaScript, in which the address of the server is left open."""
    text = _script(value)
    if root:
        text = text.replace(json.dumps(root)[1:-1], HERE)
    return ("'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'").encode()


def _keep(kept: "OrderedDict[Any, Any]", key: Any, value: Any) -> None:
    """Keep a value as the last one that was asked for."""
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > KEPT:
        kept.popitem(last=False)
