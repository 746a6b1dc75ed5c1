"""Ctrl-C took 34 seconds while something was being worked on."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from workbench.images import encode_png

ROOT = Path(__file__).resolve().parents[3]
SLOWER = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def _heed_ctrl_c() -> None:
    """A shell starts what it runs in the background deaf to Ctrl-C, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def server(settings, tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "weights").symlink_to(settings.cache / "weights")
    environment = {key: value for key, value in os.environ.items() if key in ("HOME", "PATH", "PYTHONPATH")}
    environment |= {
        "WORKBENCH_PORT": str(port),
        "WORKBENCH_CACHE": str(tmp_path),
        "WORKBENCH_DATA": str(tmp_path / "d"),
    }
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "app.py")],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=_heed_ctrl_c,
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            if httpx.get(f"{address}/health", timeout=5).status_code == 200:
                break
        except httpx.TransportError:
            time.sleep(0.2)
    yield address, process
    process.kill()
    process.wait()


def test_ctrl_c_stops_the_server_while_it_works(server, astronaut: np.ndarray) -> None:
    address, process = server
    files = {"files": ("a.png", encode_png(astronaut), "image/png")}
    path = httpx.post(f"{address}/gradio_api/upload", files=files, timeout=60).json()[0]
    photo = {"path": path, "meta": {"_type": "gradio.FileData"}}
    for _ in range(2):
        body = {"data": [[photo] * 50, "neutral", "strong", [], []]}
        begun = httpx.post(f"{address}/gradio_api/call/protect_many", json=body, timeout=60)
        assert begun.status_code == 200
    with httpx.stream(
        "GET", f"{address}/gradio_api/call/protect_many/{begun.json()['event_id']}", timeout=60
    ) as stream:
        next(stream.iter_lines())
        time.sleep(4)
        pressed = time.monotonic()
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=60)

    assert time.monotonic() - pressed < 4 * SLOWER
    assert "Traceback" not in text
    assert process.returncode == 0, text
