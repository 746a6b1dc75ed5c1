"""The Spaces are generated, never drift, and every one of them starts by itself and answers a real question."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from workbench import publish
from workbench.errors import BadRequest
from workbench.tabs import TABS
from workbench.ui.app import builder


def test_generated_files_are_up_to_date() -> None:
    assert publish.check() == []


def test_drift_is_noticed(tmp_path: Path) -> None:
    for name in ("requirements.txt", "constraints.txt", "README.md", "LICENSE"):
        (tmp_path / name).write_text((publish.ROOT / name).read_text())
    publish.write(tmp_path)
    (tmp_path / "spaces" / "parsing" / "app.py").write_text("print('changed by hand')\n")
    (tmp_path / "spaces" / "parsing" / "__init__.py").touch()
    (tmp_path / "spaces" / "forgotten").mkdir()

    faults = publish.check(tmp_path)

    assert len(faults) == 3
    assert "make docs" in faults[0]


def test_words_by_hand_survive_writing(tmp_path: Path) -> None:
    for name in ("requirements.txt", "constraints.txt", "LICENSE"):
        (tmp_path / name).write_text((publish.ROOT / name).read_text())
    publish.write(tmp_path)
    readme = tmp_path / "spaces" / "parsing" / "README.md"
    readme.write_text(readme.read_text() + "\nWords by hand.\n")
    publish.write(tmp_path)

    assert readme.read_text().endswith("\nWords by hand.\n")
    assert publish.check(tmp_path) == []


def test_a_tab_has_its_place_in_every_layer() -> None:
    for tab in TABS:
        assert builder(tab).__module__ == f"workbench.ui.{tab.stem}"
        assert (publish.ROOT / "spaces" / tab.stem / "app.py").is_file()
        assert list((publish.ROOT / "tests" / "browser").glob(f"test_{tab.stem}*.py")), f"no browser test for {tab.stem}"


def test_a_folder_with_something_else_in_it_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(BadRequest, match="not empty"):
        publish.assemble("parsing", tmp_path)
    assert (tmp_path / "thesis.txt").is_file()


def test_pushing_without_a_token_says_so(tmp_path: Path, settings) -> None:
    with pytest.raises(BadRequest, match="HF_TOKEN"):
        publish.push("parsing", "someone/parsing", settings, tmp_path)


@contextmanager
def _started(folder: Path) -> Iterator[str]:
    """An assembled Space, started as the Hub starts it: same interpreter, its own folder, no PYTHONPATH."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if key in ("HOME", "PATH", "XDG_CACHE_HOME", "OMP_NUM_THREADS")}
    environment |= {"SYSTEM": "spaces", "SPACE_ID": "someone/space", "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)}
    environment |= {"WORKBENCH_DATA": str(folder.parent / "data"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    log = folder.parent / "log.txt"
    with log.open("w") as stream:
        process = subprocess.Popen([sys.executable, "app.py"], cwd=folder, env=environment, stdout=stream, stderr=subprocess.STDOUT)
        try:
            for _ in range(240):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                if process.poll() is not None:
                    break
                time.sleep(0.5)
            assert process.poll() is None, log.read_text()[-3000:]
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture(scope="session")
def portrait(tmp_path_factory: pytest.TempPathFactory, astronaut) -> str:
    from PIL import Image

    path = tmp_path_factory.mktemp("photos") / "astronaut.png"
    Image.fromarray(astronaut).save(path)
    return str(path)


@pytest.mark.parametrize("stem", ["parsing", "landmarks", "workbench"])
def test_the_space_starts_by_itself_and_answers(stem: str, tmp_path: Path, portrait: str) -> None:
    folder = publish.assemble(stem, tmp_path / "space")
    assert not (folder / "spaces").exists()
    with _started(folder) as address:
        client = Client(address, verbose=False, download_files=False)
        if stem == "landmarks":
            _, table = client.predict(handle_file(portrait), api_name="/landmarks")
            assert len(table["data"]) == 1
        else:
            viewer, table, *_ = client.predict(handle_file(portrait), "compact", api_name="/parse")
            viewer = json.loads(viewer) if isinstance(viewer, str) else viewer
            assert {"Hair", "Skin", "Nose"} <= {part["name"] for part in viewer["parts"]}
        client.close()
