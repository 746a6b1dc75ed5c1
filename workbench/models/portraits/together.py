"""Several pictures drawn at once, each by a thread of its own.

Two small networks on one thread each are done sooner than one after the other on two: threads that share one small step
wait for each other most of the time. And a picture is then the same on a machine of one core as on one of sixteen, for
no sum is ever split. Knows pictures as arrays and no model.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch

from workbench.portraits import Preview
from workbench.watch import CURRENT, Watch

Show = Callable[[np.ndarray], None]
"""Shown a picture as far as it is."""

Draw = Callable[[int, Watch, Show | None], np.ndarray]
"""Draws the picture of a row."""

_STARTING = threading.Lock()
"""Held while torch's number for threads to come is another one: who draws beside would take it for the usual one."""


def drawn(
    rows: int, draw: Draw, watch: Watch, preview: Preview | None = None, threads: int | None = None
) -> list[np.ndarray]:
    """The pictures of so many rows, in order. threads: how many are drawn at once, as many as torch has without.

    watch is told the mean of what all have done; preview is shown what there is of each, in order. The first picture
    that fails, or is cancelled, ends all of them, and its error is raised.
    """
    each = _Each(rows, watch, preview)
    with _STARTING:
        pool = _started(rows, threads)
    with pool:
        begun = [pool.submit(_one, draw, each, row) for row in range(rows)]
        try:
            return [one.result() for one in begun]
        except BaseException:
            each.stop()
            pool.shutdown(cancel_futures=True)
            raise


def _started(rows: int, threads: int | None) -> ThreadPoolExecutor:
    """Threads in which torch splits nothing. Torch keeps a number per thread, which a thread takes from all when it
    first asks, and one for threads to come: the latter is set back as soon as all these have theirs."""
    usual = _of_threads_to_come()
    workers = min(rows, threads or usual)
    ready = threading.Barrier(workers + 1)
    pool = ThreadPoolExecutor(workers, "portrait", partial(_alone, ready))
    try:
        for _ in range(workers):
            pool.submit(int)
        ready.wait()
    except BaseException:
        ready.abort()
        pool.shutdown(cancel_futures=True)
        raise
    finally:
        torch.set_num_threads(usual)
    return pool


def _of_threads_to_come() -> int:
    """Asked by a new thread: the number of one that began while others were set to 1 is 1, and was handed on to all."""
    with ThreadPoolExecutor(1) as new:
        return new.submit(torch.get_num_threads).result()


def _alone(ready: threading.Barrier) -> None:
    torch.get_num_threads()
    torch.set_num_threads(1)
    ready.wait()


class _Each:
    """How far every picture is."""

    def __init__(self, rows: int, watch: Watch, preview: Preview | None) -> None:
        self._watch, self._preview, self._lock = watch, preview, threading.Lock()
        self._shares, self._over = [0.0] * rows, False
        self._pictures: list[np.ndarray | None] = [None] * rows

    def stop(self) -> None:
        """What is still being drawn is not wanted any more."""
        self._over = True

    def watch(self, row: int) -> Watch:
        """Of one picture."""

        def told(share: float, word: str) -> None:
            with self._lock:
                self._shares[row] = share
                self._watch.progress(sum(self._shares) / len(self._shares), word)

        return Watch(told, lambda: self._over or self._watch.cancelled())

    def show(self, row: int) -> Show | None:
        """Of one picture; None where nobody looks."""
        if self._preview is None:
            return None
        preview = self._preview

        def shown(picture: np.ndarray) -> None:
            with self._lock:
                self._pictures[row] = picture
                preview([each for each in self._pictures if each is not None])

        return shown

    def done(self, row: int, picture: np.ndarray) -> np.ndarray:
        """A picture is finished."""
        with self._lock:
            self._pictures[row] = picture
        return picture


def _one(draw: Draw, each: _Each, row: int) -> np.ndarray:
    watch = each.watch(row)
    CURRENT.set(watch)
    return each.done(row, draw(row, watch, each.show(row)))
