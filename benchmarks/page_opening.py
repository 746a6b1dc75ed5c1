"""How the page opens on a quiet machine: what crosses the wire, the browser's processor time, when the first screen and
each tab can be used, and how far the layout shifts.

    python benchmarks/page_opening.py [--runs 3] [--url http://127.0.0.1:7860/]

Without `--url` it starts the app itself on a free port, over the weights that are here. Needs Chromium and Playwright.
Each run is a browser of its own with an empty cache. Nothing else should run meanwhile: times are of the wall.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser.chromium import free_port, launched  # noqa: E402

SIZES = {"laptop": (1280, 720), "phone": (390, 844)}
READY = {
    "start": "#start-portrait .first[data-state=ready]",
    "parsing": "#parsing-start",
    "analysis": "#analysis-start",
    "explanation": "#explain-start",
    "protection": "#protect-start",
    "generation": "#repose-make",
    "evaluation": "#evaluation-start",
    "labeling": "#labeling-judge .judge",
    "models": ".model-cards article",
}
"""Tab → what is there once it can be used."""
WATCH = """
window.shift = 0;
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({type: 'layout-shift', buffered: true});
"""
AIMS = "aims: ready 2.5 s, page file 300 kB, layout shift 0.1"


@contextmanager
def served(url: str) -> Iterator[str]:
    """The address of a running app: the one given, or one started here and stopped afterwards."""
    if url:
        yield url
        return
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"WORKBENCH_DATA": folder, "WORKBENCH_PORT": str(port), "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py")], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        try:
            _wait(port, process)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(240):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.25)
    raise SystemExit("error: the app did not start")


def opened(chromium: Any, url: str, size: tuple[int, int], tab: str) -> dict[str, float]:
    """One opening of a tab by its link with an empty cache: seconds until it can be used, kilobytes and requests,
    layout shift, seconds of script."""
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    page.add_init_script(WATCH)
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Performance.enable")
    wire: dict[str, float] = {"bytes": 0, "requests": 0}
    session.on("Network.loadingFinished", lambda told: wire.update(bytes=wire["bytes"] + told["encodedDataLength"]))
    session.on("Network.requestWillBeSent", lambda told: wire.update(requests=wire["requests"] + 1))
    try:
        start = time.perf_counter()
        answer = page.goto(f"{url}?tab={tab}")
        page.wait_for_selector(READY[tab], timeout=60_000)
        ready = time.perf_counter() - start
        page.wait_for_timeout(1500)
        spent = {row["name"]: row["value"] for row in session.send("Performance.getMetrics")["metrics"]}
        return {
            "ready": ready,
            "html": len(answer.body()) / 1e3,
            "wire": wire["bytes"] / 1e3,
            "requests": wire["requests"],
            "shift": page.evaluate("window.shift"),
            "script": spent["ScriptDuration"],
            "task": spent["TaskDuration"],
        }
    finally:
        context.close()


def middle(rows: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure; of the layout's shift the largest, as what comes in another order at times does harm
    at times."""
    found = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    return found | {"shift": max(row["shift"] for row in rows)}


def main() -> None:
    """Print a row for each size and tab."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--url", default="")
    asked = parser.parse_args()
    with served(asked.url) as url, launched() as chromium:
        opened(chromium, url, SIZES["laptop"], "start")  # the server's own first time does not count
        print(
            f"{'':8}{'tab':14}{'ready':>8}{'page':>9}{'wire':>9}{'requests':>10}{'shift':>8}{'script':>9}{'browser':>9}"
        )
        for name, size in SIZES.items():
            for tab in READY:
                row = middle([opened(chromium, url, size, tab) for _ in range(asked.runs)])
                print(
                    f"{name:8}{tab:14}{row['ready']:6.2f} s{row['html']:6.0f} kB{row['wire']:6.0f} kB"
                    f"{row['requests']:10.0f}{row['shift']:8.3f}{row['script']:7.2f} s{row['task']:7.2f} s",
                    flush=True,
                )
    print(AIMS)


if __name__ == "__main__":
    main()
