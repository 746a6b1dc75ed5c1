"""Where a handler meets the screen: errors become toasts here and nowhere else, and ZeroGPU is asked for here.

A handler is a module-level function whose first argument is the bench; `bound` gives Gradio the rest of it.
"""

import contextlib
import functools
import inspect
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from workbench.bench import AT_ONCE, Workbench
from workbench.catalog.spec import TASKS
from workbench.errors import Cancelled, WorkbenchError
from workbench.places import HELD, LOOK, PATIENCE
from workbench.ui.common.admission import opening
from workbench.ui.common.background import in_background
from workbench.ui.common.door import STOPPED, where
from workbench.watch import Watch

try:
    from spaces import GPU as _on_zero_gpu  # type: ignore[attr-defined]  # mypy sees our folder of the same name
except ImportError:

    def _as_it_is(function: Callable[..., Any], **options: Any) -> Any:
        """Without the package a function stays as it is, as it does off ZeroGPU."""
        return function

    _on_zero_gpu = _as_it_is


log = logging.getLogger("workbench")

MODELS_QUEUE = "models"
"""`concurrency_id` of every event that runs a model: two at a time share the cores."""
MODELS_AT_ONCE = AT_ONCE


def GPU(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a handler that runs a model: `bound` asks ZeroGPU for a card for it.

    Not before the bench is filled in: ZeroGPU runs a call in a process of its own and pickles what it is called with,
    and a bench holds locks and networks.
    """
    function.runs_model = True  # type: ignore[attr-defined]
    return function


def bound(function: Callable[..., Any], bench: Workbench) -> Callable[..., Any]:
    """`function` with its first argument filled in and its errors turned into toasts.

    A WorkbenchError shows its sentence. Anything else is a bug: the person reads that it is ours, the log gets the type
    and place, never the photo or the values.
    """
    works = hasattr(function, "runs_model")
    if works and not inspect.isgeneratorfunction(function):
        function = _beside_the_screen(function)
    signature = inspect.signature(function)
    rest = signature.replace(parameters=list(signature.parameters.values())[1:])

    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def handler(*args: Any, **kwargs: Any) -> Iterator[Any]:
            try:
                yield from _in_turn(bench, works, function(bench, *args, **kwargs), args)
            except Exception as error:  # noqa: BLE001 - the one place that turns errors into toasts
                raise _toast(error) from None
    else:

        @functools.wraps(function)
        def handler(*args: Any, **kwargs: Any) -> Any:
            try:
                with _turn(bench, works, args):
                    return function(bench, *args, **kwargs)
            except Exception as error:  # noqa: BLE001 - the one place that turns errors into toasts
                raise _toast(error) from None

    handler.__signature__ = rest  # type: ignore[attr-defined]
    handler.__annotations__ = {
        name: hint for name, hint in function.__annotations__.items() if name != next(iter(signature.parameters))
    }
    del handler.__wrapped__  # type: ignore[attr-defined]
    return _on_zero_gpu(handler, duration=_seconds(bench)) if works else handler


def _beside_the_screen(function: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
    """A handler that runs a model as a generator: it works in a thread of its own, and Cancel or leaving ends it.

    What it tells Gradio's progress goes through its watch, which raises Cancelled; a handler that tells nothing is
    asked by the loops inside its task (`watch.look`).
    """
    signature = inspect.signature(function)
    names = list(signature.parameters)
    tells, open_ended = "progress" in names, any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values())

    @functools.wraps(function)
    def steps(bench: Workbench, *args: Any, **kwargs: Any) -> Iterator[Any]:
        shown = next((value for value in (*args, *kwargs.values()) if isinstance(value, gr.Progress)), _nobody)
        args = tuple(value for value in args if value is not shown)
        kwargs = {name: value for name, value in kwargs.items() if value is not shown}

        def work(watch: Watch) -> tuple[Any]:
            told = {"progress": lambda share, desc="": watch.tell(share or 0.0, desc)} if tells else {}
            return (function(bench, *args, **kwargs, **told),)

        for found in in_background(work, shown if tells else lambda share, desc: shown(None)):
            yield gr.skip() if found is None else found[0]

    if not tells and not open_ended:
        last = inspect.Parameter("progress", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=gr.Progress())
        steps.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*signature.parameters.values(), last]
        )
    return steps


def _nobody(*args: Any, **kwargs: Any) -> None:
    """A progress that nobody sees."""


@contextlib.contextmanager
def _turn(bench: Workbench, works: bool, args: tuple[Any, ...]) -> Iterator[None]:
    """A place among those who work with models, and memory for the photos that will be opened. Raises Busy."""
    size = opening(args, bench.settings) if bench else 0
    if not works and not size:
        yield
        return
    place = bench.places.take(size, works)
    try:
        yield
    finally:
        place.leave()


def _in_turn(bench: Workbench, works: bool, steps: Iterator[Any], args: tuple[Any, ...]) -> Iterator[Any]:
    """As `_turn` for a generator: it can be closed while it waits, and a thread it started keeps its place."""
    size = opening(args, bench.settings) if bench else 0
    if not works and not size:
        yield from steps
        return
    until = time.monotonic() + PATIENCE
    with bench.places.in_line():
        while (place := bench.places.try_to_take(size, works)) is None:
            bench.places.check_patience(until)
            yield gr.skip()
            time.sleep(LOOK)
    try:
        while True:
            HELD.set(place)  # every step may run in a context of its own
            try:
                step = next(steps)
            except StopIteration:
                return
            finally:
                HELD.set(None)
            yield step
    finally:
        steps.close()  # type: ignore[attr-defined]
        place.leave()


def _seconds(bench: Workbench) -> Callable[..., int | None]:
    """How long ZeroGPU lends its card for a call: what the rows of the models it names ask for, together; None, its
    default, when they ask for nothing."""

    def duration(*args: Any, **kwargs: Any) -> int | None:
        given = [value for value in (*args, *kwargs.values()) if value is not None]
        words = {word for value in given for word in (value if isinstance(value, list) else [value]) if _is_text(word)}
        return sum(row.gpu_seconds for task in TASKS for row in bench.specs(task) if row.id in words) or None

    return duration


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _toast(error: Exception) -> Exception:
    if isinstance(error, gr.Error):
        return error
    if isinstance(error, Cancelled):
        return gr.Error("Stopped.", title=STOPPED, duration=4, print_exception=False)
    if isinstance(error, WorkbenchError):
        return gr.Error(str(error), title="Could not do that", duration=12, print_exception=False)
    if isinstance(error, MemoryError):
        return gr.Error(
            "This machine ran out of memory. Try a smaller photo or model.",
            title="Out of memory",
            print_exception=False,
        )
    log.error("unexpected %s at %s", type(error).__name__, where(error))
    return gr.Error(
        (
            f"Something went wrong on our side ({type(error).__name__}). Your photo is untouched; please report what you "  # noqa: E501
            f"pressed."
        ),
        title="Unexpected error",
        duration=12,
        print_exception=False,
    )
