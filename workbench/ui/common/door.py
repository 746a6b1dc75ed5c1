"""What comes in from a browser is stopped here: paths outside the upload folder, and pages of other sites.

Knows nothing of what a path is for. Threat model and promises: docs/security.md.
"""

import copy
import functools
import ipaddress
import json
import logging
import re
import stat
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import gradio as gr
from gradio.processing_utils import add_root_url, check_all_files_in_cache
from gradio.utils import get_upload_folder

from workbench.errors import WorkbenchError
from workbench.ui.common import later

GONE = "That file is not among your uploads (any more). Drop it again."
"""The one answer to every path that is refused, so that nobody learns what else lies on the server."""

UNFIT = "What was sent does not fit. “Use via API” below the page says what each input takes."
OURS = "Something went wrong on our side. Your photo is untouched; please report what you pressed."
STOPPED = "Cancelled"
"""The title of what ends because somebody wanted it to: no refusal."""
DEEPEST = 40
"""Nothing the page sends is nested deeper."""

CLIENT: ContextVar[str] = ContextVar("client", default="")
"""Who sent the request that is being answered: an address, or the network of an IPv6 address."""
WHO = "workbench.client"
"""Where a request's scope says so, for what is done later from the queue."""

REFUSED: ContextVar[MutableMapping[int, str]] = ContextVar("refused")
"""The last refusal of each event of the session that is being answered, for the screen to say it beside the button."""

_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_SAFE = ("GET", "HEAD", "OPTIONS")

log = logging.getLogger("workbench")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Page(gr.Blocks):
    """Blocks that hand nothing to a component or a handler that a browser should not send.

    Every call, through the queue or past it, brings its inputs through `preprocess_data`; Gradio checks only payloads
    that say of themselves that they are files. What goes wrong is answered with a sentence and logged in one line.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        """As Gradio's."""
        self._refused: WeakKeyDictionary[Any, dict[int, str]] = WeakKeyDictionary()
        self.told_beside: set[int] = set()
        self._parts: tuple[Any, dict[int, dict[str, Any]]] = (None, {})
        super().__init__(*args, **options)

    async def process_api(
        self, block_fn: Any, inputs: list[Any], state: Any = None, *args: Any, **options: Any
    ) -> dict[str, Any]:
        """Gradio's own; what is refused is kept for the session's next question, which may be why."""
        refused = self._refused.setdefault(state, {}) if state is not None else {}
        REFUSED.set(refused)
        number = block_fn if isinstance(block_fn, int) else block_fn._id
        try:
            answer = await super().process_api(block_fn, inputs, state, *args, **options)
            if number in self.behind:
                answer["render_config"] = self._opened(number, options.get("root_path"))
            return answer
        except gr.Error as error:
            if error.title != STOPPED:
                refused[number] = str(error.message)
            error.visible = error.visible and number not in self.told_beside  # its line says it
            if error.visible:  # a toast shows HTML, and a zip's photo has any name
                error.message = _TAG.sub("‹", str(error.message))
            raise

    @functools.cached_property
    def doors(self) -> dict[int, int]:
        """The event that opens each tab that is sent later: id of the tab → id of the event."""
        return later.doors(self)

    @functools.cached_property
    def behind(self) -> dict[int, int]:
        """The tab behind each of `doors`."""
        return {door: tab for tab, door in self.doors.items()}

    def _opened(self, door: int, root: str | None) -> dict[str, Any]:
        """What is in a tab, for the page to add."""
        config, parts = self._parts
        if config is not self.config:  # a model was added to the choices
            config, parts = self._parts = self.config, {}
        if door not in parts:
            parts[door] = later.rest(config, self.doors, self.behind[door])
        part = parts[door]
        return part if root is None else add_root_url(copy.deepcopy(part), root, None)

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], state: Any, explicit_call: bool = False) -> Any:
        """Gradio's own, after every value in `inputs` was looked at. Raises gr.Error with a sentence."""
        if not explicit_call:
            folder = Path(get_upload_folder())
            if len(inputs) != len(block_fn.inputs) or unfit(inputs):
                raise _refusal(UNFIT)
            for path in paths(inputs):
                if not is_upload(path, folder):
                    raise _refusal(GONE)
            if block_fn.fn is None:  # the page's own script, which never asks here
                raise _refusal(UNFIT)
        try:
            return await super().preprocess_data(block_fn, inputs, state, explicit_call)
        except gr.Error as error:
            raise _refusal(error.message) from None
        except Exception as error:  # noqa: BLE001 - components raise anything at what does not fit
            log.warning("an input of /%s did not fit: %s", block_fn.api_name, type(error).__name__)
            raise _refusal(UNFIT) from None

    async def call_function(self, block_fn: Any, *args: Any, **options: Any) -> Any:
        """Gradio's own. Raises gr.Error, also for a handler that was not wrapped by `events.bound`."""
        for asked in (*args, *options.values()):
            if isinstance(asked, gr.EventData):
                _check_event(asked._data)
            if isinstance(asked, gr.Request):  # from the queue, whose own context knows no client
                CLIENT.set(getattr(asked.request, "scope", {}).get(WHO, ""))
        try:
            return await super().call_function(block_fn, *args, **options)
        except StopAsyncIteration:
            raise
        except gr.Error as error:
            raise (
                _refusal(UNFIT) if error.print_exception else error
            ) from None  # Gradio's own would print a traceback
        except WorkbenchError as error:
            raise _refusal(str(error)) from None
        except Exception as error:  # noqa: BLE001 - one line for whatever it is
            log.error("/%s failed: %s at %s", block_fn.api_name, type(error).__name__, where(error))
            raise _refusal(OURS) from None

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> list[Any]:
        """Gradio's own. Raises gr.Error when an answer of ours does not fit its component."""
        try:
            return await super().postprocess_data(block_fn, predictions, state)
        except Exception as error:  # noqa: BLE001 - one line for whatever it is
            log.error("an answer of /%s did not fit: %s at %s", block_fn.api_name, type(error).__name__, where(error))
            raise _refusal(OURS) from None


