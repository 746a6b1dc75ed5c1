"""Twenty visitors on every tab for some minutes: does anybody get another's answer, and what does the server hold?

    python benchmarks/service.py --minutes 10 --visitors 20

Every visitor has a photo of a size nobody else has, so that an answer shows whose it is. The server is a process of its
own with a folder of its own; photos live for a minute, so that sweeping is seen. Models load when they are first asked,
so every kind of call is made once, and then by some at once, before memory is watched for growth: both are told. Prints
calls, refusals, wrong answers, waiting, resident memory and files left. Ends with status 1 when an answer was
another's, a photo stayed, or a call was refused for anything but a busy server.
"""

import argparse
import functools
import io
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from measure import report
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from workbench import places  # noqa: E402

LIFETIME = 60
SIDE_BY_SIDE = 4
"""Visitors who call everything at once before memory is measured: pools of memory are made as they are needed."""
BUSY = (429, 503, 507)
"""What the server answers when it has no place, time or room just now."""


class Visitor:
    """One browser: a photo of its own size, calls one after the other, and what they answered."""

    def __init__(self, number: int, address: str, face: np.ndarray) -> None:
        """number: from 0; makes the photo's size and the address it comes from."""
        self.size = (480 + 3 * number, 483 + 3 * number)
        self.client = httpx.Client(
            base_url=f"{address}/gradio_api", timeout=180, headers={"x-forwarded-for": f"192.0.2.{number + 1}"}
        )
        self.rng = random.Random(number)
        self.data = _png(np.asarray(Image.fromarray(face).resize(self.size)))
        self.photo: dict[str, Any] = {}
        self.uploaded = 0.0
        self.waits: dict[str, list[float]] = {}
        self.counts: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.jobs: dict[str, Callable[[], None]] = {
            "parse": self.parse,
            "landmarks": self.landmarks,
            "anonymise": self.anonymise,
            "apply_makeup": self.makeup,
            "explain (left)": self.leaves,
        }

    @functools.cached_property
    def inputs(self) -> dict[str, dict[str, Any]]:
        """Of each endpoint, the name of every input in order and what it is when it is left out."""
        told = self.client.get("/info").raise_for_status().json()["named_endpoints"]
        return {
            name[1:]: {each["parameter_name"]: each.get("parameter_default") for each in endpoint["parameters"]}
            for name, endpoint in told.items()
        }

    def live(self, until: float) -> None:
        """Call one thing after the other; some calls are abandoned half-way, as people do."""
        while time.monotonic() < until:
            name = self.rng.choice(list(self.jobs))
            begun = time.monotonic()
            try:
                self.jobs[name]()
                self.counts["answered"] += 1
            except Refused as refusal:
                (self.counts if refusal.busy else self.faults)[f"{name} refused: {refusal}"] += 1
                time.sleep(2)
            except httpx.HTTPError as error:
                self.faults[f"{name} failed: {type(error).__name__}"] += 1
            self.waits.setdefault(name, []).append(time.monotonic() - begun)
            time.sleep(self.rng.uniform(0.2, 2.0))

    def parse(self) -> None:
        viewer = self.ask("parse", model="compact")[1]
        self.same(tuple(viewer["size"]))

    def landmarks(self) -> None:
        self.same(self.picture(self.ask("landmarks")[0]))

    def anonymise(self) -> None:
        self.same(self.picture(self.ask("anonymise", kind="blur")[2]))

    def makeup(self) -> None:
        self.same(self.picture(self.ask("apply_makeup", face="Face 1", look="natural")[2]))

    def leaves(self) -> None:
        asked = {"face": "Face 1", "model": "fer", "target": "happy", "method": "occlusion", "shuffle": True}
        for _ in zip(range(2), self.answers("explain", **asked), strict=False):
            pass

    def mine(self) -> dict[str, Any]:
        """The upload, sent again before it is swept."""
        if time.monotonic() - self.uploaded > LIFETIME / 3:
            answer = self.client.post("/upload", files={"files": ("photo.png", self.data, "image/png")})
            if answer.status_code != 200:
                raise Refused(answer)
            self.photo = {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}
            self.uploaded = time.monotonic()
        return self.photo

    def begin(self, name: str, given: dict[str, Any]) -> str:
        """The id of a call about this visitor's photo. Inputs that are not given are the endpoint's own."""
        asked = self.inputs[name] | {"source": self.mine()} | given
        if strange := asked.keys() - self.inputs[name].keys():
            raise Refused(f"/{name} has no input {', '.join(sorted(strange))}")
        answer = self.client.post(f"/call/{name}", json={"data": list(asked.values())})
        if answer.status_code != 200:
            raise Refused(answer)
        return str(answer.json()["event_id"])

    def answers(self, name: str, **given: Any) -> Iterator[tuple[str, Any]]:
        """(kind of event, values) of what a call brings, one after the other. Raises Refused for an error."""
        kind = ""
        with self.client.stream("GET", f"/call/{name}/{self.begin(name, given)}") as stream:
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: "):
                    found = json.loads(line[6:])
                    if kind == "error":
                        raise Refused(str((found or {}).get("error")))
                    yield kind, found

    def ask(self, name: str, **given: Any) -> list[Any]:
        """The values of a call's last answer. Raises Refused for an error."""
        for kind, values in self.answers(name, **given):
            if kind == "complete":
                return list(values)
        raise Refused("no answer")

    def picture(self, file: dict[str, Any]) -> tuple[int, int]:
        data = self.client.get(f"/file={file['path']}").content
        with Image.open(io.BytesIO(data)) as picture:
            return picture.size

    def same(self, size: tuple[int, ...]) -> None:
        if size != self.size:
            self.counts["ANOTHER VISITOR'S ANSWER"] += 1


