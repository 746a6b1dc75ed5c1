"""What a clip costs: CPU time of a 720p picture for boxes and 478 points and for hiding, and memory by a clip's length.

    python benchmarks/video_cost.py [--work FOLDER] [--frames 48] [--people 3]
    python benchmarks/video_cost.py --camera [--work FOLDER] [--frames 48]
    python benchmarks/video_cost.py --drawn [--work FOLDER] [--frames 24]
    python benchmarks/video_cost.py --memory [--work FOLDER] [--minutes 1 5 10]

The pictures are those of the drawn clip (`drawn_clip.py`). CPU time counts this process and what it starts, so it holds
on a busy machine; frames a second on two cores are two processes' worth of it. --camera sends one drawn person at
640 × 480 pixels through the live event of the page, JPEG read and written included; --drawn hides by drawn faces.
Memory is the highest resident size of `hide-video` on a clip of 320 × 180 pixels at 5 pictures a second: what grows
with length grows with pictures and faces, not with their size. Writes results/video_cost.json.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from drawn_clip import clip, drawn_people
from measure import report

from workbench.bench import Workbench
from workbench.tasks.detection import with_landmarks
from workbench.video.clip import Clip
from workbench.video.hide import hide
from workbench.video.reading import frames, open_clip
from workbench.video.seeing import FIRM, QUICK, Eyes
from workbench.video.segment import Wish
from workbench.video.writing import write_piece


def made(bench: Workbench, path: Path, count: int, people: int, size: tuple[int, int], rate: int) -> Path:
    """The drawn clip, made once. A long one repeats its first minute."""
    if not path.is_file():
        width, height = size
        least = 24.0 if width > 640 else 40.0
        minute = min(count, 60 * rate)

        def pictures() -> Iterator[np.ndarray]:
            for start in range(0, count, minute):
                for picture, _ in clip(people_drawn, min(minute, count - start), width, height, least):
                    yield picture

        people_drawn = drawn_people(bench, people)
        shape = Clip(path, width, height, 0, Fraction(1, 12_800), float(rate), count, count / rate, "h264")
        write_piece(path, pictures(), [12_800 // rate * number for number in range(count)], shape, 20)
    return path


def points(bench: Workbench, path: Path) -> dict[str, Any]:
    """CPU of reading a picture, finding its faces and fitting 478 points to each."""
    eyes, finder = Eyes(bench.finder(QUICK)), bench.finder()
    start, seen, faces = time.process_time(), 0, 0
    for frame in frames(open_clip(path)):
        found = eyes.look(frame.image, frame.number)
        for place in np.flatnonzero(found.scores >= FIRM):
            with_landmarks(frame.image, finder, found.boxes[place], found.keypoints[place], float(found.scores[place]))
            faces += 1
        seen += 1
    return _row("boxes and 478 points", time.process_time() - start, seen, faces)


def hiding(bench: Workbench, path: Path, out: Path) -> dict[str, Any]:
    """CPU of hiding every face, the search of the written clip included."""
    before = os.times()
    done = hide(open_clip(path), out, Eyes(bench.finder(QUICK), bench.finder()), Wish())
    after = os.times()
    used = sum(after[:4]) - sum(before[:4])
    return _row("hiding, searched again", used, done.frames, done.spots)


def camera(bench: Workbench, path: Path, work: Path) -> dict[str, Any]:
    """CPU of one picture of a webcam: its JPEG read, faces and points found and drawn, a JPEG written."""
    from workbench.images import encode_jpeg
    from workbench.ui.analysis.live import see

    sent = []
    for frame in frames(open_clip(path)):
        sent.append(work / f"camera-{frame.number}.jpg")
        sent[-1].write_bytes(encode_jpeg(frame.image, 90))
    live = see(bench, str(sent[0]), None)[1]  # models are loaded now
    start, faces = time.process_time(), 0
    for picture in sent:
        shown, live = see(bench, str(picture), live)
        encode_jpeg(shown, 90)
        faces += 0 if live is None else len(live.boxes)
    return _row("live camera, 640 × 480", time.process_time() - start, len(sent), faces)


def drawing(bench: Workbench, path: Path, out: Path) -> dict[str, Any]:
    """CPU of hiding every face by a drawn one, choosing, searching and judging included."""
    from workbench.scale.steps.hiding import stage

    lent = stage(bench)
    before = os.times()
    done = hide(open_clip(path), out, Eyes(bench.finder(QUICK), bench.finder()), Wish("drawn"), stage=lent)
    after = os.times()
    print(done.words())
    return _row("hiding by drawn faces", sum(after[:4]) - sum(before[:4]), done.frames, done.spots)


def _row(what: str, used: float, seen: int, faces: int) -> dict[str, Any]:
    each = used / seen
    return {
        "what": what,
        "pictures": seen,
        "faces a picture": round(faces / seen, 1),
        "CPU ms a picture": round(1000 * each, 1),
        "pictures a second, two cores": round(2 / each, 1),
    }


CHILD = (
    "import resource, sys; from workbench.cli import main; code = main(sys.argv[1:]); "
    "print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"
)
"""The command in a process of its own that says its highest resident size, in kilobytes."""


def memory(bench: Workbench, work: Path, minutes: list[int], people: int) -> list[dict[str, Any]]:
    """Peak resident megabytes of the command by length of the clip."""
    found = []
    for length in minutes:
        source = made(bench, work / f"long-{length}.mp4", 300 * length, people, (320, 180), 5)
        words = ["hide-video", str(source), "--out", str(work / f"hidden-{length}.mp4")]
        told = subprocess.run([sys.executable, "-c", CHILD, *words], capture_output=True, text=True, check=True)
        peak = int(told.stdout.rsplit("peak", 1)[1]) / 1024
        found.append({"what": f"{length} min of clip", "pictures": 300 * length, "peak MB": round(peak)})
    return found


def main() -> None:
    """Measure what is asked for, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="a folder for the clips (default: a new one)")
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--people", type=int, default=3)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--camera", action="store_true")
    parser.add_argument("--drawn", action="store_true")
    parser.add_argument("--minutes", type=int, nargs="+", default=[1, 5, 10])
    args = parser.parse_args()
    work = args.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    bench = Workbench.from_env()
    if args.memory:
        report("video_memory", memory(bench, work, args.minutes, args.people))
        return
    if args.camera:
        source = made(bench, work / f"camera-{args.frames}.mp4", args.frames, 1, (640, 480), 25)
        report("video_camera", [camera(bench, source, work)])
        return
    source = made(bench, work / f"drawn-{args.frames}.mp4", args.frames, args.people, (1280, 720), 25)
    if args.drawn:
        report("video_drawn", [drawing(bench, source, work / "drawn.mp4")])
        return
    report("video_cost", [points(bench, source), hiding(bench, source, work / "hidden.mp4")])


if __name__ == "__main__":
    main()
