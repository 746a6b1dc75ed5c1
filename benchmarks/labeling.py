"""How fast labeling is, and that it loses nothing: every figure beside its target, a plain gr.Image voting app in the
same run.

    python benchmarks/labeling.py [--only keys,think,votes,next,restart,loss] [--seconds 15] [--kills 10]

keys: Chromium, key to next pair painted, ours and a plain Gradio app with the same 512 px pictures, in turn. think: 50
raters with 2 s think time. votes: as many votes as the server takes. next: the next item among a thousand and among a
million, both databases.
restart: ready again with 100,000 labels. loss: kills, a faulty Hub, and Chromium as the rater (the pytest run uses a
double).
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import measure  # noqa: E402
from labeling_server import (  # noqa: E402
    Caller,
    Row,
    fill,
    many_labels,
    percentile,
    serving,
    wait_open,
    write_study,
)

from tests.browser.chromium import free_port, launched  # noqa: E402
from tests.hub_double import HubDouble  # noqa: E402
from tests.labeling.databases import postgres_database, postgres_server  # noqa: E402
from tests.labeling.serving.test_loss import rows_on, troubled  # noqa: E402
from workbench.labeling.store.leases import Vote  # noqa: E402
from workbench.labeling.store.store import Store  # noqa: E402
from workbench.labeling.study.study import load_study  # noqa: E402


def rate(address: str, numbers: dict[str, int], raters: int, seconds: float, think: float) -> tuple[list[float], float]:
    """Raters who vote for so long: milliseconds of every submit, votes per second."""
    times: list[float] = []
    stop = time.monotonic() + seconds

    def work(number: int) -> None:
        rng = random.Random(number)
        call = Caller(address, numbers)
        rater = call("enter", {"agree": True, "version": "v1"})["rater"]
        queue = call("sync", {"rater": rater, "want": 3})["items"]
        time.sleep(rng.uniform(0, think))
        while time.monotonic() < stop and queue:
            item = queue.pop(0)
            vote = {"lease": item["token"], "answer": rng.choice(["same_3", "different_3"]), "response_ms": 2000}
            start = time.perf_counter()
            answer = call(
                "sync", {"rater": rater, "votes": [vote], "want": 3, "have": [other["id"] for other in queue]}
            )
            times.append((time.perf_counter() - start) * 1000)
            assert answer["votes"][0]["state"] == "recorded", answer["votes"]
            queue += answer["items"]
            if think:
                time.sleep(rng.uniform(0.5, 1.5) * think)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(raters)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, len(times) / (time.monotonic() - began)


def voting(args: argparse.Namespace, kind: str) -> list[Row]:
    """`think` or `votes`: submits over HTTP to the real server."""
    raters, think = (50, 2.0) if kind == "think" else (12, 0.0)
    with tempfile.TemporaryDirectory() as scratch:
        study = write_study(Path(scratch) / "study", 20_000)
        with serving(study, Path(scratch) / "data") as (address, process):
            times, speed = rate(address, wait_open(address, process), raters, args.seconds, think)
    row = {
        "figure": f"submit, {raters} raters, {think:g} s think time",
        "p50 ms": percentile(times, 50),
        "p95 ms": percentile(times, 95),
    }
    return [row | {"per second": speed, "target": "p95 ≤ 50 ms" if kind == "think" else "≥ 300 per second"}]


PEER = """
import sys, random, gradio as gr
pictures = sys.argv[2:]
def pair():
    return random.sample(pictures, 2)
with gr.Blocks() as demo:
    with gr.Row():
        left, right = gr.Image(elem_id="left", height=460), gr.Image(elem_id="right", height=460)
    same = gr.Button("Same", elem_id="same")
    same.click(pair, None, [left, right], show_progress="hidden", concurrency_limit=None, trigger_mode="multiple")
    demo.load(pair, None, [left, right])
