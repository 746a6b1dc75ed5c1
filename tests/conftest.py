"""What every test gets: an emptied environment, no way out of this machine, drawn or public-domain faces."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_UPDATE_CHECK"] = "1"
os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")

ALLOWED_SKIPS = Path(__file__).parent / "allowed_skips.txt"
REAL_ENVIRONMENT = dict(os.environ)


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the WORKBENCH_*, Space or Hub variables of whoever runs it."""
    for name in list(os.environ):
        if name.startswith(("WORKBENCH_", "SPACE_", "HF_TOKEN", "OAUTH_")) or name in (
            "SYSTEM",
            "GRADIO_SERVER_PORT",
            "GRADIO_SERVER_NAME",
        ):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _no_way_out(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A connection to anything but this machine is a bug in the test or in the code."""
    if request.node.get_closest_marker("network"):
        return
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0]) if isinstance(address, tuple) else str(address)
            if not (host.startswith("127.") or host in ("localhost", "::1", "0.0.0.0")):
                raise OSError(f"a test tried to connect to {host}")
        return connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def settings():
    """Settings over the real cache, where `make setup` put the weights; on the processor, whose figures are on
    record."""
    from workbench.settings import Settings

    kept = ("HOME", "XDG_CACHE_HOME", "WORKBENCH_CACHE")
    return Settings.from_env(
        {"WORKBENCH_DEVICE": "cpu", **{key: value for key, value in REAL_ENVIRONMENT.items() if key in kept}}
    )


@pytest.fixture(scope="session")
def bench(settings):
    """One bench for the whole run: models load once."""
    from workbench.bench import Workbench

    return Workbench(settings)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of private photos beside the checkout; skips where it is absent."""
    here = Path(__file__).resolve()
    for folder in (
        here.parents[1].parent / "shared" / "data",
        Path(REAL_ENVIRONMENT.get("WORKBENCH_SHARED_DATA", "/nonexistent")),
    ):
        if (folder / "photos").is_dir():
            return folder
    pytest.skip("../shared/data is not here: the private photos lie beside the checkout, never in it")


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """NASA's portrait of an astronaut, 512 × 512 RGB, public domain, from scikit-image."""
    from skimage import data

    return data.astronaut()


@pytest.fixture(scope="session")
def finder(bench):
    """The default detector with landmarks."""
    return bench.model("blazeface")


@pytest.fixture(scope="session")
def astronaut_face(astronaut, finder):
    """The astronaut's face, with landmarks."""
    from workbench.tasks.detection import one_face

    return one_face(astronaut, finder)


def _allowed(nodeid: str) -> bool:
    lines = ALLOWED_SKIPS.read_text().splitlines()
    return any(nodeid.startswith(line.split("#")[0].strip()) for line in lines if line.split("#")[0].strip())


@pytest.hookimpl(hookwrapper=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Iterator[None]:
    """Under CI a skip that is not on the committed list fails the run."""
    yield
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if REAL_ENVIRONMENT.get("CI") != "true" or reporter is None or hasattr(session.config, "workerinput"):
        return
    unexpected = [report.nodeid for report in reporter.stats.get("skipped", []) if not _allowed(report.nodeid)]
    if unexpected:
        reporter.write_line(
            f"FAILED: {len(unexpected)} skips are not in tests/allowed_skips.txt: {unexpected}", red=True
        )
        session.exitstatus = 1