def _refusal(sentence: str) -> gr.Error:
    return gr.Error(sentence, title="Could not do that", duration=12, print_exception=False)


def _check_event(sent: Any) -> None:
    """What came with an event is looked at before Gradio looks for files in it. Raises gr.Error with a sentence."""
    if unfit(sent):
        raise _refusal(UNFIT)
    try:
        check_all_files_in_cache(sent)
    except Exception:  # noqa: BLE001 - a path of any type; Gradio's own sentence would repeat it
        raise _refusal(GONE) from None


def where(error: BaseException) -> str:
    """Where an error was raised, for the log: file and line, no values."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "unknown place"


def unfit(value: Any) -> bool:
    """Whether a JSON value is nested deeper than `DEEPEST` or holds text that is no Unicode (half a surrogate pair)."""
    left = [(value, 0)]
    while left:
        here, depth = left.pop()
        if depth > DEEPEST or (isinstance(here, str) and _half.search(here)):
            return True
        if isinstance(here, dict):
            left.extend((part, depth + 1) for pair in here.items() for part in pair)
        elif isinstance(here, (list, tuple)):
            left.extend((part, depth + 1) for part in here)
    return False


_half = re.compile("[\ud800-\udfff]")


def paths(value: Any) -> Iterator[Any]:
    """Everything in a JSON value that stands under the key "path" and is not null, however deep."""
    left = [value]
    while left:
        here = left.pop()
        if isinstance(here, dict):
            if here.get("path") is not None:
                yield here["path"]
            left.extend(here.values())
        elif isinstance(here, (list, tuple)):
            left.extend(here)


def is_upload(path: Any, folder: Path) -> bool:
    """Whether `path` is text that names a regular file inside `folder`, links followed."""
    if not isinstance(path, str):
        return False
    try:
        real = Path(path).resolve(strict=True)
        return real.is_relative_to(folder.resolve()) and stat.S_ISREG(real.stat().st_mode)
    except (OSError, ValueError, RuntimeError):
        return False


class SameSite:
    """Refuses requests that name another host or come from another site's page (DNS rebinding, cross-site posts).

    A server bound to loopback answers to loopback names and to `hosts`; any other server only to `hosts`, when there
    are some.
    """

    def __init__(self, app: Any, bound_to: str, hosts: tuple[str, ...] = ()) -> None:
        """app: the ASGI application behind the door. bound_to: the address it listens on. hosts: more names it answers
        to."""
        self._app, self._hosts = app, frozenset(name.lower() for name in hosts)
        self._loopback = is_loopback(bound_to)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403 with a sentence."""
        if scope["type"] == "http" and (refusal := self._refusal(scope)):
            await answer(send, 403, {"detail": refusal})
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Message) -> str:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if (self._loopback or self._hosts) and not self._ours(host := _host(f"//{headers.get('host', '')}")):
            return f"This server does not answer to the name {host[:80]!r}. Name it in WORKBENCH_ALLOWED_HOSTS if it should."  # noqa: E501
        origin = headers.get("origin")
        if (
            origin
            and scope["method"] not in _SAFE
            and (self._loopback or self._hosts)
            and not self._ours(_host(origin))
        ):
            return "Pages of other sites may not use this server."
        return ""

    def _ours(self, host: str) -> bool:
        return host in self._hosts or (self._loopback and is_loopback(host))


