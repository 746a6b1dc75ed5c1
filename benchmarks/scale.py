"""What very many photos cost: resuming, planning, memory, and the engine against the plain command.

    python -m benchmarks.scale resume --photos 1000000
    python -m benchmarks.scale plan --photos 1000000
    python -m benchmarks.scale memory
    python -m benchmarks.scale engine PHOTO --photos 200

The first three need no models: the photos are empty files, the rows are made up. Each measurement is a process of its
own, so that its memory is its own; CPU seconds are user and system of it and its children.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from workbench import batch
from workbench.batch import Stamp, Table
from workbench.batch.record import begin
from workbench.batch.stamp import digest, looks
from workbench.bench import Workbench
from workbench.scale.plain import Wish, work_through
from workbench.scale.step import Outcome, Step, record

EACH = 1000
"""Files of a folder."""


def fake(bench: Workbench) -> Step:
    """A step that reads a photo and loads nothing."""

    def opened(bench: Workbench) -> Callable[..., Outcome]:
        return lambda name, data, watch: Outcome(({"length": len(data), "label": "happy", "score": "0.912345"},))

    return Step("classify", {"model": "fake"}, (), ("length", "label", "score"), opened)


def fill(folder: Path, count: int) -> Path:
    """So many photos of a byte each, a thousand to a folder."""
    for start in range(0, count, EACH):
        place = folder / f"{start // EACH:06d}"
        place.mkdir(parents=True, exist_ok=True)
        for number in range(start, min(start + EACH, count)):
            (place / f"photo-{number:08d}.jpg").write_bytes(b"x")
    return folder


def finished(folder: Path, out: Path, bench: Workbench) -> None:
    """The table of a run that has done every photo."""
    step, listing = fake(bench), batch.listed(folder)
    begin(record(step, bench, os.path.realpath(folder)), out)
    table = Table(out, step.columns)
    table.begin()
    known = digest(b"x")
    for name in listing.names:
        row = {"length": 1, "label": "happy", "score": "0.912345"}
        table.add(name, [row], Stamp(*looks(listing.path(name)), known))
    table.end()


def resume(folder: Path, out: Path) -> dict[str, float]:
    """Find that everything is done."""
    bench = Workbench.from_env()
    account = work_through(fake(bench), batch.listed(folder), out, out, bench, Wish())
    return {"skipped": account.skipped, "done": account.done}


def run_all(folder: Path, out: Path) -> dict[str, float]:
    """Do everything."""
    return resume(folder, out)


def plan(folder: Path, out: Path) -> dict[str, float]:
    """Plan a folder in shards."""
    from workbench.scale import plan as plans
    from workbench.scale.source import source_of

    bench = Workbench.from_env()
    made = plans.make(fake(bench), source_of(str(folder)), out, bench, 256)
    return {"photos": made.photos, "shards": made.shards}


ACTIONS = {"resume": resume, "run": run_all, "plan": plan}


def measured(action: str, folder: Path, out: Path) -> dict[str, float]:
    """An action in a process of its own: wall and CPU seconds and the peak of its memory, MB."""
    words = [sys.executable, "-m", "benchmarks.scale", "here", action, str(folder), str(out)]
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip().splitlines()
    found: dict[str, float] = json.loads(lines[-1])
    return found


def here(action: str, folder: Path, out: Path) -> None:
    """The action, in this process."""
    started = time.perf_counter()
    found = ACTIONS[action](folder, out)
    own = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "wall_s": round(time.perf_counter() - started, 1),
        "cpu_s": round(own.ru_utime + own.ru_stime, 1),
        "peak_mb": own.ru_maxrss // 1024,
    }
    print(json.dumps({**found, **figures}))


def memory(root: Path) -> None:
    """The peak of a whole run over 1,000, 10,000 and 100,000 photos."""
    for count in (1_000, 10_000, 100_000):
        folder = fill(root / str(count), count)
        print(f"run of {count:>9,}:", measured("run", folder, root / f"{count}.csv"), flush=True)


def engine(photo: Path, count: int, root: Path) -> None:
    """CPU seconds of `parse` over copies of one photo: plainly, and in one and two processes."""
    folder = root / "in"
    folder.mkdir()
    for number in range(count):
        shutil.copy(photo, folder / f"{number:04d}{photo.suffix}")
    ways = {
        "plain, 2 threads": [],
        "local, 1 process": ["--engine", "local", "--workers", "1"],
        "local, 2 processes": ["--engine", "local", "--workers", "2"],
    }
    for number, (name, words) in enumerate(ways.items()):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        asked = [sys.executable, "-m", "workbench", "parse", str(folder), "--out", str(root / f"out{number}")]
        subprocess.run([*asked, "--shard-size", "32", *words], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{name:20} N {count}: CPU {cpu:.1f} s, wall {time.perf_counter() - started:.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("resume", "plan", "memory", "engine", "here"))
    parser.add_argument("rest", nargs="*")
    parser.add_argument("--photos", type=int, default=1_000_000)
    args = parser.parse_args()
    if args.what == "here":
        here(args.rest[0], Path(args.rest[1]), Path(args.rest[2]))
        return
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        if args.what == "memory":
            memory(root)
        elif args.what == "engine":
            engine(Path(args.rest[0]), args.photos, root)
        else:
            folder = fill(root / "in", args.photos)
            out = root / ("table.csv" if args.what == "resume" else "out")
            if args.what == "resume":
                finished(folder, out, Workbench.from_env())
            print(f"{args.what} of {args.photos:,}:", measured(args.what, folder, out))


if __name__ == "__main__":
    main()
