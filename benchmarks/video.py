"""How much of a clip stays readable after its faces were hidden, and what that costs, beside deface on the same clip.

    python benchmarks/video.py [--work FOLDER] [--frames 120] [--people 40] [--deface VENV]

A drawn clip with known truth (`drawn_clip.py`) is hidden by us, and by deface (PyPI, MIT) where VENV is a virtual
environment of its own that holds it. Then finders look at what was written: a face of the truth that any of them finds
again was left readable. YuNet looks at every picture; BlazeFace's search, MTCNN where it is here, and deface's own
CenterFace at every fourth.
CPU time is that of the whole command, models loaded, per picture. Writes results/video.json and contact sheets.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import cv2
import numpy as np
from drawn_clip import Truth, clip, drawn_people
from measure import report

from workbench.bench import Workbench
from workbench.images import encode_jpeg
from workbench.tasks.face_search import search
from workbench.video.reading import frames, open_clip
from workbench.video.seeing import QUICK, quick_look
from workbench.video.sheet import contact_sheet
from workbench.video.writing import write_piece

WIDTH, HEIGHT = 1280, 720
SHOWN = 0.5
"""A face counts when at least half of it is in the frame and uncovered."""
EVERY = 4
Finding = Callable[[np.ndarray], np.ndarray]


def composed(bench: Workbench, work: Path, count: int, people: int) -> tuple[Path, list[list[Truth]]]:
    """The drawn clip and its truth, made once."""
    path, kept = work / f"drawn-{count}-{people}.mp4", work / f"drawn-{count}-{people}.json"
    if not kept.is_file():
        truth: list[list[Truth]] = []

        def pictures() -> Iterator[np.ndarray]:
            for picture, found in clip(drawn_people(bench, people), count, WIDTH, HEIGHT):
                truth.append(found)
                yield picture

        from fractions import Fraction

        from workbench.video.clip import Clip

        shape = Clip(path, WIDTH, HEIGHT, 0, Fraction(1, 12_800), 25.0, count, count / 25, "h264")
        write_piece(path, pictures(), [512 * number for number in range(count)], shape, 14)
        kept.write_text(json.dumps([[(each.person, each.box.tolist(), each.shown) for each in t] for t in truth]))
    told = json.loads(kept.read_text())
    return path, [[Truth(person, np.array(box, np.float32), shown) for person, box, shown in found] for found in told]


def finders(bench: Workbench, deface: Path | None) -> dict[str, tuple[Finding, int]]:
    """Name to a function from picture to boxes, and at which pictures it looks."""

    def yunet(image: np.ndarray) -> np.ndarray:
        return quick_look(image, bench.finder(QUICK), 0.5).boxes

    def blazeface(image: np.ndarray) -> np.ndarray:
        return np.array([face.box for face in search(image, bench.finder())]).reshape(-1, 4)

    known: dict[str, tuple[Finding, int]] = {"YuNet": (yunet, 1), "BlazeFace": (blazeface, EVERY)}
    if bench.available("mtcnn"):
        known["MTCNN"] = (lambda image: bench.finder("mtcnn").detect(image, 0.7).boxes, EVERY)
    if deface is not None:
        sys.path.append(str(next((deface / "lib").glob("python*/site-packages"))))
        from deface.centerface import CenterFace  # type: ignore[import-not-found]

        network = CenterFace(backend="opencv")
        known["CenterFace"] = (lambda image: network(image[..., ::-1], threshold=0.5)[0][:, :4], EVERY)
    return known


def readable(path: Path, truth: list[list[Truth]], known: dict[str, tuple[Finding, int]]) -> dict[str, Any]:
    """Share of the truth's faces that each finder finds in a clip, and any of them; where all looked."""
    counts = {name: [0, 0] for name in (*known, "any")}
    for frame in frames(open_clip(path)):
        faces = [each for each in truth[frame.number] if each.shown >= SHOWN]
        hits = {
            name: _hit(look(frame.image), faces) for name, (look, every) in known.items() if frame.number % every == 0
        }
        for name, hit in hits.items():
            counts[name][0] += int(hit.sum())
            counts[name][1] += len(hit)
        if len(hits) == len(known):
            together = np.any(list(hits.values()), axis=0)
            counts["any"][0] += int(together.sum())
            counts["any"][1] += len(together)
    return {f"found again by {name}": f"{hit / max(of, 1):.3%} of {of:,}" for name, (hit, of) in counts.items()}


