"""The loop survives a bad photo, holds few of them at once, and stops in step."""

import os
import signal
import threading
import time

import pytest

from workbench import batch
from workbench.errors import BadImage, Cancelled, CannotWrite


def run(names, work, workers=1, keep=None):
    kept: dict[str, tuple[object, str]] = {}

    def put(name, answer, error):
        kept[name] = (answer, error)
        return error

    account = batch.run(names, work, keep or put, total=len(names), workers=workers, label="test")
    return account, kept


@pytest.mark.parametrize("workers", [1, 3])
def test_a_broken_photo_does_not_stop_the_run(workers: int, capsys: pytest.CaptureFixture) -> None:
    def work(name, stopped):
        if name == "a.jpg":
            raise BadImage("not a photo")
        if name == "b.png":
            raise ZeroDivisionError("a fault nobody thought of")
        return name.upper()

    account, kept = run(["a.jpg", "b.png", "c.jpg"], work, workers)

    assert kept == {
        "a.jpg": (None, "not a photo"),
        "b.png": (None, "ZeroDivisionError: a fault nobody thought of"),
        "c.jpg": ("C.JPG", ""),
    }
    assert (account.done, account.failed, account.tell()) == (1, 2, 1)
    assert "1 done, 0 already there, 2 failed" in capsys.readouterr().out


def test_a_long_folder_is_read_as_it_is_worked_on() -> None:
    read, most = 0, 0

    def names():
        nonlocal read
        for number in range(500):
            read += 1
            yield str(number)

    done = 0

    def keep(name, answer, error):
        nonlocal done, most
        done += 1
        most = max(most, read - done)
        return ""

    batch.run(names(), lambda name, stopped: name, keep, total=500, workers=2, label="test")

    assert done == 500
    assert most <= 8


def test_many_failures_are_counted_and_not_all_listed(capsys: pytest.CaptureFixture) -> None:
    def work(name, stopped):
        raise BadImage("no")

    account, _ = run([f"{number:03}" for number in range(120)], work, 2)
    account.tell()

    said = capsys.readouterr()
    assert "120 failed" in said.out
    assert "… and 70 more" in said.err


def test_ctrl_c_ends_within_two_seconds_also_when_a_photo_takes_longer() -> None:
    kept, release = [], threading.Event()

    def work(name, stopped):
        if name == "slow":
            release.wait(30)
        return name

    def keep(name, answer, error):
        kept.append(name)
        if len(kept) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return ""

    started = time.monotonic()
    with pytest.raises(Cancelled):
        batch.run(["quick", "slow", *map(str, range(50))], work, keep, total=52, workers=2, label="test")

    assert time.monotonic() - started < 2
    assert "slow" not in kept
    release.set()


def test_a_photo_that_is_broken_off_is_no_failure() -> None:
    kept = []

    def work(name, stopped):
        while not stopped():
            time.sleep(0.01)
        raise Cancelled("Cancelled; nothing was kept.")

    def keep(name, answer, error):
        kept.append(name)
        return error

    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(Cancelled):
        batch.run(["a", "b"], work, keep, total=2, workers=2, label="test")

    assert kept == []


def test_a_full_disk_ends_the_run() -> None:
    seen = []

    def keep(name, answer, error):
        seen.append(name)
        raise CannotWrite("o/a.png cannot be written: no space left on device.")

    with pytest.raises(CannotWrite, match="no space left"):
        batch.run([str(n) for n in range(60)], lambda name, stopped: name, keep, total=60, workers=4, label="test")

    assert len(seen) == 1
