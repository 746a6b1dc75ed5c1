"""Starts programs in a plain interpreter that has gradio and torch loaded already, and nothing of ours.

Run as `python -S host.py` with PYTHONPATH at site-packages alone: `-S` reads no .pth file, so an editable install lends
nothing. Each line on standard input is a wish; each is answered by the id of a process forked for it, whose first words
in its log are where `workbench` comes from. Seven Spaces then pay for one import of gradio and torch, not seven.
"""

import importlib.util
import json
import os
import runpy
import signal
import sys
from typing import Any, NoReturn

import ai_edge_litert.interpreter
import cv2
import gradio
import gradio_client
import pandas
import scipy.ndimage
import torch

LEAVE = os._exit
LOADED = (ai_edge_litert, cv2, gradio, gradio_client, pandas, scipy, torch)


def run(wish: dict[str, Any]) -> None:
    """Become the program that is wished for: its folder, its environment, its log."""
    log = os.open(wish["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(wish["cwd"])
    os.environ.clear()
    os.environ.update(wish["environment"])
    sys.path[0] = wish["package"]
    sys.argv = [wish["script"], *wish["arguments"]]
    _tell_sudden_ends()
    import workbench

    print(f"workbench from {workbench.__file__}", flush=True)
    runpy.run_path(wish["script"], run_name="__main__")


def _tell_sudden_ends() -> None:
    """A command whose worker thread is still ending leaves by `os._exit`; let the log tell that code as well."""

    def tell(status: int) -> NoReturn:
        os.write(1, f"left with {status}\n".encode())
        LEAVE(status)

    os._exit = tell


def serve() -> None:
    """Fork for every wish until there are no more."""
    sys.path[0] = "/nonexistent"
    assert importlib.util.find_spec("workbench") is None, "the host must not see the package"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                run(json.loads(line))
                code = 0
            except SystemExit as stop:
                code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
                if isinstance(stop.code, str):
                    print(stop.code, file=sys.stderr)
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                sys.stdout.flush()
                if os._exit is LEAVE:  # it failed before `run` made it tell
                    print(f"left with {code}", flush=True)
                os._exit(code)
        print(child, flush=True)


if __name__ == "__main__":
    serve()
