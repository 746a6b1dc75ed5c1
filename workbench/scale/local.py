"""Shards in processes of this machine. A process that dies is replaced, its shard done again."""

import multiprocessing
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from workbench.bench import Workbench
from workbench.errors import Cancelled, OutOfMemory, WorkbenchError
from workbench.scale.plan import Opener, Plan, alone, opened
from workbench.scale.shard import Rules, Tally, forget_attempts, run_shard
from workbench.settings import Settings

Progress = Callable[[Tally], None]
STILLBORN = 3
"""Workers that may end, one after the other, before they are ready."""


def run(
    plan: Plan,
    todo: Iterable[int],
    settings: Settings,
    rules: Rules,
    workers: int,
    progress: Progress,
    opener: Opener = opened,
) -> None:
    """Do these shards, `workers` at a time. Raises what a worker raised (a full disk, weights that are not here),
    OutOfMemory when workers end while they load, and Cancelled after Ctrl-C."""
    crew = _Crew(plan, settings, rules, opener)
    waiting, tries = deque(todo), Counter[int]()
    with _interruptible() as stop:
        try:
            while (waiting or crew.busy()) and not stop.is_set():
                crew.hire(min(workers, len(waiting) + crew.busy()))
                crew.hand_out(waiting)
                for number, tally in crew.news():
                    if tally is not None:
                        progress(tally)
                        continue
                    tries[number] += 1
                    if tries[number] > rules.max_crashes * len(plan.items(number)) + STILLBORN:
                        raise OutOfMemory(f"Shard {number} ended its process {tries[number]} times. Use fewer workers.")
                    waiting.appendleft(number)
        finally:
            crew.dismiss()
        if stop.is_set():
            raise Cancelled("Stopped.")


def run_here(plan: Plan, todo: Iterable[int], bench: Workbench, rules: Rules, progress: Progress) -> None:
    """Do these shards in this process, one after the other: a job of an array. SIGTERM ends it without a crash on the
    record."""
    with _polite():
        work = opened(plan, bench)
        for number in todo:
            progress(run_shard(plan, number, work, bench.settings, rules))


@dataclass(slots=True, eq=False)
class _Worker:
    process: BaseProcess
    line: Connection
    number: int | None = None
    ready: bool = False


class _Crew:
    """The processes and what each is at."""

    def __init__(self, plan: Plan, settings: Settings, rules: Rules, opener: Opener) -> None:
        self._opener = opener
        self._plan, self._settings, self._rules = plan, settings, rules
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self._stillborn = 0

    def busy(self) -> int:
        """How many are at a shard."""
        return sum(worker.number is not None for worker in self._workers)

    def hire(self, count: int) -> None:
        """Start processes until there are `count`."""
        while len(self._workers) < count:
            ours, theirs = self._context.Pipe()
            arguments = (theirs, self._plan, self._settings, self._rules, self._opener)
            process = self._context.Process(target=_serve, args=arguments, daemon=True)
            process.start()
            theirs.close()
            self._workers.append(_Worker(process, ours))

    def hand_out(self, waiting: deque[int]) -> None:
        """Give every idle worker a shard."""
        for worker in self._workers:
            if worker.ready and worker.number is None and waiting:
                worker.number = waiting.popleft()
                with suppress(OSError):  # it died; the news will say so
                    worker.line.send(worker.number)

    def news(self) -> Iterator[tuple[int, Tally | None]]:
        """Shards that ended: with their tally, or None when their process died."""
        lines = {worker.line: worker for worker in self._workers}
        for line in wait(list(lines), timeout=0.2):
            worker = lines[line]  # type: ignore[index]
            try:
                word, content = worker.line.recv()
            except (EOFError, OSError):
                yield from self._buried(worker)
                continue
            if word == "error":
                raise content
            if word == "ready":
                worker.ready, self._stillborn = True, 0
            else:
                number, worker.number = worker.number, None
                assert number is not None
                yield number, content

    def _buried(self, worker: _Worker) -> Iterator[tuple[int, None]]:
        self._workers.remove(worker)
        worker.process.join(5)
        worker.line.close()
        if worker.number is not None:
            yield worker.number, None
        elif not worker.ready:
            self._stillborn += 1
            if self._stillborn >= STILLBORN:
                raise OutOfMemory(
                    f"{STILLBORN} workers ended while they loaded their models (exit code {worker.process.exitcode}). "
                    "Use fewer --workers."
                )

    def dismiss(self) -> None:
        """End every process within two seconds; what they left is no crash."""
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(1.0 if worker.number is not None else 0.3)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join(1)
            forget_attempts(self._plan, worker.process.pid or 0)
            worker.line.close()
        self._workers = []


def _serve(line: Connection, plan: Plan, settings: Settings, rules: Rules, opener: Opener) -> None:
    """A worker: loads its models once, then does shard after shard until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        work = opener(plan, Workbench(alone(settings)))
        line.send(("ready", None))
        while True:
            line.send(("done", run_shard(plan, line.recv(), work, settings, rules)))
    except WorkbenchError as error:
        line.send(("error", error))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _polite() -> Iterator[None]:
    """SIGTERM, which a scheduler sends first, ends this process in good order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(*_: Any) -> None:
        raise Cancelled("Ended by the scheduler.")

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
