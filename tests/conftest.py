"""What every test gets: an emptied environment, no way out of this machine, drawn or public-domain faces."""

import gc
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_UPDATE_CHECK"] = "1"
os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")

LONGEST = (
    "labeling/serving/test_loss.py",
    "publish/test_spaces.py",
    "ui/common/test_api_types.py",
    "scale/test_shards.py",
    "fuzz/test_endpoints.py",
    "models/test_on_a_card.py",
    "publish/test_zero_gpu.py",
    "cli/test_explain.py",
    "models/parsers/test_hub_parsers.py",
    "scale/test_ray.py",
    "ui/common/test_faces.py",
    "fuzz/test_files.py",
    "sources/test_hub_path.py",
    "ui/explanation/test_tab.py",
    "ui/common/test_door.py",
    "protection/test_hiding.py",
    "labeling/hub/test_outbox.py",
    "labeling/serving/test_replicas.py",
    "ui/test_app.py",
    "publish/test_wheel.py",
    "ui/protection/test_tab.py",
    "ui/common/test_stopping.py",
)
"""Files that take longest come first, so that no process is left alone with one of them at the end."""
BROWSER = "browser/"
"""The folder whose tests share a server and a Chromium, and so one process; it waits most of its time."""
ALLOWED_SKIPS = Path(__file__).parent / "allowed_skips.txt"
REAL_ENVIRONMENT = dict(os.environ)
STARTED_AT = os.nice(0)


def private_folder() -> Path | None:
    """`data` of ../shared, or WORKBENCH_SHARED_DATA, where private photos are at hand."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    given = Path(REAL_ENVIRONMENT.get("WORKBENCH_SHARED_DATA") or "/nonexistent")
    return next((folder for folder in (beside, given) if (folder / "photos").is_dir()), None)


def link_defaults(settings, cache: Path) -> None:
    """In `cache`, links to every default weight and example photo of the cache of `settings`."""
    from workbench.catalog import MODELS
    from workbench.catalog.generation import EXAMPLES
    from workbench.sources.fetching import place

    files = (place(file, settings) for spec in MODELS.values() if spec.default for file in spec.files)
    for path in {*files, *(settings.cache / EXAMPLES).glob("*.*")}:
        if path.is_relative_to(settings.cache) and path.is_file():
            link = cache / path.relative_to(settings.cache)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object | None:
    """With `--dist loadfile` a file is one process's, and so is the browser's whole folder."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return f"tests/{BROWSER}" if nodeid.startswith(f"tests/{BROWSER}") else super()._split_scope(nodeid)

    return Files(config, log)  # type: ignore[arg-type]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The browser's files come first, long ones next. Tests of private photos are marked so; where there are none they
    are neither run nor counted, nor are those of a graphics card unless asked for (`-m gpu`)."""
    here = Path(__file__).parent
    places = {str(here / name): place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: -1 if _in_browser(item) else places.get(str(item.path), len(places)))
    private = [item for item in items if "shared_data" in getattr(item, "fixturenames", ())]
    for item in private:
        item.add_marker("private_data")
    absent = private if private_folder() is None else []
    if "gpu" not in config.option.markexpr:
        absent = [*absent, *(item for item in items if item.get_closest_marker("gpu"))]
    if absent:
        config.hook.pytest_deselected(items=absent)
        items[:] = [item for item in items if item not in absent]


def _in_browser(item: pytest.Item) -> bool:
    return item.path.is_relative_to(Path(__file__).parent / BROWSER)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Where several processes share the cores, whoever computes makes way for the one with the page: a person's wait
    is measured there."""
    if "PYTEST_XDIST_WORKER" in os.environ and not _in_browser(item) and os.nice(0) == STARTED_AT:
        os.nice(5)


def pytest_collection_finish() -> None:
    """What was imported stays: the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _kept_for_good() -> Iterator[None]:
    """What a file of tests leaves behind stays too: a collection among a million objects takes half a second."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """No test leaves the next one networks on more threads: they add in another order, and last digits differ."""
    yield
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)


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
def fetched_settings():
    """Settings over the real cache, with whatever was fetched there; on the processor, whose figures are on record."""
    from workbench.settings import Settings

    kept = ("HOME", "XDG_CACHE_HOME", "WORKBENCH_CACHE")
    return Settings.from_env(
        {"WORKBENCH_DEVICE": "cpu", **{key: value for key, value in REAL_ENVIRONMENT.items() if key in kept}}
    )


@pytest.fixture(scope="session")
def settings(fetched_settings, tmp_path_factory: pytest.TempPathFactory):
    """Settings over a cache of the default weights alone, linked to where `make setup` put them: what else a person has
    fetched changes no test."""
    cache = tmp_path_factory.mktemp("cache")
    link_defaults(fetched_settings, cache)
    return replace(fetched_settings, cache=cache)


@pytest.fixture(scope="session")
def fetched_bench(fetched_settings):
    """A bench that also sees optional weights, for the tests that prove them where they are."""
    from workbench.bench import Workbench

    return Workbench(fetched_settings)


@pytest.fixture(scope="session")
def bench(settings):
    """One bench for the whole run: models load once."""
    from workbench.bench import Workbench

    return Workbench(settings)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of private photos beside the checkout. A test that asks for it is not collected where it is absent."""
    folder = private_folder()
    assert folder is not None
    return folder


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """NASA's portrait of an astronaut, 512 × 512 RGB, public domain, from scikit-image."""
    from skimage import data

    return data.astronaut()


@pytest.fixture(scope="session")
def example_photos(bench) -> list[Path]:
    """The example photos: NASA's astronaut, three people who do not exist, and all of them in one picture."""
    from workbench.publish import examples

    return examples.make(bench)


@pytest.fixture(scope="session")
def stranger(example_photos) -> np.ndarray:
    """Somebody else than the astronaut, who does not exist: 256 × 256 RGB."""
    return np.asarray(Image.open(example_photos[1]).convert("RGB"))


@pytest.fixture(scope="session")
def several_people(example_photos) -> Path:
    """A photo of four people, the astronaut's face the largest."""
    return example_photos[-1]


@pytest.fixture(scope="session")
def finder(bench):
    """The default detector with landmarks."""
    return bench.finder()


@pytest.fixture(scope="session")
def astronaut_face(astronaut, finder):
    """The astronaut's face, with landmarks."""
    from workbench.tasks.detection import one_face

    return one_face(astronaut, finder)


def do_little(patch: pytest.MonkeyPatch) -> None:
    """Proofs rest on 8 random maps instead of 50 and curves of 4 steps instead of 12, and a protection is searched for
    in 6 steps a level instead of 50 to 120: for tests of what comes out and in which form, not of how good it is."""
    from workbench.explanation import explain
    from workbench.protection.search import Plan

    usual = explain.proof_of.__kwdefaults__
    assert usual is not None
    for name, few in (("randoms", 8), ("steps", 4)):
        patch.setitem(usual, name, few)
    patch.setattr(Plan, "lengths", lambda plan: [6] * len(plan.levels))


@pytest.fixture
def little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """`do_little` for one test."""
    do_little(monkeypatch)


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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Figures that tests recorded (`record_property`), so that a run shows them."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")