def is_loopback(host: str) -> bool:
    """Whether an address or name means this very machine."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


class Quiet:
    """Turns what the layers behind it raise into one line of the log and a sentence: no traceback, no values."""

    def __init__(self, app: Any) -> None:
        """app: the ASGI application behind."""
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass the request on; answer 400 when nobody could make anything of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = ended = False
        held: Message | None = None

        async def told(message: Message) -> None:
            nonlocal begun, ended, held
            if message["type"] == "http.response.start" and message["status"] == 500:
                held = message  # Gradio answers 500 to a refusal too: only the words tell whose fault it was
                return
            if held is not None:
                start, held, begun = held, None, True
                refused = b"on our side" not in message.get("body", b"") and b'"error"' in message.get("body", b"")
                await send({**start, "status": 400} if refused else start)
            begun = begun or message["type"] == "http.response.start"
            ended = ended or (message["type"] == "http.response.body" and not message.get("more_body", False))
            await send(message)

        try:
            await self._app(scope, receive, told)
        except Exception as error:  # noqa: BLE001 - whatever it is, its text may hold what the visitor sent
            log.warning("a request to %s failed: %s at %s", _route(scope["path"]), type(error).__name__, where(error))
            if not begun:
                await answer(send, 400, {"detail": UNFIT})
            elif not ended:
                await send({"type": "http.response.body", "body": b""})


def _route(path: str) -> str:
    """The first word of an address below the API's prefix: never what a visitor put into it."""
    word = path.removeprefix("/gradio_api").strip("/").partition("/")[0].partition("=")[0]
    return word if re.fullmatch("[a-z_.]{1,20}", word) else "an address"


async def answer(send: Send, status: int, body: Any, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Answer a request with JSON."""
    await reply(send, status, json.dumps(body).encode(), "application/json", headers)


async def reply(
    send: Send, status: int, data: bytes, kind: str, headers: Iterable[tuple[bytes, bytes]] = (), head: bool = False
) -> None:
    """Answer a request with bytes of a kind. head: with nothing but their length."""
    told = [(b"content-type", kind.encode()), (b"content-length", b"%d" % len(data))]
    await send({"type": "http.response.start", "status": status, "headers": [*told, *headers]})
    await send({"type": "http.response.body", "body": b"" if head else data})
