"""The state of one result on the screen: empty, running, done, out of date, failed. Every tab's results go through it.

A new, failed or removed photo clears the results of the old one and disables its downloads; a changed choice marks them
out of date; Cancel is there only while something runs; what failed says why beside its button. The states themselves
turn over in the browser (`outcome.js`), so that nothing old is shown while the server is asked.
"""

import html
import json
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from workbench.ui.common.door import REFUSED, Page
from workbench.ui.common.widgets import QUIET


def run_buttons(name: str, stem: str) -> tuple[gr.Button, gr.Button]:
    """The primary button of a tab, always in reach, and its Cancel, which shows only while something runs."""
    with gr.Row(elem_classes="actions") as row:
        start = gr.Button(name, variant="primary", elem_id=f"{stem}-start", min_width=120)
        stop = cancel_button(f"{stem}-stop")
    in_reach(row)
    return start, stop


def in_reach(row: gr.Row) -> None:
    """Move a row of buttons up in its column: right below what a person has to give (photo, consent), above every
    setting, so that it is on the screen at first and covers nothing."""
    if row.parent is None:
        return
    beside = row.parent.children
    beside.remove(row)
    beside.insert(_after_given(beside), row)


def _after_given(children: Sequence[Any]) -> int:
    """How many of `children` come before the first setting; examples count where something to give follows them."""
    place = 0
    for number, child in enumerate(children, start=1):
        if _is_given(child):
            place = number
        elif not isinstance(child, (gr.Dataset, gr.State)):
            break
    return place


def _is_given(part: Any) -> bool:
    if isinstance(part, (gr.Row, gr.Column)):
        return bool(part.children) and all(_is_given(each) for each in part.children)
    consent = isinstance(part, gr.Checkbox) and str(part.elem_id).endswith("consent")
    return consent or isinstance(part, (gr.Image, gr.Gallery, gr.File, gr.Video))


def cancel_button(elem_id: str) -> gr.Button:
    """A Cancel that `Outcome` shows only while something runs."""
    return gr.Button("Cancel", elem_id=elem_id, elem_classes="cancel", interactive=False, min_width=90)


