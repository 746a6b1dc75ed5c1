"""A step without models: the size of a file, and its content in capitals."""

import time
from pathlib import Path

from workbench.errors import NoFace
from workbench.scale.step import Outcome, Step


def toy(word: str = "x", seconds: float = 0.0, short: bool = True, files: tuple[str, ...] = (".txt",)) -> Step:
    """A step that fails for files that hold "bad", ends the process for "kill" and breaks for "bug"."""

    def open_toy(bench):
        def work(name, data, watch):
            if seconds:
                time.sleep(seconds)
            watch.check()
            if data == b"bad":
                raise NoFace("no face")
            if data == b"bug":
                raise ZeroDivisionError("nobody thought of it")
            return Outcome(
                ({"length": len(data), "part": 1}, {"length": len(data), "part": 2}), dict.fromkeys(files, data.upper())
            )

        return work

    return Step("toy", {"word": word}, (), ("length", "part"), open_toy, files, short)


def judged() -> Step:
    """A step whose file is called yes or no, as the photo says."""

    def open_judge(bench):
        return lambda name, data, watch: Outcome(({"length": len(data)},), {f"_{data.decode()}.txt": data.upper()})

    return Step("toy", {}, (), ("length",), open_judge, ("_yes.txt", "_no.txt"), either=True)


def folder_of(root: Path, **content: str) -> Path:
    """A folder with these files; `a_jpg="text"` is a.jpg, `sub__a_jpg` sub/a.jpg."""
    for name, text in content.items():
        head, _, suffix = name.rpartition("_")
        path = root / f"{head.replace('__', '/')}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def toy_opened(plan, bench):
    """The toy as a worker opens it: "kill" ends the process, "slow" takes a while."""
    import os
    import signal

    work = toy(**plan.options).open(bench)

    def deadly(name, data, watch):
        if data == b"kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if data.startswith(b"slow"):
            time.sleep(0.15)
        return work(name, data, watch)

    return deadly


def never_opened(plan, bench):
    """A worker that dies while it loads."""
    import os

    os._exit(9)
