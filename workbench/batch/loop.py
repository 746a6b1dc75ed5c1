"""The loop: photos in, answers out, several at a time; a bad photo is an answer, Ctrl-C ends it at once and in step."""

import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tqdm import tqdm

from workbench.batch.files import shown
from workbench.errors import Cancelled, WorkbenchError

PATIENCE = 1.0
"""Seconds that photos in work get to finish after Ctrl-C."""
THREAD = "photo"
"""The name of the threads that work on photos."""
SHOWN = 50
"""Failures that are listed at the end; all of them stand in the table."""


@dataclass(slots=True)
class Account:
    """What became of a folder: photos done, skipped because done before, and failed, now or before (and then not tried
    again); the first failures by name."""

    done: int = 0
    skipped: int = 0
    failed: int = 0
    before: int = 0
    reasons: list[tuple[str, str]] = field(default_factory=list)

    def fail(self, name: str, reason: str, before: bool = False) -> None:
        """Count a failure."""
        self.failed += 1
        self.before += before
        if len(self.reasons) < SHOWN:
            self.reasons.append((name, reason))

    def tell(self) -> int:
        """Print the closing lines; the exit code."""
        print(f"{self.done} done, {self.skipped} already there, {self.failed} failed.")
        if self.before:
            print(f"{self.before} of them failed before and were not tried again: --retry-errors does.")
        for name, reason in sorted(self.reasons):
            print(f"  {shown(name)}: {shown(reason)}", file=sys.stderr)
        if self.failed > len(self.reasons):
            print(f"  … and {self.failed - len(self.reasons):,} more", file=sys.stderr)
        return 1 if self.failed else 0


def run(
    names: Iterable[str],
    work: Callable[[str, Callable[[], bool]], Any],
    keep: Callable[[str, Any, str], str],
    *,
    total: int,
    workers: int = 1,
    label: str,
    account: Account | None = None,
) -> Account:
    """Call `work(name, stopped)` for every name, `workers` at a time, and `keep(name, answer, error)` for each as it
    ends, one after the other in this thread; it returns the error that was kept, "" for none.

    A fault of one photo is kept as its error (answer None); the run goes on. Ctrl-C: what is in work gets a second to
    end, the rest is left, and Cancelled is raised; no `keep` is broken off. Raises CannotWrite from `keep`.
    """
    account = account or Account()
    with _until_stopped() as stop, tqdm(total=total, desc=label, unit="photo", disable=None) as bar:
        for name, answer, error in _answers(names, work, max(1, workers), stop):
            error = keep(name, answer, error)
            bar.update()
            if error:
                account.fail(name, error)
            else:
                account.done += 1
        if stop.is_set():
            raise Cancelled("Stopped.")
    return account


@contextmanager
def _until_stopped() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second one interrupts as ever."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def first(number: int, frame: Any) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, first)
    try:
        yield stop
    except BaseException:
        stop.set()  # what is in work gives up
        raise
    finally:
        signal.signal(signal.SIGINT, before)


def _answers(
    names: Iterable[str], work: Callable[[str, Callable[[], bool]], Any], workers: int, stop: threading.Event
) -> Iterator[tuple[str, Any, str]]:
    """Answers as they come; never more than four a worker are under way, so that a long folder fills no memory.

    The threads are daemons: one that is deep in a network cannot hold up the end of the program.
    """
    tasks: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    answers: queue.SimpleQueue[tuple[str, Any, str]] = queue.SimpleQueue()
    for _ in range(workers):
        threading.Thread(target=_serve, args=(tasks, answers, work, stop), daemon=True, name=THREAD).start()
    source, under_way, more = iter(names), 0, True
    try:
        while under_way or more:
            while more and under_way < 4 * workers and not stop.is_set():
                name = next(source, None)
                more = name is not None
                if name is not None:
                    tasks.put(name)
                    under_way += 1
            if stop.is_set():
                yield from _last(answers, under_way)
                return
            try:
                if under_way:
                    answer = answers.get(timeout=0.2)
                    under_way -= 1
                    if answer[0]:
                        yield answer
            except queue.Empty:
                continue
    finally:
        with suppress(queue.Empty):
            while True:
                tasks.get_nowait()
        for _ in range(workers):
            tasks.put(None)


def _last(answers: "queue.SimpleQueue[tuple[str, Any, str]]", under_way: int) -> Iterator[tuple[str, Any, str]]:
    """What still comes within the patience after Ctrl-C."""
    end = time.monotonic() + PATIENCE
    while under_way and (left := end - time.monotonic()) > 0:
        try:
            name, answer, error = answers.get(timeout=left)
        except queue.Empty:
            return
        under_way -= 1
        if name:
            yield name, answer, error


def _serve(
    tasks: "queue.SimpleQueue[str | None]",
    answers: "queue.SimpleQueue[tuple[str, Any, str]]",
    work: Callable[[str, Callable[[], bool]], Any],
    stop: threading.Event,
) -> None:
    while (name := tasks.get()) is not None:
        answers.put(("", None, "") if stop.is_set() else _answer(name, work, stop))


def _answer(name: str, work: Callable[[str, Callable[[], bool]], Any], stop: threading.Event) -> tuple[str, Any, str]:
    """A photo's answer or its error; no name when it was broken off."""
    try:
        return name, work(name, stop.is_set), ""
    except Cancelled as error:
        return ("" if stop.is_set() else name), None, str(error)
    except WorkbenchError as error:
        return name, None, str(error)
    except Exception as error:  # noqa: BLE001 - one photo must never stop a run; it is kept with its fault
        return name, None, f"{type(error).__name__}: {error}"