class Outcome:
    """The line above a result that says in which state it is; made where it is to stand, first in the results' column.

    Everything else in that column is dimmed while the line says that it is out of date.
    """

    def __init__(
        self,
        stem: str,
        start: gr.Button,
        stop: gr.Button | None = None,
        named: Sequence[gr.components.Component] = (),
        empty: str = "",
    ) -> None:
        """stem: a name of its own on the page. start: what "again" presses. stop: its Cancel. named: the choices a
        result is told by, in the order model, target, method; each has an elem_id. empty: said before there is one."""
        self.stem, self.start, self.stop, self.empty = stem, start, stop, empty
        self._runs: list[Any] = []
        self._begun: list[tuple[int, list[Any]]] = []
        self._shown: list[Any] = []
        self._stopping: list[Any] = []
        about = {
            "start": start.elem_id,
            "name": str(start.value),
            "named": [str(choice.elem_id) for choice in named],
            "cancel": stop is not None,
            "empty": empty,
        }
        self.line = gr.HTML(line("empty", empty, about), elem_id=f"{stem}-state", elem_classes="outcome", padding=False)
        self._outputs = [self.line] if stop is None else [self.line, stop]

    def run(
        self,
        triggers: Callable[..., Any] | Sequence[Callable[..., Any]],
        fn: Callable[..., Any],
        inputs: Sequence[Any],
        outputs: Sequence[Any],
        **options: Any,
    ) -> Any:
        """The event that makes the result when one of `triggers` happens, e.g. `start.click`; options as for Gradio's.

        Returns the event, to chain more on it. Call it before `photos` and `cancels`.
        """
        asked = [triggers] if callable(triggers) else list(triggers)
        begun = gr.on(asked, None, None, self._outputs, **QUIET)
        self._begun.append((begun["id"], []))
        self._hold(outputs, self._begun[-1:])
        return self._followed(gr.on(asked, fn, list(inputs), list(outputs), **options), outputs)

    def photos(
        self,
        sources: Sequence[gr.components.Component],
        *,
        clears: Sequence[Any] = (),
        then: dict[str, Any] | None = None,
    ) -> Any:
        """Clear every result, and `clears`, when a photo of `sources` is new, failed or removed; stop what still runs.

        then: fn, inputs, outputs and options of an event that follows at once, when there is a photo: once per change,
        although a box tells a replaced photo twice. Returns that event, or the one after which results are clear.
        """
        paths = gr.Textbox("", visible="hidden", label="photo", elem_id=f"{self.stem}-paths")
        several = list(sources)
        gr.on([source.change for source in several], None, several, paths, js=_PATHS, **QUIET)
        paths.change(None, paths, self._outputs, js=self._call("cleared"), **QUIET)
        self._stopping.append(self._stops(paths.change))
        waited = paths.change(None, None, None, js=self._call("waited"), **QUIET)
        gone = waited.then(*self._emptying(clears), queue=False, **QUIET)
        ready = gone.then(None, paths, self._outputs, js=self._call("ready", at_once=then is not None), **QUIET)
        if then is None:
            return ready
        sure = ready.then(None, paths, None, js=_SURE, **QUIET)
        asked = {"api_visibility": "private", "trigger_mode": "always_last", **then}
        run = self._followed(sure.success(**asked), asked["outputs"])
        self.also(run)
        return run

    def also(self, *events: Any) -> None:
        """Stop these too when the photo changes or on Cancel: what follows a result and belongs to it."""
        for stopping in self._stopping:
            stopping.cancels = [*stopping.cancels, *(event["id"] for event in events)]

    def after(
        self, event: Any, fn: Callable[..., Any], inputs: Sequence[Any], outputs: Sequence[Any], **options: Any
    ) -> Any:
        """As `run`, for an event that follows on another one that ended well, e.g. on the answer that comes first."""
        begun = event.success(None, None, self._outputs, **QUIET)
        self._begun.append((begun["id"], []))
        self._hold(outputs, self._begun[-1:])
        run = self._followed(begun.then(fn, list(inputs), list(outputs), **options), outputs)
        self.also(run)
        return run

    def ages(self, *choices: Any, after: Any = None) -> None:
        """Mark the result out of date when a person changes one of `choices`, and after an event that ended well, such
        as the strip's choice of a face (None where there is no strip)."""
        moved = [getattr(choice, "input", None) or choice.change for choice in choices]
        gr.on(moved, None, None, self.line, js=self._call("aged"), **QUIET)
        if after is not None:
            after.success(None, None, self.line, js=self._call("aged"), **QUIET)

    def cancels(self, *, clears: Sequence[Any] = ()) -> Any:
        """Let Cancel end what runs and keep nothing of it."""
        if self.stop is None:
            raise ValueError("this outcome has no Cancel")
        self.stop.click(None, None, self._outputs, js=self._call("stopped"), **QUIET)
        self._stopping.append(self._stops(self.stop.click))
        waited = self.stop.click(None, None, None, js=self._call("waited"), **QUIET)
        return waited.then(*self._emptying(clears), queue=False, **QUIET)

    def _stops(self, trigger: Callable[..., Any]) -> Any:
        """The event that stops what runs, before anything else is done; it learns of later runs."""
        trigger(None, None, None, cancels=self._runs, **QUIET)
        here = gr.context.Context.root_block
        return max(here.fns.values(), key=lambda fn: fn._id)  # Gradio makes it last, as an event of its own

    def _emptying(self, clears: Sequence[Any]) -> tuple[Callable[[], Any], None, list[Any]]:
        """Function, inputs and outputs of an event that takes every result away."""
        self._hold(clears, self._begun)
        shown = [*self._shown, *(each for each in clears if each not in self._shown)]
        return lambda: _one_or_all([emptied(each) for each in shown]), None, shown

    def _hold(self, parts: Sequence[Any], begun: Sequence[tuple[int, list[Any]]]) -> None:
        """Let the downloads among `parts` not be pressed from the beginning of a run on: they are an older one's."""
        for number, held in begun:
            held += [each for each in parts if isinstance(each, gr.DownloadButton) and each not in held]
            event = gr.context.Context.root_block.fns[number]
            event.outputs, event.js = [*self._outputs, *held], self._call("begun", held=len(held))

    def _followed(self, run: Any, outputs: Sequence[Any]) -> Any:
        """An event whose end the line tells, and nothing else: no second time in a corner of the page."""
        self._runs.append(run)
        if isinstance(page := gr.context.Context.root_block, Page):
            page.told_beside.add(run["id"])
        new = [each for each in outputs if each is not self.line and each not in self._shown]
        self._shown += new
        files = [each for each in outputs if isinstance(each, gr.DownloadButton)]
        run.success(None, None, [*self._outputs, *files], js=self._call("done", files=len(files)), **QUIET)
        number, shown = run["id"], list(outputs)

        def failed() -> Any:
            sentence = REFUSED.get().pop(number, None)
            cancel = [] if self.stop is None else [gr.Button(interactive=False)]
            if sentence is None:  # stopped by a newer photo or by Cancel, which say so themselves
                return _one_or_all([gr.skip() for _ in (*self._outputs, *shown)])
            return _one_or_all([line("error", sentence), *cancel, *(emptied(each) for each in shown)])

        run.failure(failed, None, [*self._outputs, *shown], queue=False, js=self._call("failed"), **QUIET)
        return run

    def _call(self, step: str, **told: Any) -> str:
        return f"(...values) => window.outcome.{step}({json.dumps({'stem': self.stem, **told})}, values)"


_PATHS = "(...photos) => window.outcome.paths(photos)"

_SURE = "paths => { if (!paths) throw new Error('there is no photo'); return []; }"
"""Ends a chain of events, without a word, where the photo was taken away."""


def line(state: str, words: str, about: dict[str, Any] | None = None) -> str:
    """The line in a state: empty, running, done, stale or error. about: what the browser is to know of the outcome; the
    first line tells it."""
    role = ' role="alert"' if state == "error" else ""  # the other states are read out by `spoken.js`
    told = f' data-about="{html.escape(json.dumps(about))}"' if about else ""
    return f'<div class="state"{role} data-state="{state}"{told}>{html.escape(words)}</div>'


def emptied(component: Any) -> Any:
    """What takes a result away: a download that leads nowhere and cannot be pressed, else what stood there at first."""
    if isinstance(component, gr.State):
        return None
    if isinstance(component, gr.DownloadButton):
        return gr.update(value=None, interactive=False)
    return gr.update(value=component.value if isinstance(component.value, str) else None, visible=component.visible)


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
