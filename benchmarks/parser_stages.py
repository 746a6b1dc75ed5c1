"""Where the time of one parse goes, what four at once in one process cost, and what a click and a cut-out take.

    python benchmarks/parser_stages.py [--runs 15]

All in one run, so that the ratios hold on any machine: the parts of the compact parser on a 1920 × 1080 photo, parses
per second of one thread and of four, and the click and matte beside one parse. Takes about two minutes.
"""

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import cv2
import measure
import numpy as np
from skimage import data

from workbench.bench import Workbench
from workbench.models.parsers.compact_parser import MARGIN
from workbench.tasks.clicks import refine
from workbench.tasks.detection import find_faces
from workbench.tasks.matting import matte
from workbench.tasks.parsing import parse


def full_hd() -> np.ndarray:
    """NASA's portrait in a 1920 × 1080 photo, the face about 300 px wide."""
    canvas = np.full((1080, 1920, 3), 128, np.uint8)
    canvas[28:1052, 448:1472] = cv2.resize(data.astronaut(), (1024, 1024), interpolation=cv2.INTER_CUBIC)
    return canvas


def rate(work: Callable[[], Any], threads: int, seconds: float) -> float:
    """Calls per second of so many threads in this process."""
    until = time.perf_counter() + seconds

    def loop(_: int) -> int:
        done = 0
        while time.perf_counter() < until:
            work()
            done += 1
        return done

    begun = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(loop, range(threads)))
    return done / (time.perf_counter() - begun)


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=15)
    options.add_argument("--seconds", type=float, default=12.0, help="of each throughput")
    given = options.parse_args()
    bench, photo = Workbench.from_env(), full_hd()
    finder, parser, clicks, people = bench.finder(), bench.model("compact"), bench.clicks(), bench.matte()
    (face,) = find_faces(photo, finder)
    crop = parser.crop(photo, face)
    square, margin = parser._window(face, photo.shape)
    share = 1 + 2 * MARGIN if margin else 1
    first = parser._first(photo, face, square, share)
    size = first.planes.shape[:0:-1]
    parsing, features = parse(photo, parser, [face]), clicks.look(photo, face)
    mask = parsing.mask("hair")
    y, x = np.nonzero(mask)
    click = [(int(x.mean()), int(y.min()) + 4, -1)]
    works: dict[str, Callable[[], Any]] = {
        "whole: find, mesh, parse": lambda: parse(photo, parser, find_faces(photo, finder)),
        "find and mesh": lambda: find_faces(photo, finder),
        "parse": lambda: parse(photo, parser, [face]),
        "parser without enlarging": lambda: parser(photo, face),
        "its first look": lambda: parser._first(photo, face, square, share),
        "that look's input (crop, matte, maps)": lambda: parser._planes(photo, face.mesh, first.matrix, size),
        "that look's matte": partial(parser._matte, crop),
        "that look's network": partial(parser._quick or parser._torch, first.planes),
        "a look for clicks": lambda: clicks.look(photo, face),
        "a click": lambda: refine(photo, clicks, features, "hair", mask, click),
        "a matte of the person": lambda: matte(photo, parsing, people),
    }
    timed = measure.in_turn(works, runs=given.runs)
    whole = timed["whole: find, mesh, parse"]["median"]
    rows = [
        {"what": name, "ms (median)": row["median"], "min": row["min"], "share of the whole": row["median"] / whole}
        for name, row in timed.items()
    ]
    one, four = (rate(works["whole: find, mesh, parse"], threads, given.seconds) for threads in (1, 4))
    rows.append({"what": "photos per second, one thread", "ms (median)": one})
    rows.append({"what": "photos per second, four at once", "ms (median)": four, "share of the whole": four / one})
    measure.report("parser_stages", rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
