"""Several servers on one PostgreSQL: how many votes a second, and the compose file's processes brought up by hand.

python benchmarks/replicas.py votes [--seconds 10]     1 and 2 servers, sticky and random routing: a table
python benchmarks/replicas.py compose [--screenshot FILE]
    what compose.yaml names, without Docker: its two servers, PostgreSQL from its wheel, nginx with deploy/nginx.conf;
    two raters on different servers, one server killed, one restarted: a transcript
"""

import argparse
import collections
import http.client
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import labeling_server as labeling  # noqa: E402
import yaml  # noqa: E402

from tests.browser.chromium import free_port, launched  # noqa: E402
from tests.hub_double import HubDouble  # noqa: E402
from tests.labeling.databases import postgres_database, postgres_server  # noqa: E402
from tests.labeling.raters import Visitor  # noqa: E402
from tests.labeling.serving.test_loss import rows_on  # noqa: E402
from workbench.labeling.serving.desk import GRACE  # noqa: E402
from workbench.labeling.serving.folders import choose_folder  # noqa: E402
from workbench.settings import Settings  # noqa: E402

RATERS, TARGET = 12, 3
Row = dict[str, Any]


class Caller(Visitor):
    """A rater who speaks to Gradio's own address, connections kept open, with the cookie that a proxy gave."""

    def __init__(self, addresses: list[str], seed: int, sticky: bool, number: int) -> None:
        """number: the raters' component. Each calls from an address of its own, as raters do: rates are per address."""
        super().__init__(addresses, seed, sticky)
        self._addresses = list(addresses)  # begins at the first one
        self._own = (f"127.1.{seed // 250}.{seed % 250 + 1}", 0)
        self._number, self._open, self.cookie = number, dict[str, http.client.HTTPConnection](), ""

    def post(self, path: str, asked: Row) -> Row | None:
        if not self._sticky:
            self._rng.shuffle(self._addresses)
        for address in list(self._addresses):
            answer = self._ask(address, path.strip("/"), asked)
            if answer is not None:
                return answer
            self._addresses.append(self._addresses.pop(0))
        return None

    def _ask(self, address: str, name: str, asked: Row) -> Row | None:
        host, _, prefix = address.split("//")[1].rstrip("/").partition("/")
        body = json.dumps({"data": asked, "component_id": self._number, "fn_name": name, "session_hash": "x"})
        kind = {"Content-Type": "application/json"} | ({"Cookie": self.cookie} if self.cookie else {})
        try:
            line = self._open.setdefault(
                address, http.client.HTTPConnection(host, timeout=15, source_address=self._own)
            )
            place = f"/{prefix}/gradio_api/component_server/" if prefix else "/gradio_api/component_server/"
            line.request("POST", place, body, kind)
            answer = line.getresponse()
            data = answer.read()
            self.cookie = self.cookie or (answer.headers.get("Set-Cookie") or "").split(";")[0]
            if answer.status == 200:
                return json.loads(data)
            if answer.status in (400, 502, 503):
                return None
            raise AssertionError(f"{name}: {answer.status} {data[:200]!r}")
        except (OSError, http.client.HTTPException):
            self._open.pop(address, None)
            return None


def checked(hub: HubDouble, visitors: list[Visitor]) -> Row:
    """What the data set holds against what raters were told."""
    rows = [row for row in rows_on(hub) if not row["is_repeat"]]
    acknowledged = set().union(*(visitor.acknowledged for visitor in visitors))
    kept = collections.Counter(row["label"] for row in rows)
    per_item = collections.Counter(row["item"] for row in rows)
    pairs = collections.Counter((row["item"], row["rater"]) for row in rows)
    return {
        "acknowledged": len(acknowledged),
        "lost": len(acknowledged - set(kept)),
        "doubled": sum(kept.values()) - len(kept),
        "over target": sum(n > TARGET for n in per_item.values()),
        "given twice": sum(n > 1 for n in pairs.values()),
        "resends": sum(visitor.resends for visitor in visitors),
    }


def votes(args: argparse.Namespace) -> None:
    """The table of rates. Routings are compared on the same servers, in turn, once they are warm: a database that began
    empty is asked with every exchange of its first 20 s whether an earlier life's answers come back."""
    with postgres_server() as server, tempfile.TemporaryDirectory() as scratch:
        study = labeling.write_study(Path(scratch) / "study", 12_000, raters=TARGET)
        for count, turns in ((1, (True, True)), (2, (True, False, True, False))):
            with postgres_database(server) as database, HubDouble() as hub:
                hub.repo("dataset", "tester/loss")
                os.environ["WORKBENCH_DATABASE_URL"] = database
                visitors = _rates(study, Path(scratch) / str(count), hub, count, turns, args.seconds)
                print(", ".join(f"{name} {value}" for name, value in checked(hub, visitors).items()), flush=True)


