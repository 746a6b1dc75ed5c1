"""ZeroGPU's decorator as it behaves on the Hub, without the Hub: what goes in and what comes out is pickled.

The real one (`spaces.zero.wrappers`) runs a call in a forked process. It asks `duration` with the arguments first, puts
the arguments on a pipe, takes results and `gr.Error`s from another, and shows any other error by its class alone.
"""

import functools
import inspect
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr


class ZeroGpuDouble:
    """Stands in for `spaces.GPU`; `calls` holds the name and the seconds asked for of every call."""

    def __init__(self) -> None:
        """No call yet."""
        self.calls: list[tuple[str, int | None]] = []

    def __call__(self, task: Callable[..., Any], duration: Any = None) -> Callable[..., Any]:
        """`task`, behind two pipes."""

        def sent(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            seconds = duration(*args, **kwargs) if callable(duration) else duration
            self.calls.append((task.__name__, seconds))
            return _through_a_pipe((args, kwargs))

        if inspect.isgeneratorfunction(task):

            @functools.wraps(task)
            def handler(*args: Any, **kwargs: Any) -> Iterator[Any]:
                args, kwargs = sent(args, kwargs)
                try:
                    for result in task(*args, **kwargs):
                        yield _through_a_pipe(result)
                except Exception as error:
                    raise _received(error) from None
        else:

            @functools.wraps(task)
            def handler(*args: Any, **kwargs: Any) -> Any:
                args, kwargs = sent(args, kwargs)
                try:
                    return _through_a_pipe(task(*args, **kwargs))
                except Exception as error:
                    raise _received(error) from None

        return handler


def _through_a_pipe(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own bytes, as multiprocessing does


def _received(error: Exception) -> Exception:
    if isinstance(error, gr.Error):
        return _through_a_pipe(error)
    return gr.Error(type(error).__name__, title="ZeroGPU worker error")
