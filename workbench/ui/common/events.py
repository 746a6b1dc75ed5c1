"""Where a handler meets the screen: errors become toasts here and nowhere else, and ZeroGPU is asked for here.

A handler is a module-level function whose first argument is the bench; `bound` gives Gradio the rest of it.
"""

import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from workbench.bench import Workbench
from workbench.errors import Cancelled, WorkbenchError

try:
    from spaces import GPU as GPU  # type: ignore[attr-defined]  # mypy sees our folder of the same name
except ImportError:

    def GPU(function: Callable[..., Any] | None = None, **options: Any) -> Any:
        """Off ZeroGPU a function stays as it is."""
        return function if function is not None else lambda inner: inner


log = logging.getLogger("workbench")

MODELS_QUEUE = "models"
"""`concurrency_id` of every event that runs a model: two at a time share the cores."""
MODELS_AT_ONCE = 2


def bound(function: Callable[..., Any], bench: Workbench) -> Callable[..., Any]:
    """`function` with its first argument filled in and its errors turned into toasts.

    A WorkbenchError shows its sentence. Anything else is a bug: the person reads that it is ours, the log gets the type
    and place, never the photo or the values.
    """
    signature = inspect.signature(function)
    rest = signature.replace(parameters=list(signature.parameters.values())[1:])

    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def handler(*args: Any, **kwargs: Any) -> Iterator[Any]:
            try:
                yield from function(bench, *args, **kwargs)
            except Exception as error:  # noqa: BLE001 - the one place that turns errors into toasts
                raise _toast(error) from None
    else:

        @functools.wraps(function)
        def handler(*args: Any, **kwargs: Any) -> Any:
            try:
                return function(bench, *args, **kwargs)
            except Exception as error:  # noqa: BLE001 - the one place that turns errors into toasts
                raise _toast(error) from None

    handler.__signature__ = rest  # type: ignore[attr-defined]
    handler.__annotations__ = {
        name: hint for name, hint in function.__annotations__.items() if name != next(iter(signature.parameters))
    }
    del handler.__wrapped__  # type: ignore[attr-defined]
    return handler


def _toast(error: Exception) -> Exception:
    if isinstance(error, gr.Error):
        return error
    if isinstance(error, Cancelled):
        return gr.Error("Stopped.", title="Cancelled", duration=4, print_exception=False)
    if isinstance(error, WorkbenchError):
        return gr.Error(str(error), title="Could not do that", duration=12, print_exception=False)
    if isinstance(error, MemoryError):
        return gr.Error(
            "This machine ran out of memory. Try a smaller photo or model.",
            title="Out of memory",
            print_exception=False,
        )
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown place"
    log.error("unexpected %s at %s", type(error).__name__, place)
    return gr.Error(
        (
            f"Something went wrong on our side ({type(error).__name__}). Your photo is untouched; please report what you "  # noqa: E501
            f"pressed."
        ),
        title="Unexpected error",
        duration=12,
        print_exception=False,
    )
