"""How fast faces are found and parsed, how soon the app answers, and how much memory it takes; peers in the same run.

python benchmarks/parsing.py
"""

import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import cv2  # noqa: E402
import measure  # noqa: E402
import numpy as np  # noqa: E402
from skimage import data  # noqa: E402
from skimage.feature import Cascade  # noqa: E402

from workbench.bench import Workbench  # noqa: E402
from workbench.tasks.detection import find_faces  # noqa: E402
from workbench.tasks.face_search import FaceFinder  # noqa: E402
from workbench.tasks.parsing import Parser, parse  # noqa: E402


def full_hd() -> np.ndarray:
    """NASA's portrait in a 1920 × 1080 photo, the face about 300 px wide."""
    canvas = np.full((1080, 1920, 3), 128, np.uint8)
    canvas[28:1052, 448:1472] = cv2.resize(data.astronaut(), (1024, 1024), interpolation=cv2.INTER_CUBIC)
    return canvas


def cascade_grabcut(image: np.ndarray, cascade: Cascade) -> Any:
    """The route people start from: a classical cascade's box, then GrabCut inside it. One region, no parts."""
    small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    found = cascade.detect_multi_scale(
        img=small, scale_factor=1.2, step_ratio=1, min_size=(80, 80), max_size=(400, 400)
    )
    box = tuple(int(found[0][key]) for key in ("c", "r", "width", "height")) if found else (300, 60, 250, 250)
    mask = np.zeros(small.shape[:2], np.uint8)
    return cv2.grabCut(
        cv2.cvtColor(small, cv2.COLOR_RGB2BGR),
        mask,
        box,
        np.zeros((1, 65)),
        np.zeros((1, 65)),
        3,
        cv2.GC_INIT_WITH_RECT,
    )


def _parsed(photo: np.ndarray, parser: Parser, finder: FaceFinder) -> Any:
    return parse(photo, parser, find_faces(photo, finder))


def warm_rows(bench: Workbench) -> list[dict[str, Any]]:
    import torch

    from workbench.models.parsers.bisenet import BiSeNet

    photo, finder = full_hd(), bench.finder()
    works: dict[str, Callable[[], Any]] = {
        "detection alone": lambda: find_faces(photo, finder, landmarks=False),
        "detection and landmarks": lambda: find_faces(photo, finder),
    }
    for spec in ("compact", "mesh"):
        works[f"detect + mesh + {spec} parser"] = partial(_parsed, photo, bench.parser(spec), finder)
    peer, crop = BiSeNet((2, 2, 2, 2)).eval(), torch.rand(1, 3, 512, 512)

    def bisenet() -> Any:
        with torch.inference_mode():
            return peer(crop)

    works["peer: BiSeNet shape at 512 px, random weights, network alone"] = bisenet
    cascade = Cascade(data.lbp_frontal_face_cascade_filename())
    works["peer: LBP cascade + GrabCut (one region)"] = lambda: cascade_grabcut(photo, cascade)
    limits = {"detection alone": "<= 15", "detect + mesh + compact parser": "<= 120"}
    timed = measure.in_turn(works, runs=11)
    return [
        {"what": name, "ms (median)": row["median"], "min": row["min"], "max": row["max"], "aim": limits.get(name, "")}
        for name, row in timed.items()
    ]


def start_rows() -> list[dict[str, Any]]:
    """A cold process: start to first page, first parse, peak memory."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = (
        "import threading, time, sys, resource; start = time.perf_counter()\n"
        "from workbench.bench import Workbench\nfrom workbench.ui.app import build_app, launch\n"
        "bench = Workbench.from_env(); demo = build_app(bench)\n"
        f"launch(demo, bench, server_port={port}, prevent_thread_lock=True, quiet=True)\n"
        "print('loaded', 'torch' in sys.modules, flush=True)\n"
        "sys.stdin.readline()\n"
        "from skimage import data; from workbench.ui.parsing.one import parse; begin = time.perf_counter()\n"
        "import gradio as gr; import workbench.ui.parsing.one as tab\n"
        "answer = tab.run_parser(bench, data.astronaut(), 'compact', lambda *a, **k: None)\n"
        "print('parse', time.perf_counter() - begin, flush=True)\n"
        "for _ in range(10): tab.run_parser(bench, data.astronaut(), 'compact', lambda *a, **k: None)\n"
        "print('memory', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)\n"
    )
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                answer.read()
            break
        except OSError:
            time.sleep(0.05)
    first_page = time.perf_counter() - begin
    out, _ = process.communicate("go\n", timeout=120)
    found = dict(re.findall(r"^(loaded|parse|memory) (\S+)$", out, re.MULTILINE))
    return [
        {
            "what": f"app start to first page, s (torch loaded: {found['loaded']})",
            "ms (median)": first_page,
            "aim": "<= 6 s",
        },
        {"what": "first parse after that, s", "ms (median)": float(found["parse"]), "aim": "<= 3 s"},
        {"what": "peak memory after ten parses, MB", "ms (median)": float(found["memory"]), "aim": "<= 1500 MB"},
    ]


def batch_row(count: int = 60) -> dict[str, Any]:
    """Photos per second of the command, start-up not counted (the second half of a run of two lengths)."""
    face = data.astronaut()
    with tempfile.TemporaryDirectory() as folder:
        seconds = []
        for number in (5, count + 5):
            photos = Path(folder) / f"in{number}"
            photos.mkdir()
            for i in range(number):
                cv2.imwrite(
                    str(photos / f"{i:03d}.jpg"),
                    cv2.convertScaleAbs(face[..., ::-1], alpha=0.8 + 0.4 * i / number, beta=i % 7),
                )
            begin = time.perf_counter()
            command = [
                sys.executable,
                "-m",
                "workbench",
                "parse",
                str(photos),
                "--out",
                f"{folder}/out{number}",
                "--workers",
                "2",
            ]
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
            seconds.append(time.perf_counter() - begin)
    return {
        "what": "batch of 512 px photos, photos per second",
        "ms (median)": count / (seconds[1] - seconds[0]),
        "aim": ">= 12/s",
    }


def main() -> None:
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    bench = Workbench.from_env()
    rows = [*warm_rows(bench), batch_row(), *start_rows()]
    measure.report("parsing", rows)
    print(f"this process's peak: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