def detailed(before: Path, after: Path, truth: list[list[Truth]]) -> str:
    """Share of the truth's faces whose fine detail is still what it was, asked of no finder: in the middle of the face
    the two pictures' differences from their own blur agree (correlation above 0.5)."""
    kept, of = 0, 0
    for first, second in zip(frames(open_clip(before)), frames(open_clip(after)), strict=True):
        for face in truth[first.number]:
            inner = face.box + 0.2 * np.tile(face.box[2:] - face.box[:2], 2) * (1, 1, -1, -1)
            left, top, right, bottom = np.clip(inner.astype(int), 0, (WIDTH, HEIGHT, WIDTH, HEIGHT))
            if face.shown < SHOWN or right - left < 12 or bottom - top < 12:
                continue
            one, two = (_fine(each.image[top:bottom, left:right]) for each in (first, second))
            kept += bool(min(one.std(), two.std()) > 0 and np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.5)
            of += 1
    return f"{kept / max(of, 1):.3%} of {of:,}"


def _fine(part: np.ndarray) -> np.ndarray:
    grey = cv2.GaussianBlur(part, (0, 0), max(len(part) / 60, 0.8)).mean(axis=2)
    smooth: np.ndarray = grey - cv2.GaussianBlur(grey, (0, 0), len(part) / 12)
    return smooth


def _hit(boxes: np.ndarray, faces: list[Truth]) -> np.ndarray:
    """(n,) bool: faces whose middle a found box holds, being no more than three times as large."""
    hit = np.zeros(len(faces), bool)
    for place, face in enumerate(faces):
        middle, size = (face.box[:2] + face.box[2:]) / 2, (face.box[2:] - face.box[:2]).max()
        for box in boxes:
            fits = (box[2:] - box[:2]).max() <= 3 * size
            hit[place] |= bool(fits and (box[:2] <= middle).all() and (middle <= box[2:]).all())
    return hit


def measured(command: list[str], count: int) -> dict[str, float]:
    """CPU and wall milliseconds per picture of a command."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])}: {done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(done.stdout[-400:])
    return {"CPU ms a picture": used / count * 1000, "wall ms a picture": (time.perf_counter() - start) / count * 1000}


def hiding(bench: Workbench, args: argparse.Namespace) -> None:
    source, truth = composed(bench, args.work, args.frames, args.people)
    known = finders(bench, args.deface)
    ours = args.work / "ours.mp4"
    commands = {"ours": [sys.executable, "-m", "workbench", "hide-video", str(source), "--out", str(ours)]}
    if args.deface is not None:
        for backend in ("opencv", "onnxrt"):
            out = args.work / f"deface-{backend}.mp4"
            named = ["--backend", backend, "-o", str(out)]
            commands[f"deface-{backend}"] = [str(args.deface / "bin" / "deface"), str(source), *named]
    rows = [{"clip": "as drawn", **readable(source, truth, known)}]
    for name, command in commands.items():
        written = args.work / f"{name}.mp4"
        written.unlink(missing_ok=True)
        cost = measured(command, args.frames)
        kept = detailed(source, written, truth)
        rows.append({"clip": name, **readable(written, truth, known), "still in detail": kept, **cost})
        (args.work / f"{name}.jpg").write_bytes(encode_jpeg(contact_sheet(open_clip(written))))
    faces = [sum(each.shown >= SHOWN for each in found) for found in truth]
    print(f"{sum(faces):,} faces × pictures, {min(faces)} to {max(faces)} at once")
    report("video", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="a folder for the clip and what is written (default: a new one)")
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--deface", type=Path, help="a virtual environment with deface in it")
    args = parser.parse_args()
    args.work = args.work or Path(tempfile.mkdtemp())
    args.work.mkdir(parents=True, exist_ok=True)
    hiding(Workbench.from_env(), args)


if __name__ == "__main__":
    main()
