"""Fetch a model from inside a tab: its size and licences first, then a bar and Cancel. One download at a time.

Only where the person owns the machine: on a Space, or offline, the command is shown and the server refuses.
"""

import html
import queue
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from workbench.bench import Workbench, fetch_command
from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest, Cancelled, NotAllowed
from workbench.sources import fetching as sources
from workbench.ui.common.add_model import add_form, offer_everywhere
from workbench.ui.common.card_view import card_view
from workbench.ui.common.door import CLIENT
from workbench.ui.common.events import bound
from workbench.ui.common.widgets import QUIET, model_notes

FETCHED = ("hub", "wheel", "npm")
"""Schemes of sources that can be downloaded; "local" files are brought by the person."""

_EVERY = 0.25


@dataclass(frozen=True, slots=True)
class Step:
    """One message from the thread that downloads. error: what it ended with; done: nothing more comes."""

    have: int = 0
    total: int = 0
    name: str = ""
    error: BaseException | None = None
    done: bool = False


@dataclass(slots=True)
class Download:
    """The one download a workbench's pages may run. running: held meanwhile. stop: set to end it."""

    running: threading.Lock = field(default_factory=threading.Lock)
    stop: threading.Event = field(default_factory=threading.Event)


_downloads: "weakref.WeakKeyDictionary[Workbench, Download]" = weakref.WeakKeyDictionary()
_guard = threading.Lock()


def download_of(bench: Workbench) -> Download:
    """The download of this workbench, shared by all its pages."""
    with _guard:
        return _downloads.setdefault(bench, Download())


def fetch_panel(bench: Workbench, *tasks: str, choice: gr.Dropdown | None = None, form: bool = True) -> None:
    """What "Models and licences" holds: the table of a task's (or several tasks') models, their cards, the form that
    adds one, and a way to bring the absent ones here.

    choice: a model dropdown that gets the new model as soon as it is here. form: with cards and the form.
    """
    table = gr.Markdown(_tables(bench, tasks))
    if form:
        card_view(bench, tasks)
        add_form(bench, tasks, choice)
    absent = _absent(bench, tasks)
    if not allowed(bench) or not absent:
        return
    with gr.Row():
        model = gr.Dropdown(
            [(spec.title, spec.id) for spec in absent], value=absent[0].id, label="Bring a model here", scale=3
        )
        token = gr.Textbox("", label="Owner's token", type="password", max_lines=1, scale=2, min_width=140)
        start = gr.Button("Download", size="sm", min_width=110)
        stop = gr.Button("Cancel", size="sm", min_width=90, interactive=False)
    terms = gr.Markdown(describe(bench, absent[0].id))
    bar = gr.HTML()
    names = gr.State(tasks)
    outputs = [bar, start, stop, table, model, *([choice] if choice is not None else [])]
    model.change(bound(describe, bench), model, terms, **QUIET)
    start.click(
        bound(fetch_with_choice if choice is not None else fetch_model, bench),
        [model, names, token],
        outputs,
        concurrency_id="fetch",
        concurrency_limit=2,
        **QUIET,
    )
    stop.click(bound(cancel, bench), None, bar, **QUIET)


def allowed(bench: Workbench) -> bool:
    """Whether this process may download when a visitor asks: not on a Space, not offline."""
    return not bench.settings.space and not bench.settings.offline


def describe(bench: Workbench, model: str | None) -> str:
    """Size, licences, origin and command of a model, as Markdown: what a person should know before the download."""
    if not model:
        return ""
    spec = bench.spec(model)
    size = f"{spec.download_bytes / 1e6:.0f} MB" if spec.download_bytes else "size not known"
    origins = ", ".join(dict.fromkeys(file.source.rpartition(":")[0] for file in spec.files if file.scheme in FETCHED))
    lines = [
        f"**{spec.title}**: {size} from {origins}.",
        f"Weights: {spec.weights_license or 'licence unknown'}. Trained on: {spec.data_license or 'unknown'}.",
        f"{spec.note[:1].upper()}{spec.note[1:]}." if spec.note else "",
        f"The same by command: `{fetch_command(spec)}`",
    ]
    return "  \n".join(line for line in lines if line)


def fetch_model(bench: Workbench, model: str, tasks: tuple[str, ...], token: str = "") -> Iterator[tuple[Any, ...]]:
    """Download one model, telling how far it is, for whoever shows the owner's token.

    Raises NotAllowed, BadRequest, SourceUnreachable, BadWeights or Cancelled.
    """
    spec = checked(bench, model)
    check_owner(bench, token, fetch_command(spec))
    download = download_of(bench)
    if not download.running.acquire(blocking=False):
        raise BadRequest("Another model is being downloaded. Wait for it, or cancel it.")
    try:
        download.stop = threading.Event()  # a new one: an older thread keeps its own, which stays set
        yield from _told(bench, spec, download.stop)
    finally:
        download.stop.set()
        download.running.release()
    offer_everywhere(bench, spec)
    left = _absent(bench, tasks)
    yield (
        f"<b>{html.escape(spec.title)}</b> is here.",
        gr.Button(interactive=True),
        gr.Button(interactive=False),
        _tables(bench, tasks),
        gr.Dropdown([(other.title, other.id) for other in left], value=left[0].id if left else None),
    )