demo.launch(server_port=int(sys.argv[1]), quiet=True, run_history=False)
"""

PEER_TIMED = """async () => {
  const find = side => document.querySelector(`#${side} img`);
  const before = [find('left').src, find('right').src];
  const start = performance.now();
  document.querySelector('#same').click();
  for (;;) {
    const images = [find('left'), find('right')];
    if (images.every(i => i) && images.some((i, n) => i.src !== before[n]) && images.every(i => i.complete && i.naturalWidth)) break;
    await new Promise(next => setTimeout(next, 1));
    if (performance.now() - start > 5000) break;
  }
  await Promise.all([find('left').decode().catch(() => 0), find('right').decode().catch(() => 0)]);
  await new Promise(next => requestAnimationFrame(() => requestAnimationFrame(next)));
  return performance.now() - start;
}"""  # noqa: E501

OURS_TIMED = """async () => {
  const node = document.querySelector('#labeling-judge .judge');
  const before = node.dataset.shown, start = performance.now();
  document.dispatchEvent(new KeyboardEvent('keydown', {key: Math.random() < .5 ? '1' : '6', bubbles: true}));
  while (node.dataset.shown === before && performance.now() - start < 5000) await new Promise(next => setTimeout(next, 1));
  return performance.now() - start;
}"""  # noqa: E501


def keys(args: argparse.Namespace) -> list[Row]:
    """Key to next pair painted, in Chromium: ours and the plain app, in turn. 'Painted' is two animation frames after
    the decode."""
    times: dict[str, list[float]] = {"ours": [], "plain gr.Image app": []}
    with tempfile.TemporaryDirectory() as scratch, launched() as browser:
        study = write_study(Path(scratch) / "study", 400)
        port = free_port()
        script = Path(scratch) / "peer.py"
        script.write_text(PEER)
        pictures = [str(path) for path in (study / "images").iterdir()]
        quiet = os.environ | {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": str(Path(scratch) / "gradio")}
        peer = subprocess.Popen(
            [sys.executable, str(script), str(port), *pictures], env=quiet, stdout=subprocess.DEVNULL, cwd=study
        )
        try:
            with serving(study, Path(scratch) / "data") as (address, process):
                wait_open(address, process)
                ours = browser.new_page(viewport={"width": 1280, "height": 950})
                ours.goto(address)
                ours.wait_for_function("document.querySelector('.judge')?.dataset.screen === 'consent'", timeout=60_000)
                ours.keyboard.press("Enter")
                ours.keyboard.press("Enter")
                ours.wait_for_function("document.querySelector('.judge').dataset.shown", timeout=60_000)
                wait_open(f"http://127.0.0.1:{port}/", peer)
                plain = browser.new_page(viewport={"width": 1280, "height": 950})
                plain.goto(f"http://127.0.0.1:{port}/")
                plain.wait_for_selector("#right img", timeout=60_000)
                for _ in range(args.pairs):
                    for page, script_text, name in (
                        (ours, OURS_TIMED, "ours"),
                        (plain, PEER_TIMED, "plain gr.Image app"),
                    ):
                        page.bring_to_front()
                        page.wait_for_timeout(400)
                        times[name].append(page.evaluate(script_text))
        finally:
            peer.terminate()
    target = {"ours": "p50 ≤ 35, p95 ≤ 60 ms", "plain gr.Image app": "(peer)"}
    return [
        {
            "figure": f"key to next pair painted, {name}",
            "p50 ms": percentile(t[3:], 50),
            "p95 ms": percentile(t[3:], 95),
            "target": target[name],
        }
        for name, t in times.items()
    ]


def next_item(args: argparse.Namespace) -> list[Row]:
    """Time of `hold` (choose and lend the next item) after each vote, among a thousand and a million items."""
    rows = []
    with tempfile.TemporaryDirectory() as scratch, postgres_server() as server:
        study = load_study(write_study(Path(scratch) / "study", 10))
        for kind in ("SQLite", "PostgreSQL"):
            medians = {}
            for count in (1_000, 1_000_000):
                with (
                    postgres_database(server)
                    if kind == "PostgreSQL"
                    else _file(Path(scratch) / f"{count}.db") as address
                ):
                    store = Store(address)
                    fill(store, study, count)
                    times = []
                    raters = [store.join(study) for _ in range(20)]
                    for turn in range(400):
                        rater = raters[turn % 20]
                        start = time.perf_counter()
                        lease = store.hold(study, rater, 1)[0]
                        times.append((time.perf_counter() - start) * 1000)
                        store.record(study, lease, Vote("same_3", 1000))
                    store.close()
                medians[count] = percentile(times[20:], 50)
                rows.append(
                    {
                        "figure": f"next item, {kind}, {count:,} items",
                        "p50 ms": medians[count],
                        "p95 ms": percentile(times[20:], 95),
                    }
                )
            rows[-1] |= {"ratio": medians[1_000_000] / medians[1_000], "target": "ratio ≤ 2"}
    return rows


@contextmanager
def _file(path: Path) -> Iterator[str]:
    yield f"sqlite:///{path}"


def restart(args: argparse.Namespace) -> list[Row]:
    """From starting the process to a desk that hands out items, with 100,000 labels in the file."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, data = write_study(Path(scratch) / "study", 20_000), Path(scratch) / "data"
        with serving(folder, data) as (address, process):
            wait_open(address, process)
        store, study = Store(data / "labels.db"), load_study(folder)
        raters = [store.join(study) for _ in range(50)]
        many_labels(store, study, raters, 100_000)
        store.close()
        start = time.perf_counter()
        with serving(folder, data) as (address, process):
            call = Caller(address, wait_open(address, process))
            while call("welcome", {})["state"] == "starting":
                time.sleep(0.02)
            took = time.perf_counter() - start
    return [{"figure": "restart to ready, 100,000 labels", "seconds": took, "target": "≤ 10 s"}]


