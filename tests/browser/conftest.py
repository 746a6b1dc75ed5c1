"""A real server in its own process and a real Chromium, shared by the browser tests. Screenshots go to `artifacts/`."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.browser.chromium import free_port, launched

ROOT = Path(__file__).resolve().parents[2]
PATIENCE, FIRST = 60_000, 120_000
"""Milliseconds a test waits for what it expects, and for a page: a server's first one took longer than thirty seconds
where twenty processes shared two cores."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, settings, example_photos) -> Iterator[str]:
    """The whole workbench on a free port, over the default weights; its address."""
    folder = tmp_path_factory.mktemp("server")
    port = free_port()
    keep = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("WORKBENCH_DATA", "WORKBENCH_PORT", "SPACE_"))
    }
    environment = keep | {"WORKBENCH_DATA": str(folder / "data"), "WORKBENCH_PORT": str(port), "OMP_NUM_THREADS": "2"}
    environment |= {"WORKBENCH_CACHE": str(settings.cache)}
    environment |= {"WORKBENCH_OWNER_TOKEN": "owner-token-of-the-browser-tests"}
    log = folder / "log.txt"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py")], cwd=ROOT, env=environment, stdout=stream, stderr=subprocess.STDOUT
        )
    try:
        for _ in range(720):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, log.read_text()[-3000:]
            time.sleep(0.25)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert "Traceback" not in log.read_text(), log.read_text()[-3000:]


@pytest.fixture(scope="package")
def chromium():
    """Debian's Chromium, headless. What is expected may take as long as on a busy machine: Playwright's own five
    seconds are less than a first page took there."""
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE)
    with launched() as browser:
        yield browser


@contextmanager
def _noted(chromium, **options: Any) -> Iterator[Any]:
    """A fresh page that notes every request to another machine and every error of its own scripts."""
    context = chromium.new_context(accept_downloads=True, **options)
    page = context.new_page()
    outside: list[str] = []
    errors: list[str] = []
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith(("http://127.0.0.1", "data:", "blob:")) else outside.append(request.url)
        ),
    )
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_default_timeout(PATIENCE)
    page.set_default_navigation_timeout(FIRST)
    yield page
    context.close()
    assert outside == []
    assert errors == []


@pytest.fixture
def page(chromium):
    """A fresh page on a laptop."""
    with _noted(chromium, viewport={"width": 1280, "height": 950}) as page:
        yield page


@pytest.fixture
def phone(chromium):
    """A fresh page on a phone."""
    with _noted(chromium, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as page:
        yield page


@pytest.fixture(scope="session")
def portrait(tmp_path_factory: pytest.TempPathFactory, astronaut) -> str:
    """NASA's astronaut as a file to upload."""
    path = tmp_path_factory.mktemp("photos") / "astronaut.png"
    Image.fromarray(astronaut).save(path)
    return str(path)


@pytest.fixture
def keep(request: pytest.FixtureRequest):
    """Keep a screenshot under `artifacts/`, named after the test."""
    folder = ROOT / "artifacts"
    folder.mkdir(exist_ok=True)

    def save(page, name: str = "") -> Path:
        path = folder / f"{request.node.name}{'-' + name if name else ''}.png"
        page.screenshot(path=path, full_page=True)
        return path

    return save


@pytest.fixture(scope="package")
def hub():
    """A double of the Hub that a labeling server pushes to."""
    from tests.hub_double import HubDouble

    with HubDouble() as hub:
        yield hub


@pytest.fixture(scope="package")
def booth(tmp_path_factory, hub):
    """`label serve` on the demo study, pushing to the Hub double; its address and data folder."""
    from tests.browser.labeling_booth import serve_booth

    yield from serve_booth(tmp_path_factory, hub)


@pytest.fixture(scope="package")
def corner(tmp_path_factory):
    """`label serve` on a study of twelve choices that no test exhausts; its address and data folder."""
    from tests.browser.labeling_booth import serve_corner

    yield from serve_corner(tmp_path_factory)