def fetch_with_choice(
    bench: Workbench, model: str, tasks: tuple[str, ...], token: str = ""
) -> Iterator[tuple[Any, ...]]:
    """As `fetch_model`, and puts the new model into a dropdown of models."""
    for outputs in fetch_model(bench, model, tasks, token):
        here = [(spec.title, spec.id) for spec in bench.here(bench.spec(model).task)]
        yield (*outputs, gr.Dropdown(choices=here))


def cancel(bench: Workbench) -> str:
    """Ask the running download to stop; what arrived is kept."""
    download_of(bench).stop.set()
    return "Stopping …"


def check_owner(bench: Workbench, token: Any, command: str) -> None:
    """Raises NotAllowed unless `token` is the owner's: a download takes gigabytes of the owner's disk and network."""
    from workbench.ui.labeling.room import gate

    refusal = (
        "Downloads need the owner's token (WORKBENCH_OWNER_TOKEN, or the file owner.token in the data folder). "
        f"On the machine itself: {command}"
    )
    gate(bench).check(token.strip() if isinstance(token, str) else token, CLIENT.get(), refusal)


def checked(bench: Workbench, model: str) -> ModelSpec:
    """The row of a model that may be downloaded now. Raises NotAllowed or BadRequest."""
    if not isinstance(model, str):
        raise BadRequest("Choose a model first.")
    spec = bench.spec(model)
    if not allowed(bench):
        where = (
            "On a Space visitors cannot download models"
            if bench.settings.space
            else "WORKBENCH_OFFLINE forbids downloads"
        )
        raise NotAllowed(f"{where}. Its owner can: {fetch_command(spec)}")
    if not fetchable(spec):
        raise BadRequest(f"{spec.title} cannot be downloaded: {spec.note or 'you bring its file yourself'}.")
    return spec


def fetchable(spec: ModelSpec) -> bool:
    """Whether every file of a model can be downloaded, or is here already as part of the program."""
    return any(file.scheme in FETCHED for file in spec.files) and all(
        file.scheme in (*FETCHED, "builtin") for file in spec.files
    )


def _absent(bench: Workbench, tasks: tuple[str, ...]) -> list[ModelSpec]:
    return [spec for task in tasks for spec in bench.specs(task) if fetchable(spec) and not bench.available(spec.id)]


def _tables(bench: Workbench, tasks: tuple[str, ...]) -> str:
    return "\n\n".join(model_notes(bench, task) for task in tasks)


def _told(bench: Workbench, spec: ModelSpec, stop: threading.Event) -> Iterator[tuple[Any, ...]]:
    """Download in a thread and yield a bar; closing this generator (the page went away) stops the thread too."""
    steps: queue.Queue[Step] = queue.Queue()

    def tell(have: int, total: int, name: str) -> None:
        if stop.is_set():
            raise Cancelled("stopped by the person")
        steps.put(Step(have, total, name))

    def work() -> None:
        try:
            sources.fetch(spec.files, bench.settings, tell)
            steps.put(Step(done=True))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that can show it
            steps.put(Step(error=error, done=True))

    worker = threading.Thread(target=work, name=f"fetch-{spec.id}", daemon=True)
    worker.start()
    running = gr.Button(interactive=False), gr.Button(interactive=True)
    yield (_bar(spec, Step()), *running, gr.skip(), gr.skip())
    while True:
        step = _latest(steps)
        if step.error is not None:
            yield (
                _stopped(step.error),
                gr.Button(interactive=True),
                gr.Button(interactive=False),
                gr.skip(),
                gr.skip(),
            )
            raise step.error
        if step.done:
            yield (_bar(spec, Step(spec.download_bytes, spec.download_bytes)), *running, gr.skip(), gr.skip())
            break
        yield (_bar(spec, step), *running, gr.skip(), gr.skip())
    worker.join()


def _latest(steps: "queue.Queue[Step]") -> Step:
    """The newest message, waiting a moment so that the page is told four times a second at most."""
    step = steps.get()
    until = threading.Event()
    until.wait(0 if step.done else _EVERY)
    while not step.done:
        try:
            step = steps.get_nowait()
        except queue.Empty:
            break
    return step


def _stopped(error: BaseException) -> str:
    return (
        "Stopped. What arrived is kept; Download goes on from there."
        if isinstance(error, Cancelled)
        else "The download failed."
    )


def _bar(spec: ModelSpec, step: Step) -> str:
    total = step.total or spec.download_bytes
    value = f'value="{min(step.have, total)}" max="{total}"' if total and step.have else ""
    words = f"{step.have / 1e6:.1f} of {total / 1e6:.1f} MB" if total and step.have else "asking …"
    return (
        f'<progress {value} style="width:100%"></progress><small>{html.escape(step.name or spec.title)}: '
        f"{words}</small>"
    )