def loss(args: argparse.Namespace) -> list[Row]:
    """Kills at random moments while Chromium itself judges, with and without a wiped disk between the kills."""
    return [row for wiped in (False, True) for row in loss_run(args, wiped)]


def loss_run(args: argparse.Namespace, wiped: bool) -> list[Row]:
    rng = random.Random(int(wiped))
    with tempfile.TemporaryDirectory() as scratch, HubDouble() as hub, launched() as browser:
        folder, data, port = write_study(Path(scratch) / "study", 5_000), Path(scratch) / "data", free_port()
        hub.repo("dataset", "tester/loss")
        hub.random_fault, faults = troubled(7)
        page = browser.new_page()
        for life in range(args.kills + 1):
            if wiped and life:
                subprocess.run(["rm", "-rf", str(data)], check=True)
            with serving(folder, data, port, hub.address, 1.0) as (address, process):
                wait_open(address, process)
                if not life:
                    begin(page, address)
                judge_for(page, rng.uniform(2.0, 6.0))
                if life < args.kills:
                    process.kill()
                else:
                    end = time.monotonic()
                    page.wait_for_function("document.querySelector('.judge').dataset.unhubbed === '0'", timeout=120_000)
                    took = time.monotonic() - end
        votes = page.evaluate("window.acknowledged || []")
        kept = Counter(row["label"] for row in rows_on(hub))
    lost, doubled = set(votes) - set(kept), [label for label, n in kept.items() if n > 1]
    name = f"{args.kills} kills, Chromium, disk {'wiped' if wiped else 'kept'}"
    row = {
        "figure": name,
        "votes": len(votes),
        "on hub": len(kept),
        "lost": len(lost),
        "doubled": len(doubled),
        "seconds": took,
    }
    return [row | {"faults": sum(faults.values()), "target": "0 lost, 0 doubled, ≤ 90 s"}]


def begin(page: Any, address: str) -> None:
    """Consent, and note every acknowledged vote as it comes in."""
    page.add_init_script(
        """window.acknowledged = []; const asked = window.fetch;
        window.fetch = async (...words) => { const answer = await asked(...words);
          if (String(words[0]).includes('component_server') && answer.ok) answer.clone().json().then(body =>
            (body.votes || []).forEach(vote => {
              if (vote.receipt && !window.acknowledged.includes(vote.id)) window.acknowledged.push(vote.id); }));
          return answer; };"""
    )
    page.goto(address)
    page.wait_for_function("document.querySelector('.judge')?.dataset.screen === 'consent'", timeout=60_000)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")


def judge_for(page: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        page.keyboard.press(random.choice("16"))
        page.wait_for_timeout(150)


PARTS = {
    "keys": keys,
    "think": lambda args: voting(args, "think"),
    "votes": lambda args: voting(args, "votes"),
    "next": next_item,
    "restart": restart,
    "loss": loss,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    parser.add_argument("--seconds", type=float, default=15, help="of voting")
    parser.add_argument("--pairs", type=int, default=60, help="pairs judged in each app")
    parser.add_argument("--kills", type=int, default=10)
    args = parser.parse_args()
    rows = [row for name in args.only.split(",") for row in PARTS[name](args)]
    measure.report("labeling", rows)


if __name__ == "__main__":
    main()