def _rates(
    study: Path, data: Path, hub: HubDouble, count: int, turns: tuple[bool, ...], seconds: float
) -> list[Visitor]:
    """One line per turn, and everybody who voted. turns: whether visitors stay at one server."""
    with ExitStack() as servers:
        running = [
            servers.enter_context(labeling.serving(study, data / str(n), hub=hub.address, interval=2.0))
            for n in range(count)
        ]
        numbers = [labeling.wait_open(address, process)["sync"] for address, process in running]
        addresses, seeds = [address.rstrip("/") for address, _ in running], itertools.count()

        def crowd(sticky: bool) -> list[Visitor]:
            """Of two servers, every other visitor begins at the second."""
            return [
                Caller(addresses[n % count :] + addresses[: n % count], next(seeds), sticky, numbers[0])
                for n in range(RATERS)
            ]

        everybody, _ = _vote(crowd(False), GRACE + 2)
        for sticky in turns:
            before = [_cpu(process.pid) for _, process in running]
            visitors, took = _vote(crowd(sticky), seconds)
            spent = sum(_cpu(process.pid) - was for (_, process), was in zip(running, before, strict=True))
            times = [1000 * t for visitor in visitors for t in visitor.times]
            told = (f"{count} servers, {'sticky' if sticky else 'random'}", f"{len(times) / took:.0f} votes/s")
            told += (f"p50 {labeling.percentile(times, 50):.0f} ms", f"p95 {labeling.percentile(times, 95):.0f} ms")  # type: ignore[assignment]
            print(" | ".join((*told, f"{1000 * spent / len(times):.2f} CPU-ms a vote in the servers")), flush=True)
            everybody += visitors
    return everybody


def _cpu(process: int) -> float:
    """CPU seconds of a process so far."""
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _vote(visitors: list[Visitor], seconds: float) -> tuple[list[Visitor], float]:
    """The visitors after so long, and how long it was."""
    stop, began = threading.Event(), time.monotonic()
    threads = [threading.Thread(target=visitor.run, args=(stop,), daemon=True) for visitor in visitors]
    for thread in threads:
        thread.start()
    stop.wait(seconds)
    stop.set()
    for thread in threads:
        thread.join(30)
    return visitors, time.monotonic() - began


def said(text: str) -> None:
    """A line of the transcript, with the seconds since the start."""
    print(f"{time.monotonic() - BEGAN:6.1f} s  {text}", flush=True)


def environment(database: str, data: Path, port: int) -> dict[str, str]:
    """The servers' environment as compose.yaml has it, with this machine's addresses and folders."""
    file = yaml.safe_load((ROOT / "compose.yaml").read_text())
    own = {"OWNER_TOKEN": labeling.OWNER, "POSTGRES_PASSWORD": "-", "HUB_DATASET": "tester/loss", "HF_TOKEN": "hf_x"}
    filled = {
        name: re.sub(r"\$\{(\w+)(?::[-?]([^}]*))?\}", lambda found: own.get(found[1], found[2] or ""), str(value))
        for name, value in file["services"]["app1"]["environment"].items()
    }
    cache = {"WORKBENCH_CACHE": os.environ.get("WORKBENCH_CACHE", "")}
    return (
        filled | {"WORKBENCH_DATA": str(data), "WORKBENCH_DATABASE_URL": database, "WORKBENCH_PORT": str(port)} | cache
    )


