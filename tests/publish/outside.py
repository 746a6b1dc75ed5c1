"""Programs away from the checkout: in an interpreter that has the requirements and not the package."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

KEPT = ("HOME", "PATH", "XDG_CACHE_HOME", "OMP_NUM_THREADS")
SITE = os.pathsep.join(dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib")))
PLAIN = (sys.executable, "-S")
"""An interpreter that reads no .pth file: PYTHONPATH lends it site-packages, an editable install lends it nothing."""


def environment(**more: str) -> dict[str, str]:
    """A bare environment with site-packages, without the checkout."""
    return {name: os.environ[name] for name in KEPT if name in os.environ} | {"PYTHONPATH": SITE, **more}


@dataclass(frozen=True, slots=True)
class Program:
    """One that was started: its process and what it said."""

    process: int
    log: Path

    @property
    def said(self) -> str:
        """Its whole output."""
        return self.log.read_text(errors="replace") if self.log.is_file() else ""

    @property
    def package(self) -> Path:
        """Where its `workbench` lies."""
        found = re.search(r"^workbench from (.+)$", self.said, re.MULTILINE)
        assert found, self.said
        return Path(found[1]).resolve().parent

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        found = re.search(r"^left with (\d+)$", self.said, re.MULTILINE)
        return int(found[1]) if found else None

    def wait(self, seconds: float = 120) -> int:
        """Its exit code."""
        end = time.monotonic() + seconds
        while self.code is None:
            assert time.monotonic() < end, self.said[-3000:]
            time.sleep(0.05)
        return self.code


class Outside:
    """A host (see host.py) that starts programs."""

    def __init__(self, folder: Path) -> None:
        """Start it; `folder` takes the logs."""
        self.folder, self.count = folder, 0
        script = Path(__file__).with_name("host.py")
        self._host = subprocess.Popen(
            [*PLAIN, str(script)],
            cwd=folder,
            env=environment(HF_HUB_DISABLE_TELEMETRY="1"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._host.stdout is not None
        assert self._host.stdout.readline() == "ready\n"

    def start(self, script: Path, package: Path, cwd: Path, arguments: Sequence[str] = (), **env: str) -> Program:
        """`python script arguments` in `cwd`, where the package is found in the folder `package`."""
        self.count += 1
        log = self.folder / f"{self.count}.log"
        wish = {
            "script": str(script),
            "package": str(package),
            "cwd": str(cwd),
            "arguments": list(arguments),
            "environment": environment(HF_HUB_DISABLE_TELEMETRY="1", **env),
            "log": str(log),
        }
        assert self._host.stdin is not None
        assert self._host.stdout is not None
        self._host.stdin.write(json.dumps(wish) + "\n")
        self._host.stdin.flush()
        return Program(int(self._host.stdout.readline()), log)

    @contextmanager
    def serving(
        self, script: Path, package: Path, cwd: Path, arguments: Sequence[str] = (), **env: str
    ) -> Iterator[tuple[str, Program]]:
        """As `start`, for a server on a free port; its address once it answers, and the program."""
        port = free_port()
        program = self.start(script, package, cwd, arguments, WORKBENCH_PORT=str(port), **env)
        try:
            end = time.monotonic() + 120
            while not _answers(port):
                assert program.code is None, program.said[-3000:]
                assert time.monotonic() < end, program.said[-3000:]
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/", program
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(program.process, signal.SIGKILL)

    def close(self) -> None:
        """End the host."""
        assert self._host.stdin is not None
        self._host.stdin.close()
        self._host.wait(timeout=20)
        assert self._host.stdout is not None
        self._host.stdout.close()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
