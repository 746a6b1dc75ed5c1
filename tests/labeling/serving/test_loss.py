"""Ten kills at random moments, a Hub that misbehaves and a rival who commits: no acknowledged vote is lost, none is
doubled, and no acknowledged withdrawal is forgotten, though each kill follows one at once.

Prints its account (`pytest -s`). The second run also wipes the disk between kills: what the Hub had not yet comes back
from the browsers. benchmarks/labeling.py runs it longer, with Chromium.
"""

import collections
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.hub_double import Fault, HubDouble
from tests.labeling.conftest import STUDY, write_study
from tests.labeling.raters import BrowserDouble

KILLS = 10
RATERS = 4
LEAVERS = 2
"""Raters who withdraw, one of them just before each kill, and begin anew."""
ROOT = Path(__file__).resolve().parents[3]


class Server:
    """The server process, on one port for all its lives."""

    def __init__(self, study: Path, data: Path, hub: str, database: str = "") -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.study, self.data, self.hub, self.database = study, data, hub, database
        self.host = subprocess.Popen(
            [sys.executable, "-m", "tests.labeling.loss_server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.child = 0

    def start(self) -> None:
        assert self.host.stdin is not None
        assert self.host.stdout is not None
        words = [self.data.parent / "server.log", self.study, self.data, self.port, self.hub, self.database]
        print(json.dumps(list(map(str, words))), file=self.host.stdin, flush=True)
        self.child = int(self.host.stdout.readline())

    def wait_open(self, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError((self.data.parent / "server.log").read_text()[-2000:])

    def end(self, how: signal.Signals) -> None:
        """Send it a signal and wait until it is gone."""
        os.kill(self.child, how)
        end = time.monotonic() + 60
        with contextlib.suppress(ProcessLookupError):
            while time.monotonic() < end:
                os.kill(self.child, 0)
                time.sleep(0.005)
            raise AssertionError("the server did not end within a minute")

    def close(self) -> None:
        """No more lives."""
        self.host.communicate(timeout=60)


KINDS = [Fault("commit", status=s) for s in (409, 412, 429, 500, 503)]
KINDS += [Fault("commit", drop_after=True), Fault("commit", drop_before=True), Fault("commit", stall=1.0)]


def troubled(seed: int):
    """A Hub's bad day: each kind of fault now and then, besides the one that every life of the server meets first."""
    rng, lock = random.Random(seed), threading.Lock()
    seen: collections.Counter[str] = collections.Counter()

    def fault(kind: str) -> Fault | None:
        with lock:
            if kind not in ("commit", "preupload", "paths-info", "tree") or rng.random() > (
                0.3 if kind == "commit" else 0.05
            ):
                return None
            chosen = rng.choice(KINDS)
            seen[named(chosen)] += 1
            return chosen

    return fault, seen


def named(fault: Fault) -> str:
    return str(fault.status or ("lost answer" if fault.drop_after else "cut" if fault.drop_before else "stall"))


def rows_on(hub: HubDouble, kind: str = "labels") -> list[dict]:
    files = hub.repo("dataset", "tester/loss").files
    return [
        json.loads(line)
        for path, data in files.items()
        if path.startswith(f"data/{kind}/")
        for line in data.splitlines()
    ]


def wait_for_withdrawal(browser: BrowserDouble, seconds: float = 20) -> None:
    """Until this rater, who has judged something, was told "withdrawn"."""
    end = time.monotonic() + seconds
    while not browser._own and time.monotonic() < end:
        time.sleep(0.02)
    before = len(browser.withdrawn)
    browser.leaving = True
    while len(browser.withdrawn) == before and time.monotonic() < end:
        time.sleep(0.005)


def wait_for_votes(browsers: list[BrowserDouble], seconds: float = 20) -> None:
    """Until this life of the server has acknowledged a vote."""
    before, end = sum(len(b.acknowledged) for b in browsers), time.monotonic() + seconds
    while sum(len(b.acknowledged) for b in browsers) == before and time.monotonic() < end:
        time.sleep(0.02)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("wiped", [False, True], ids=["disk kept", "disk wiped"])
def test_ten_kills_lose_and_double_nothing(tmp_path, wiped, capsys):
    rng, rival_pace = random.Random(wiped), random.Random(9)
    text = STUDY.replace("raters_per_item = 3", "raters_per_item = 6\nmost_per_rater = 100000").replace(
        "gold = 2", "gold = 0"
    )
    study = write_study(tmp_path / "study", items=300, gold=0, text=text)
    data = tmp_path / "data"
    stop, rival_stop = threading.Event(), threading.Event()
    with HubDouble() as hub:
        hub.repo("dataset", "tester/loss")
        hub.random_fault, faults = troubled(int(wiped))
        server = Server(study, data, hub.address)
        browsers = [BrowserDouble(server.address, seed) for seed in range(RATERS + LEAVERS)]
        leavers = browsers[RATERS:]
        threads = [threading.Thread(target=b.run, args=(stop, 0.05), daemon=True) for b in browsers]

        def rival() -> None:
            number = 0
            while not rival_stop.wait(rival_pace.uniform(0.1, 1.5)):
                number += 1
                hub.put("dataset", "tester/loss", {"rival.txt": str(number).encode()}, "rival")

        threads.append(threading.Thread(target=rival, daemon=True))
        server.start()
        server.wait_open()
        for thread in threads:
            thread.start()
        for life in range(KILLS):
            if not hub.faults:
                hub.faults.append(KINDS[life % len(KINDS)])
                faults[named(hub.faults[0])] += 1
            wait_for_votes(browsers[:RATERS])
            time.sleep(rng.uniform(0.0, 2.0))
            wait_for_withdrawal(leavers[life % LEAVERS])
            server.end(signal.SIGKILL)
            if wiped:
                shutil.rmtree(data)
            server.start()
            server.wait_open()
        time.sleep(1.0)
        stop.set()
        for thread in threads[:-1]:
            thread.join(30)
        end = time.monotonic()
        while time.monotonic() - end < 90:
            for browser in browsers:
                browser.step(vote=False)
                browser.settle()
            if all(not b.pending and not b.left and b.acknowledged <= b.on_hub for b in browsers):
                break
            time.sleep(0.2)
        took = time.monotonic() - end
        rival_stop.set()
        server.end(signal.SIGTERM)
        server.close()
        rows, gone = rows_on(hub), [row["rater"] for row in rows_on(hub, "withdrawals")]
        commits = len(hub.repo("dataset", "tester/loss").commits)
    acknowledged = set().union(*(b.acknowledged for b in browsers))
    kept = collections.Counter(row["label"] for row in rows)
    lost, doubled = acknowledged - set(kept), [label for label, n in kept.items() if n > 1]
    twice = [
        pair
        for pair, n in collections.Counter((r["item"], r["rater"]) for r in rows if not r["is_repeat"]).items()
        if n > 1
    ]
    left = [labels for browser in browsers for labels in browser.withdrawn]
    back = [row["label"] for row in rows if row["rater"] not in gone and any(row["label"] in own for own in left)]
    with capsys.disabled():
        print(
            f"\n  {KILLS} kills, {'disk wiped each time' if wiped else 'disk kept'}: {len(acknowledged)} votes "
            f"acknowledged, "
            f"{len(rows)} on the Hub, lost {len(lost)}, doubled {len(doubled)}; last one there after {took:.1f} s; "
            f"{len(left)} withdrawals acknowledged, {len(gone)} on the Hub, {len(back)} of their "
            f"{sum(map(len, left))} votes still counted; {commits} commits with the rival's; faults {dict(faults)}; "
            "refused "
            f"{sum(len(b.refused) for b in browsers)}"
        )
    assert len(acknowledged) >= 10
    assert sum(faults.values()) >= 4
    assert (lost, doubled, twice, back) == (set(), [], [], [])
    assert len(left) >= KILLS - 2
    assert len(gone) == len(set(gone)) == len(left)
    assert took < 90