class App:
    """One of the two servers of compose.yaml."""

    def __init__(self, name: str, database: str, data: Path, hub: str) -> None:
        self.name, self.port = name, free_port()
        self._own = os.environ | environment(database, data, self.port) | {"HF_ENDPOINT": hub}
        self._own |= {"HF_HUB_DISABLE_XET": "1", "WORKBENCH_HOST": "127.0.0.1"}
        self._log = data.parent / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"][self.name]["command"]
        said(f"{self.name}: {' '.join(command)} (port {self.port})")
        with self._log.open("ab") as log:
            words = [sys.executable if command[0] == "python" else command[0], *command[1:]]
            self.process = subprocess.Popen(words, cwd=ROOT, env=self._own, stdout=log, stderr=log)

    def health(self) -> int:
        try:
            line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            line.request("GET", "/health")
            return line.getresponse().status
        except OSError:
            return 0

    def wait(self, status: int, seconds: float = 300) -> None:
        end = time.monotonic() + seconds
        while self.health() != status:
            assert self.process is None or self.process.poll() is None or not status, self._log.read_text()[-2000:]
            assert time.monotonic() < end, self._log.read_text()[-2000:]
            time.sleep(0.1)
        said(f"{self.name}: GET /health → {status or 'no answer'}")

    def end(self, how: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        said(f"{self.name}: {how.name}")


@contextmanager
def nginx(apps: list[App], folder: Path) -> Iterator[tuple[str, Path]]:
    """deploy/nginx.conf with this machine's ports; its address and its log of who was sent where."""
    port, log = free_port(), folder / "access.log"
    text = (ROOT / "deploy/nginx.conf").read_text().replace("listen 8080", f"listen 127.0.0.1:{port}")
    for app in apps:
        text = text.replace(f"{app.name}:7860", f"127.0.0.1:{app.port}")
    own = [f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
    own += ["log_format routes '$upstream_addr $visitor $status $request_method $uri';", f"access_log {log} routes;"]
    text = text.replace("http {", "http {\n  " + "\n  ".join(own)).replace(
        "worker_processes auto", "worker_processes 1"
    )
    (folder / "nginx.conf").write_text(f"pid {folder}/pid;\nerror_log {folder}/error.log;\n{text}")
    words = [shutil.which("nginx") or "nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-g", "daemon off;"]
    with (folder / "nginx.out").open("ab") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out)
    said(f"proxy: nginx -c deploy/nginx.conf (port {port}, prefix /faces)")
    try:
        yield f"http://127.0.0.1:{port}/faces", log
    finally:
        process.terminate()
        process.wait(10)


def server_of(visitor: Caller, apps: list[App], log: Path) -> str:
    """Which server the proxy sent this visitor to last."""
    time.sleep(0.1)
    ports = {str(app.port): app.name for app in apps}
    mine = [line.split()[0] for line in log.read_text().splitlines() if visitor.cookie.split("=")[-1] in line]
    last = [part for part in mine if part.startswith("127")][-1]
    return ports[last.split(",")[-1].strip().split(":")[-1]]


def component(address: str, seconds: float = 60) -> int:
    """The raters' component, as the page says."""
    host, _, prefix = address.split("//")[1].partition("/")
    line = http.client.HTTPConnection(host, timeout=seconds)
    line.request("GET", f"/{prefix}/config")
    parts = json.loads(line.getresponse().read())["components"]
    return next(part["id"] for part in parts if "sync" in (part["props"].get("server_fns") or []))


def compose(args: argparse.Namespace) -> None:
    """The transcript."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        hub, server = stack.enter_context(HubDouble()), stack.enter_context(postgres_server())
        hub.repo("dataset", "tester/loss")
        database = stack.enter_context(postgres_database(server))
        said("db: PostgreSQL")
        data = folder / "data"
        choose_folder(
            Settings(cache=folder, data=data), labeling.write_study(data / "studies" / "loss", 400, raters=TARGET)
        )
        apps = [App(name, database, data, hub.address) for name in ("app1", "app2")]
        for app in apps:
            app.start()
        try:
            for app in apps:
                app.wait(200)
            address, log = stack.enter_context(nginx(apps, folder))
            time.sleep(0.5)
            _play(args, apps, address, log, hub)
        finally:
            for app in apps:
                if app.process and app.process.poll() is None:
                    app.process.kill()
                    app.process.wait(20)


def _play(args: argparse.Namespace, apps: list[App], address: str, log: Path, hub: HubDouble) -> None:
    number, raters = component(address), dict[str, Caller]()
    for seed in range(40):
        rater = Caller([address], seed, True, number)
        rater.step()
        raters.setdefault(server_of(rater, apps, log), rater)
        if len(raters) == 2:
            break
    raters = dict(sorted(raters.items()))
    one, two = raters["app1"], raters["app2"]
    said("rater 1 was sent to app1, rater 2 to app2 (cookie “visitor”)")
    if args.screenshot:
        _look(address, args.screenshot)
    _judge(raters, 40, apps, log)
    apps[1].end(signal.SIGKILL)
    _judge(raters, 80, apps, log)
    apps[1].start()
    apps[1].wait(200)
    _judge(raters, 100, apps, log)
    apps[0].end(signal.SIGTERM)
    apps[0].wait(0, 60)
    _judge(raters, 140, apps, log)
    apps[0].start()
    apps[0].wait(200)
    time.sleep(11)  # nginx looks again after ten seconds
    _judge(raters, 180, apps, log)
    for app in apps:
        app.end(signal.SIGTERM)
        assert app.process is not None
        app.process.wait(60)
    said(f"in the data set: {checked(hub, [one, two])}")


def _judge(raters: dict[str, Caller], until: int, apps: list[App], log: Path) -> None:
    """Both raters in turn, until each has this many answers."""
    end = time.monotonic() + 120
    while any(len(rater.acknowledged) < until for rater in raters.values()) and time.monotonic() < end:
        for rater in raters.values():
            if len(rater.acknowledged) < until and not rater.step():
                time.sleep(0.3)
    told = [f"{len(rater.acknowledged)} answers, now at {server_of(rater, apps, log)}" for rater in raters.values()]
    said(f"rater 1: {told[0]}; rater 2: {told[1]}")


def _look(address: str, file: Path) -> None:
    with launched() as browser:
        page = browser.new_page()
        failed: list[str] = []
        page.on("requestfailed", lambda request: failed.append(request.url))
        page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
        page.goto(f"{address}/?tab=labeling")
        page.get_by_text("I agree, begin").wait_for(timeout=60_000)
        page.screenshot(path=str(file))
    said(f"Chromium at {address}/?tab=labeling: the study's first page; requests that failed: {failed or 'none'}")


BEGAN = time.monotonic()
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action")
    rates = actions.add_parser("votes")
    rates.add_argument("--seconds", type=float, default=10.0)
    up = actions.add_parser("compose")
    up.add_argument("--screenshot", type=Path)
    given = parser.parse_args(sys.argv[1:] or ["votes"])
    votes(given) if given.action == "votes" else compose(given)
