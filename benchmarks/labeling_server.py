"""What the benchmarks of labeling share: a study on disk, a server of its own, raters' connections, and full stores.

Not a benchmark itself: running it prints nothing.
"""

import http.client
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from tests.browser.chromium import free_port  # noqa: E402
from workbench.labeling.store import schema  # noqa: E402
from workbench.labeling.store.store import Store  # noqa: E402
from workbench.labeling.study.study import Study  # noqa: E402

OWNER = "owner token of the benchmark"


TOML = """
[study]
name = "loss"
title = "Benchmark"
task = "same_different"
instructions = "Compare."
[consent]
version = "v1"
text = "A benchmark."
[items]
csv = "items.csv"
[assignment]
raters_per_item = {raters}
most_per_rater = 1000000
[blocks]
size = 40
gold = 0
repeats = 0
break_seconds = 0
"""


Row = dict[str, Any]


def percentile(values: list[float], share: float) -> float:
    return float(np.percentile(values, share)) if values else float("nan")


def write_study(folder: Path, items: int, pictures: int = 40, raters: int = 5) -> Path:
    """A study over 512 px JPEGs with the texture of a photograph (about 60 kB each). raters: per item."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for n in range(pictures):
        rough = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).resize(
            (512, 512), Image.Resampling.BICUBIC
        )
        rough.save(folder / f"images/{n}.jpg", quality=90)
    lines = ["image_1,image_2"] + [
        f"images/{n % pictures}.jpg,images/{(n * 7 + 1 + n // pictures) % pictures}.jpg" for n in range(items)
    ]
    (folder / "items.csv").write_text("\n".join(lines))
    (folder / "study.toml").write_text(TOML.format(raters=raters))
    return folder


@contextmanager
def serving(
    study: Path, data: Path, port: int = 0, hub: str = "", interval: float = 60.0
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`label serve` in a process of its own; its address."""
    port = port or free_port()
    own = {
        "WORKBENCH_DATA": str(data),
        "WORKBENCH_OWNER_TOKEN": OWNER,
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_DISABLE_XET": "1",
    }
    own |= (
        {"WORKBENCH_HUB_DATASET": "tester/loss", "HF_TOKEN": "hf_x", "HF_ENDPOINT": hub}
        if hub
        else {"WORKBENCH_OFFLINE": "1"}
    )
    words = [
        sys.executable,
        "-m",
        "workbench",
        "label",
        "serve",
        str(study),
        "--port",
        str(port),
        "--interval",
        str(interval),
    ]
    process = subprocess.Popen(
        words, cwd=ROOT, env=os.environ | own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://127.0.0.1:{port}/", process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def wait_open(address: str, process: subprocess.Popen[bytes], seconds: float = 120) -> dict[str, int]:
    """Wait for the page; function name → component id."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, "the server ended"
        try:
            config = json.loads(urllib.request.urlopen(f"{address}config", timeout=5).read())
            return {name: c["id"] for c in config["components"] for name in c["props"].get("server_fns") or []}
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the server did not start")


class Caller:
    """One rater's connection to the raw address, kept open, from an address of its own: rates are per address."""

    COUNT = itertools.count(1)

    def __init__(self, address: str, numbers: dict[str, int]) -> None:
        self._host = address.split("//")[1].strip("/")
        self._numbers = numbers
        number = next(self.COUNT)
        here = (f"127.1.{number // 250}.{number % 250 + 1}", 0)
        self._connection = http.client.HTTPConnection(self._host, timeout=60, source_address=here)

    def __call__(self, name: str, payload: Row) -> Row:
        body = json.dumps(
            {"data": payload, "component_id": self._numbers[name], "fn_name": name, "session_hash": "bench"}
        )
        self._connection.request("POST", "/gradio_api/component_server/", body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        data = answer.read()
        assert answer.status == 200, data[:300]
        return json.loads(data)


def fill(store: Store, study: Study, count: int) -> None:
    """Register `count` items at once, without pictures: assigning never looks at them."""
    rng = random.Random(0)
    fixed = {
        "study": study.name,
        "pictures": "[]",
        "grp": "",
        "gold": "",
        "truth": "",
        "conflict": "",
        "is_gold": False,
    }
    fixed |= {"target": 5, "filled": 0, "is_open": True}
    store.add_study(study, [])
    for start in range(0, count, 20_000):
        rows = [
            fixed | {"item": f"{n:07d}", "pos": rng.randrange(2**62)} for n in range(start, min(start + 20_000, count))
        ]
        store.database.run(partial(_insert, table=schema.items, rows=rows))


def _insert(connection: Any, table: Any, rows: Any) -> None:
    connection.execute(table.insert(), rows)


def many_labels(store: Store, study: Study, raters: list[str], count: int) -> None:
    """`count` labels as the desk would have stored them, written in bulk and pushed."""
    fixed: Row = {
        "study": study.name,
        "task_type": study.task.name,
        "answer": "same_3",
        "value": 3.0,
        "correct": None,
        "is_gold": False,
    }
    fixed |= {
        "is_repeat": False,
        "repeat_of": "",
        "swapped": False,
        "seed": 1,
        "response_ms": 3000,
        "flags": "",
        "reason": "",
        "block": 0,
    }
    fixed |= {
        "shown_at": "2026-01-01T00:00:00.000Z",
        "answered_at": "2026-01-01T00:00:03.000Z",
        "grp": "",
        "propensity": 1.0,
    }
    fixed |= {"supersedes": "", "study_sha256": study.sha256}
    rows = []
    for n in range(count):
        rows.append(
            fixed
            | {
                "label": f"{n:032x}",
                "item": f"{n % 20_000 + 1:06d}",
                "rater": raters[n // 20_000 * 10 + n % 10],
                "number": n,
            }
        )
    for start in range(0, count, 5_000):
        store.restore("label", rows[start : start + 5_000], f"2026-01-01-{start:032x}", count=False)
        shard = {
            "shard": f"2026-01-01-{start:032x}",
            "study": study.name,
            "kind": "label",
            "path": f"data/labels/x/{start}.jsonl",
        }
        shard |= {"sealed_at": "x", "pushed_at": "x", "hub_commit": ""}
        store.database.run(partial(_insert, table=schema.shards, rows=shard))
    store.recount(study.name)
