"""Shards on a Ray cluster of two nodes of this machine: one row for each photo, whatever dies.

One cluster for all: nodes are slow to start. Its processes are in groups of their own, and only those are ended.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.scale.test_shards import check_whole, planned
from tests.scale.toys import folder_of
from workbench.errors import BadRequest
from workbench.scale import ray as engine
from workbench.scale import shard

pytest.importorskip("ray")
ROOT = Path(__file__).resolve().parents[2]


class Node:
    """A Ray node in a process group of its own."""

    def __init__(self, *words: str, env: dict[str, str]) -> None:
        command = [
            str(Path(sys.executable).parent / "ray"),
            "start",
            "--block",
            "--disable-usage-stats",
            "--num-cpus=1",
            *words,
        ]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(
            [*command, "--object-store-memory=80000000"], env=env, start_new_session=True, **quiet
        )

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.2", 0))
        return int(place.getsockname()[1])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, settings):
    """Two nodes: their address, the second one, and the environment of a driver. Tokens are in a folder of our own."""
    token = tmp_path_factory.mktemp("ray") / "token"
    token.write_text("a" * 64)
    told = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token), "RAY_USAGE_STATS_ENABLED": "0"}
    env = {**os.environ, **told, "PYTHONPATH": str(ROOT), "WORKBENCH_CACHE": str(settings.cache)}
    port = free_port()
    address = f"127.0.0.2:{port}"
    head = Node("--head", "--node-ip-address=127.0.0.2", f"--port={port}", "--include-dashboard=false", env=env)
    nodes = [head]
    try:
        wait_for(port)
        nodes.append(Node("--node-ip-address=127.0.0.3", f"--address={address}", env=env))
        yield address, nodes[1], env
    finally:
        for node in reversed(nodes):
            node.kill()


def driver(out: Path, address: str, env: dict[str, str]) -> subprocess.Popen:
    words = [sys.executable, "-m", "tests.scale.ray_driver", str(out), address]
    return subprocess.Popen(words, cwd=ROOT, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)


def until(what, seconds: float = 100) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.2", port)) == 0:
                return
        time.sleep(0.2)
    raise AssertionError("the head node did not start")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    content = {f"p{n:02}_jpg": f"slow {n}" for n in range(40)}
    return folder_of(tmp_path / "in", **content, poison_jpg="kill", bad_jpg="bad")


def test_a_poison_photo_a_killed_driver_and_a_lost_node_leave_one_row_for_each_photo(photos, tmp_path, bench, cluster):
    address, other, env = cluster
    made = planned(photos, tmp_path / "out", bench)

    first = driver(made.folder, address, env)
    until(lambda: len(made.done()) >= 2 or first.poll() is not None)
    assert first.poll() is None, first.stderr.read().decode()
    first.kill()
    first.wait()
    kept = {path: path.stat().st_mtime_ns for path in (made.folder / "rows").glob("*.parquet")}
    assert len(kept) < made.shards

    second = driver(made.folder, address, env)
    until(lambda: len(made.done()) >= len(kept) + 2)
    other.kill()
    _, said = second.communicate(timeout=100)

    assert second.returncode == 0, said.decode()
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in kept.items()), "what was done stays"
    assert dict(shard.first_errors(made, 9))["poison.jpg"].startswith("the process that worked on this photo ended 2")
    check_whole(made, failed=2)


def test_a_cluster_that_is_none_is_a_sentence(photos, tmp_path, bench):
    made = planned(photos, tmp_path / "out", bench)
    for address in (f"127.0.0.4:{free_port()}", "nowhere"):
        with pytest.raises(BadRequest, match=f"No Ray cluster at {address}"):
            engine.run(made, range(1), shard.Rules(), 1, lambda tally: None, address=address)