class Refused(Exception):
    """The server answered with a refusal or an error. busy: for want of a place just now, which is no fault."""

    def __init__(self, answer: httpx.Response | str) -> None:
        """answer: an HTTP response, or the sentence of an error."""
        told = answer if isinstance(answer, str) else f"status {answer.status_code}"
        super().__init__(told[:60])
        self.busy = places.BUSY in told if isinstance(answer, str) else answer.status_code in BUSY


def _png(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


@contextmanager
def server(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The whole workbench on a free port, with a folder of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    cache = Path(os.environ.get("WORKBENCH_CACHE") or Path.home() / ".cache" / "face-workbench")
    (folder / "weights").symlink_to(cache / "weights")
    own = {"PORT": str(port), "CACHE": str(folder), "DATA": str(folder / "data"), "PHOTO_LIFETIME": str(LIFETIME)}
    environment = os.environ | {f"WORKBENCH_{name}": value for name, value in (own | {"PROXIES": "1"}).items()}
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py")], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            address = f"http://127.0.0.1:{port}"
            for _ in range(300):
                try:
                    if httpx.get(f"{address}/health", timeout=5).status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.5)
            yield address, process
        finally:
            process.terminate()
            process.wait(timeout=30)


def warm(visitors: list[Visitor], process: subprocess.Popen[bytes]) -> dict[str, float]:
    """Call everything once, then as `SIDE_BY_SIDE` visitors at once. Megabytes held after each kind's first call (what
    its models take) and when all is warm."""
    held = {"before any call": resident(process)}
    for name, job in visitors[0].jobs.items():
        job()
        held[f"after the first {name}"] = resident(process)
    together = [threading.Thread(target=_each, args=(visitor,)) for visitor in visitors[:SIDE_BY_SIDE]]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    return held | {"warm": resident(process)}


def _each(visitor: Visitor) -> None:
    for job in visitor.jobs.values():
        with suppress(Refused):
            job()


def resident(process: subprocess.Popen[bytes]) -> float:
    """Megabytes the server holds now."""
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def files(folder: Path) -> int:
    """Files among the uploads and results."""
    return sum(len(names) for _, _, names in os.walk(folder / "uploads"))  # what is swept meanwhile is left out


def main() -> None:
    """Run the soak and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--visitors", type=int, default=20)
    asked = parser.parse_args()
    from skimage import data

    with tempfile.TemporaryDirectory() as place, server(Path(place)) as (address, process):
        visitors = [Visitor(number, address, data.astronaut()) for number in range(asked.visitors)]
        cold = warm(visitors, process)  # the models are loaded before anything is measured
        until = time.monotonic() + 60 * asked.minutes
        threads = [threading.Thread(target=visitor.live, args=(until,)) for visitor in visitors]
        for thread in threads:
            thread.start()
        held, most_files = [cold["warm"]], 0
        while any(thread.is_alive() for thread in threads):
            time.sleep(5)
            held.append(resident(process))
            most_files = max(most_files, files(Path(place)))
        health = httpx.get(f"{address}/health", timeout=30).json()
        time.sleep(LIFETIME + LIFETIME / 2)
        left, after = files(Path(place)), resident(process)
        lines = len((Path(place) / "log.txt").read_text().splitlines())
    _tell(visitors, cold, held, after, most_files, left, lines, health, asked.minutes)


def _tell(
    visitors: list[Visitor],
    cold: dict[str, float],
    held: list[float],
    after: float,
    most_files: int,
    left: int,
    lines: int,
    health: dict[str, Any],
    minutes: float,
) -> None:
    counts: Counter[str] = sum((visitor.counts for visitor in visitors), Counter())
    wrong = counts.pop("ANOTHER VISITOR'S ANSWER", 0)
    rows: list[dict[str, Any]] = []
    for name in sorted({name for visitor in visitors for name in visitor.waits}):
        waits = sorted(wait for visitor in visitors for wait in visitor.waits.get(name, []))
        rows.append({"what": name, "calls": len(waits), "median s": statistics.median(waits), "longest s": waits[-1]})
    rows += [{"what": name, "calls": count} for name, count in (counts + _faults(visitors)).most_common()]
    half = held[len(held) // 2 :]
    figures: dict[str, float] = {
        "answers of another visitor": wrong,
        **{f"MB resident {when}": value for when, value in cold.items()},
        "MB resident at most": max(held),
        "MB resident at most, second half": max(half),
        "MB resident afterwards": after,
        "median of the last fifth, % of that of the first": 100 * level(held, -1) / level(held, 0),
        "afterwards, % of warm": 100 * after / held[0],
        "files at most": most_files,
        "files afterwards": left,
        "lines of log": lines,
        "minutes": minutes,
        "visitors": len(visitors),
        "ready": health["ready"],
    }
    report("service", rows + [{"what": name, "calls": value} for name, value in figures.items()])
    if told := verdict(wrong, left, _faults(visitors)):
        sys.exit(told)


def level(held: list[float], part: int) -> float:
    """The median of a fifth of what was held, in order of time; part: 0 for the first, -1 for the last."""
    fifth = max(1, len(held) // 5)
    return statistics.median(held[-fifth:] if part else held[:fifth])


def _faults(visitors: list[Visitor]) -> Counter[str]:
    return sum((visitor.faults for visitor in visitors), Counter())


def verdict(wrong: int, left: int, faults: Counter[str]) -> str:
    """What went wrong in a run, "" for nothing. wrong: answers of another visitor. left: files after their time."""
    told = [f"{wrong} answers of another visitor"] * (wrong > 0) + [f"{left} photos stayed"] * (left > 0)
    return "; ".join(told + [f"{count} x {name}" for name, count in faults.most_common()])


if __name__ == "__main__":
    main()
