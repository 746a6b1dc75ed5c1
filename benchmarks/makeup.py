"""How long pure makeup takes for one face, with its mesh and parsing given, at three photo sizes; and its parts.

    python benchmarks/makeup.py [--threads 2]

NASA's astronaut, enlarged for the larger sizes. "canvas" is warping and masks, "paint" the renderer, "put back" the
difference at the photo's own resolution; "whole" is `apply_makeup`, which does all three and copies the photo. The aim
is 40 ms. Beside them, hiding the face by blur, mosaic and silhouette.
"""

import argparse
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import cv2
import torch
from measure import milliseconds, report
from skimage import data

from workbench.bench import Workbench
from workbench.makeup import looks
from workbench.makeup.canvas import make_canvas
from workbench.makeup.photo import apply_makeup, on_photo, painted
from workbench.protection.anonymise import KINDS, anonymise
from workbench.settings import Settings
from workbench.tasks.detection import one_face
from workbench.tasks.parsing import parse

SCALES = (1, 2, 6)
LOOK = "smoky eye"
"""One with every region and extra softness: the most work."""


def row(bench: Workbench, scale: int) -> dict[str, Any]:
    """Milliseconds of each part for the photo enlarged so many times."""
    photo = cv2.resize(data.astronaut(), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    face = one_face(photo, bench.finder())
    parsing, look = parse(photo, bench.model("compact"), (face,)), looks.find(LOOK)
    canvas = make_canvas(photo, face, parsing)
    after = painted(canvas, look)
    works: dict[str, Callable[[], Any]] = {
        "canvas": lambda: make_canvas(photo, face, parsing),
        "paint": lambda: painted(canvas, look),
        "put back": lambda: on_photo(photo, canvas, canvas.pixels, after),
        "whole": lambda: apply_makeup(photo, face, look, parsing),
        **{kind: partial(anonymise, photo, [face], kind) for kind in KINDS},
    }
    times = {name: milliseconds(work, runs=9)["median"] for name, work in works.items()}
    return {"photo": f"{photo.shape[1]} × {photo.shape[0]}", **times}


def main() -> None:
    """Print the table and write it to results/makeup.json."""
    parser = argparse.ArgumentParser(description="Milliseconds of pure makeup.")
    parser.add_argument("--threads", type=int, default=2)
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    bench = Workbench(Settings.from_env(os.environ))
    report("makeup", [row(bench, scale) for scale in SCALES])


if __name__ == "__main__":
    main()
