"""Twenty visitors on every tab for some minutes: does anybody get another's answer, and what does the server hold?

    python benchmarks/service.py --minutes 10 --visitors 20

Every visitor has a photo of a size nobody else has, so that an answer shows whose it is. The server is a process of its
own with a folder of its own; photos live for a minute, so that sweeping is seen. Prints calls, refusals, wrong answers,
waiting, resident memory and files left.
"""

import argparse
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
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from measure import report
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
LIFETIME = 60


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

    def live(self, until: float) -> None:
        """Call one thing after the other; some calls are abandoned half-way, as people do."""
        jobs: dict[str, Callable[[], None]] = {
            "parse": self.parse,
            "landmarks": self.landmarks,
            "anonymise": self.anonymise,
            "apply_makeup": self.makeup,
            "explain (left)": self.leaves,
        }
        while time.monotonic() < until:
            name = self.rng.choice(list(jobs))
            begun = time.monotonic()
            try:
                jobs[name]()
                self.counts["answered"] += 1
            except Refused as refusal:
                self.counts[f"refused {refusal}"] += 1
                time.sleep(2)
            except httpx.HTTPError as error:
                self.counts[f"failed {type(error).__name__}"] += 1
            self.waits.setdefault(name, []).append(time.monotonic() - begun)
            time.sleep(self.rng.uniform(0.2, 2.0))

    def parse(self) -> None:
        viewer = self.ask("parse", [self.mine(), "compact"])[1]
        self.same(tuple(viewer["size"]))

    def landmarks(self) -> None:
        self.same(self.picture(self.ask("landmarks", [self.mine()])[0]))

    def anonymise(self) -> None:
        self.same(self.picture(self.ask("anonymise", [self.mine(), "blur", 1, []])[2]))

    def makeup(self) -> None:
        self.same(self.picture(self.ask("apply_makeup", [self.mine(), "Face 1", "natural", "{}"])[2]))

    def leaves(self) -> None:
        data = [self.mine(), "Face 1", "fer", "happy", "occlusion", "{}", "compact", True, 0, 0.7]
        event = self.begin("explain", data)
        with self.client.stream("GET", f"/call/explain/{event}") as stream:
            for _, _ in zip(range(6), stream.iter_lines(), strict=False):
                pass

    def mine(self) -> dict[str, Any]:
        """The upload, sent again before it is swept."""
        if time.monotonic() - self.uploaded > LIFETIME / 3:
            answer = self.client.post("/upload", files={"files": ("photo.png", self.data, "image/png")})
            if answer.status_code != 200:
                raise Refused(str(answer.status_code))
            self.photo = {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}
            self.uploaded = time.monotonic()
        return self.photo

    def begin(self, name: str, data: list[Any]) -> str:
        answer = self.client.post(f"/call/{name}", json={"data": data})
        if answer.status_code != 200:
            raise Refused(str(answer.status_code))
        return str(answer.json()["event_id"])

    def ask(self, name: str, data: list[Any]) -> list[Any]:
        """The values of a call's last answer. Raises Refused for an error."""
        kind = ""
        with self.client.stream("GET", f"/call/{name}/{self.begin(name, data)}") as stream:
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: ") and kind in ("complete", "error"):
                    found = json.loads(line[6:])
                    if kind == "error":
                        raise Refused(str((found or {}).get("error"))[:60])
                    return list(found)
        raise Refused("no answer")

    def picture(self, file: dict[str, Any]) -> tuple[int, int]:
        data = self.client.get(f"/file={file['path']}").content
        with Image.open(io.BytesIO(data)) as picture:
            return picture.size

    def same(self, size: tuple[int, ...]) -> None:
        if size != self.size:
            self.counts["ANOTHER VISITOR'S ANSWER"] += 1


class Refused(Exception):
    """The server answered with a refusal or an error."""


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
        visitors[0].parse()  # the models are loaded before anything is measured
        first = resident(process)
        until = time.monotonic() + 60 * asked.minutes
        threads = [threading.Thread(target=visitor.live, args=(until,)) for visitor in visitors]
        for thread in threads:
            thread.start()
        held, most_files = [first], 0
        while any(thread.is_alive() for thread in threads):
            time.sleep(5)
            held.append(resident(process))
            most_files = max(most_files, files(Path(place)))
        health = httpx.get(f"{address}/health", timeout=30).json()
        time.sleep(LIFETIME + LIFETIME / 2)
        left, after = files(Path(place)), resident(process)
        lines = len((Path(place) / "log.txt").read_text().splitlines())
    _tell(visitors, held, after, most_files, left, lines, health, asked.minutes)


def _tell(
    visitors: list[Visitor],
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
    rows += [{"what": name, "calls": count} for name, count in counts.most_common()]
    half = held[len(held) // 2 :]
    figures: dict[str, float] = {
        "answers of another visitor": wrong,
        "MB resident at first": held[0],
        "MB resident at most": max(held),
        "MB resident at most, second half": max(half),
        "MB resident afterwards": after,
        "files at most": most_files,
        "files afterwards": left,
        "lines of log": lines,
        "minutes": minutes,
        "visitors": len(visitors),
        "ready": health["ready"],
    }
    report("service", rows + [{"what": name, "calls": value} for name, value in figures.items()])
    if wrong or left:
        sys.exit("somebody got another visitor's answer, or photos stayed")


if __name__ == "__main__":
    main()
